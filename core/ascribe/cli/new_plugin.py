"""``ascribe new-plugin``: a package with one algorithm, to start from."""

from __future__ import annotations

import re
import string
from importlib import resources
from pathlib import Path
from typing import Any

import click

from ascribe import registry
from ascribe.discovery import snake_case
from ascribe.errors import InputError


@click.command(name="new-plugin")
@click.argument("name")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=".",
    metavar="DIR",
    help="Where to write the package's folder. [default: here]",
)
def new_plugin(name: str, folder: Path) -> None:
    """Write a package that adds an algorithm called NAME: code, test, packaging."""
    plugin = snake_case(re.sub(r"[\s-]+", "_", name.strip()))
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", plugin):
        raise InputError(f"a plugin's name must be words of letters and digits, but is {name!r}")
    if snake_case(_class_name(plugin)) != plugin or plugin in ("attributions", "renderers"):
        raise InputError(
            f"a plugin cannot be called {plugin!r}: choose words of two letters or more"
        )
    if plugin in registry.attributions.names():
        raise InputError(f"there is an algorithm {plugin!r} already; choose another name")
    words = {"plugin": plugin, "package": f"ascribe_{plugin}", "Class": _class_name(plugin)}
    words["distribution"] = words["package"].replace("_", "-")
    target = folder / words["distribution"]
    if target.exists():
        raise InputError(f"{target} is there already; nothing was written")
    _write(resources.files("ascribe") / "templates" / "plugin", target, words)
    click.echo(f"wrote {target}; next:")
    click.echo(f"  pip install -e {target}")
    click.echo(f"  ascribe list {plugin}")
    click.echo(f"  python -m pytest {target}")


def _class_name(plugin: str) -> str:
    return "".join(word.capitalize() for word in plugin.split("_"))


def _write(template: Any, target: Path, words: dict[str, str]) -> None:
    """Copy a folder of templates, with ``$names`` filled in within files and file names."""
    if template.is_dir():
        target.mkdir(parents=True)
        for child in template.iterdir():
            if child.name != "__pycache__":
                name = child.name.removesuffix(".in").replace("__package__", words["package"])
                _write(child, target / name.replace("__plugin__", words["plugin"]), words)
    else:
        text = string.Template(template.read_text(encoding="utf-8")).substitute(words)
        target.write_text(text, encoding="utf-8")

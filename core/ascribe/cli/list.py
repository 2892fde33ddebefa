"""``ascribe list``: what there is to explain and to draw with."""

from __future__ import annotations

import inspect
import json
from typing import Any

import click

from ascribe import registry
from ascribe.errors import UnknownPluginError
from ascribe.parameters import own_parameters
from ascribe.registry import Listing, Registry

KINDS: dict[str, Registry[Any]] = {
    "algorithms": registry.attributions,
    "renderers": registry.renderers,
}


@click.command(name="list")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def list_plugins(name: str | None, as_json: bool) -> None:
    """List algorithms and renderers; with a NAME, its parameters and their defaults."""
    content = _one(name) if name else _everything()
    if as_json:
        click.echo(json.dumps(content, indent=2))
    elif name:
        _print_one(content)
    else:
        _print_everything(content)


def _everything() -> dict[str, list[dict[str, Any]]]:
    return {kind: [_row(row) for row in found.listing()] for kind, found in KINDS.items()}


def _row(row: Listing[Any]) -> dict[str, Any]:
    plugin = row.plugin
    return {
        "name": plugin.name,
        "classes": [cls.__name__ for cls in row.classes],
        "description": first_line(row.classes[0]) if row.classes else "",
        "distribution": plugin.distribution,
        "version": plugin.version,
        "error": str(row.error) if row.error else None,
    }


def first_line(thing: Any) -> str:
    """Return the first line of a docstring."""
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def _one(name: str) -> dict[str, Any]:
    described: Any
    kind: Registry[Any]
    try:
        described = registry.renderers.get(name)
        plugin, kind = registry.renderers.plugin_of(described), registry.renderers
        parameters = described().options()
    except UnknownPluginError:  # where neither kind has it, the message is that of algorithms
        described = registry.attributions.get(name)
        plugin, kind = registry.attributions.plugin_of(described), registry.attributions
        parameters = own_parameters(described)
    assert plugin is not None  # it was just found
    return {
        "name": plugin.name,
        "class": described.__name__,
        "classes": [cls.__name__ for cls in kind.classes(plugin.qualified_name)],
        "description": first_line(described),
        "distribution": plugin.distribution,
        "version": plugin.version,
        "parameters": {key: _default(parameter) for key, parameter in parameters.items()},
    }


def _default(parameter: inspect.Parameter) -> str:
    return "required" if parameter.default is parameter.empty else repr(parameter.default)


def _print_everything(content: dict[str, list[dict[str, Any]]]) -> None:
    width = max((len(row["name"]) for rows in content.values() for row in rows), default=0)
    for kind, rows in content.items():
        click.echo(f"{kind}:")
        for row in rows:
            told = f"broken: {row['error']}" if row["error"] else row["description"]
            origin = f"{row['distribution']} {row['version']}"
            click.echo(f"  {row['name']:{width}}  {told}  [{origin}]")


def _print_one(content: dict[str, Any]) -> None:
    origin = f"{content['distribution']} {content['version']}"
    click.echo(f"{content['class']}: {content['description']}  [{origin}]")
    for name, default in content["parameters"].items():
        click.echo(f"  {name} = {default}")
    others = [name for name in content["classes"] if name != content["class"]]
    if others:
        click.echo(f"also here: {', '.join(others)}")

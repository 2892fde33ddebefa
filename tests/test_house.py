"""The habits of the house, guarded."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PLUGINS = {
    "ascribe.attributions": ROOT / "plugins" / "ascribe_attributions",
    "ascribe.renderers": ROOT / "plugins" / "ascribe_renderers",
}


def modules(folder):
    return sorted(path for path in folder.glob("*.py") if path.stem != "__init__")


def imports(path):
    """Return every name that a module imports: ``package.module`` and ``package.module.name``."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("group", PLUGINS)
def test_every_plugin_file_has_an_entry_point_of_its_name(group):
    wanted = {path.stem: f"{PLUGINS[group].name}.{path.stem}" for path in modules(PLUGINS[group])}
    assert PROJECT["entry-points"][group] == wanted


@pytest.mark.parametrize("group", PLUGINS)
def test_the_installed_entry_points_are_those_of_the_project(group):
    found = metadata.entry_points(group=group)
    installed = {e.name for e in found if e.dist is not None and e.dist.name == "ascribe"}
    assert installed == set(PROJECT["entry-points"][group]), "run pip install -e . again"


@pytest.mark.parametrize("path", [p for f in PLUGINS.values() for p in modules(f)], ids=str)
def test_built_in_plugins_use_only_what_a_third_party_may(path):
    for name in imports(path):
        parts = name.split(".")
        assert parts[0] not in ("ascribe_attributions", "ascribe_renderers"), name
        if parts[0] == "ascribe":
            assert not any(part.startswith("_") for part in parts), name


def test_the_core_knows_no_plugin():
    for path in (ROOT / "core").rglob("*.py"):
        for name in imports(path):
            assert name.split(".")[0] not in ("ascribe_attributions", "ascribe_renderers"), path


@pytest.mark.parametrize("group", PLUGINS)
def test_every_plugin_has_a_test_that_names_it(group):
    tests = "".join(p.read_text() for p in (ROOT / "tests").rglob("test_*.py"))
    for path in modules(PLUGINS[group]):
        camel = "".join(word.capitalize() for word in path.stem.split("_"))
        assert camel in tests or f'"{path.stem}"' in tests, f"{path.stem} has no test"


def test_the_gallery_shows_every_renderer():
    gallery = (ROOT / "docs" / "gallery.md").read_text()
    for path in modules(PLUGINS["ascribe.renderers"]):
        assert f"\n## {path.stem}\n" in gallery, f"{path.stem} is not in docs/gallery.md"
    for picture in re.findall(r"\]\((images/[^)]+)\)", gallery):
        assert (ROOT / "docs" / picture).stat().st_size < 125_000


def test_modules_stay_small():
    for folder in ("core", "plugins"):
        for path in (ROOT / folder).rglob("*.py"):
            assert len(path.read_text().splitlines()) <= 320, f"{path} is too long for one idea"


LIGHT = """
import sys, torch
before = set(sys.modules)
import ascribe, ascribe.attr
names = ascribe.registry.attributions.names() + ascribe.registry.renderers.names()
new = {name.partition(".")[0] for name in set(sys.modules) - before}
heavy = new & {"matplotlib", "torchvision", "PIL", "click", "tqdm", "IPython", "scipy",
               "ascribe_attributions", "ascribe_renderers"}
assert not heavy, heavy
assert "occlusion" in names and "heat_map" in names
from ascribe.attr import Occlusion
loaded = {n for n in sys.modules if n.startswith(("ascribe_attributions.", "ascribe_renderers."))}
assert loaded == {"ascribe_attributions.occlusion"}, loaded
"""


def test_importing_is_light_and_asking_for_one_plugin_imports_that_one():
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_readme_s_test_command_is_the_one_that_ci_runs():
    command = "pip install -c constraints.txt -e '.[test,bench]'"
    assert command in (ROOT / "README.md").read_text()
    assert command in (ROOT / ".ci" / "run").read_text()


def test_constraints_pin_every_direct_dependency():
    pinned = {
        line.partition("==")[0].lower()
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    extras = PROJECT["optional-dependencies"].values()
    wanted = [*PROJECT["dependencies"], *(name for extra in extras for name in extra)]
    for requirement in wanted:
        name = requirement.split("[")[0].split(">")[0].split("=")[0].strip().lower()
        assert name in pinned, f"{name} is not pinned"

"""``ascribe check``: hold an algorithm, anyone's, to its contract and its claims."""

from __future__ import annotations

import importlib
import json
import sys
from typing import TYPE_CHECKING, Any

import click

from ascribe import registry
from ascribe.cli.explain import parse_settings
from ascribe.errors import AscribeError, InputError
from ascribe.parameters import check_names

if TYPE_CHECKING:
    from ascribe.testing import Report


@click.command()
@click.argument("name")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the method, such as n_steps=100; may be repeated.",
)
@click.option(
    "--claims",
    metavar="NAME[=ERROR],...",
    help="The axioms and oracles to hold it to, each with the error that it may leave as a share "
    "of the scale. [default: what the method claims itself]",
)
@click.option("--examples", type=int, help="On how many models each property is tried.")
@click.option("--seed", default=0, show_default=True, help="Of the choice of examples.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def check(
    name: str,
    settings: tuple[str, ...],
    claims: str | None,
    examples: int | None,
    seed: int,
    as_json: bool,
) -> None:
    """Check the algorithm NAME: a plugin, or module:Class with the same interface.

    Exit code 0: all that it must keep holds; 1: a property fails; 2: the command cannot be run.
    """
    try:
        from ascribe.testing import check_method  # late: it needs Hypothesis, which only tests do
        from ascribe.testing.runner import EXAMPLES
    except ImportError as error:
        raise AscribeError(f"checking needs {error.name}: pip install 'ascribe[test]'") from None
    cls = _method(name)
    parameters = parse_settings(settings)
    check_names(cls, parameters)
    held_to = None if claims is None else _claims(claims)
    examples = EXAMPLES if examples is None else examples
    # Of a class that is no plugin of ours, only what was asked is reported.
    everything = claims is None and hasattr(cls, "claims")
    report = check_method(
        cls, parameters, held_to, examples=examples, seed=seed, unclaimed=everything
    )
    click.echo(json.dumps(_as_json(report), indent=2) if as_json else str(report))
    sys.exit(1 if report.failures else 0)


def _method(name: str) -> Any:
    module, colon, attribute = name.partition(":")
    if not colon or module in {plugin.distribution for plugin in registry.attributions.plugins()}:
        return registry.attributions.get(name)
    try:
        found = getattr(_import(module), attribute)
    except Exception as error:  # whatever the import of foreign code raises
        cause = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise InputError(f"{name} cannot be imported: {cause}") from error
    if not callable(getattr(found, "attribute", None)) or not isinstance(found, type):
        raise InputError(f"{name} must be a class with a method 'attribute'")
    return found


def _import(module: str) -> Any:
    if "" not in sys.path:
        sys.path.insert(0, "")  # a class beside the caller, as `python -m` finds it
    try:
        return importlib.import_module(module)
    except RuntimeError:  # it may import torchvision, which may need help
        from ascribe.vision import torchvision

        torchvision()
        return importlib.import_module(module)


def _claims(text: str) -> dict[str, float]:
    claims = {}
    for claim in filter(None, text.split(",")):
        name, _, error = claim.strip().partition("=")
        try:
            claims[name] = float(error or 0)
        except ValueError:
            raise InputError(f"a claim must be NAME or NAME=NUMBER, but is {claim!r}") from None
    return claims


def _as_json(report: Report) -> dict[str, Any]:
    rows = []
    for outcome in report.outcomes:
        prop = outcome.prop
        told = {"name": prop.name, "kind": prop.kind, "statement": prop.statement}
        found = {key: value for key, value in vars(outcome).items() if key != "prop"}
        rows.append({**told, **found})
    return {
        "method": report.name,
        "failures": len(report.failures),
        "examples": report.examples,
        "properties": rows,
    }

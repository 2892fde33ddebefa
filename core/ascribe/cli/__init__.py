"""The command ``ascribe``: one module for each of its sub-commands."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import click

from ascribe.cli.benchmark_methods import benchmark_methods
from ascribe.cli.check import check
from ascribe.cli.compare import compare
from ascribe.cli.demo import demo
from ascribe.cli.explain import explain
from ascribe.cli.list import list_plugins
from ascribe.cli.new_plugin import new_plugin
from ascribe.errors import AscribeError, AscribeWarning


class Commands(click.Group):
    """A group that answers bad input with one line and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        warnings.showwarning = _show_warning  # type: ignore[assignment]
        try:
            return super().invoke(ctx)
        except (AscribeError, OSError) as error:
            click.echo(f"Error: {' '.join(str(error).split())}", err=True)
            sys.exit(2)


def _show_warning(message: Warning | str, category: type[Warning], *where: Any) -> None:
    if issubclass(category, AscribeWarning):
        click.echo(f"Warning: {message}", err=True)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ascribe")
def main() -> None:
    """Tell why a PyTorch model answered as it did."""


main.add_command(benchmark_methods)
main.add_command(check)
main.add_command(compare)
main.add_command(demo)
main.add_command(explain)
main.add_command(list_plugins)
main.add_command(new_plugin)

"""``ascribe compare``: several methods on one picture, side by side in one report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from torch import Tensor

from ascribe import registry
from ascribe.cli.explain import (
    check_superpixels,
    check_switches,
    check_writable,
    explained,
    parse_settings,
    write_drawing,
)
from ascribe.errors import AscribeError, InputError
from ascribe.explanation import Explanation
from ascribe.metrics import METRICS, blurred, judge
from ascribe.parameters import check_parameters, own_parameters
from ascribe.superpixels import regions

if TYPE_CHECKING:
    from ascribe.models import ImageClassifier


@click.command()
@click.argument("image", type=click.Path(path_type=Path))
@click.option(
    "--model",
    default="scenes",
    show_default=True,
    metavar="NAME",
    help="scenes (embedded), torchvision:NAME, or module:attribute for your own.",
)
@click.option("--weights", metavar="NAME|FILE", help="For torchvision: see `ascribe explain`.")
@click.option(
    "--method",
    "methods",
    multiple=True,
    required=True,
    metavar="NAME",
    help="An algorithm; may be repeated. `ascribe list` names them.",
)
@click.option(
    "--target",
    "targets",
    multiple=True,
    metavar="INDEX|NAME",
    help="A category by number or name; may be repeated. [default: the top prediction]",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="METHOD.NAME=VALUE",
    help="A parameter of one method, such as occlusion.strides=3,9,9; may be repeated.",
)
@click.option(
    "--superpixels",
    type=click.IntRange(min=1),
    metavar="COUNT",
    help="About so many regions are the features of methods with a feature_mask.",
)
@click.option(
    "--judge/--no-judge",
    "judged",
    default=False,
    help="Also tell insertion, deletion and sparseness of each method in the report.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The report to write. [default: IMAGE's name, .html]",
)
def compare(
    image: Path,
    model: str,
    weights: str | None,
    methods: tuple[str, ...],
    targets: tuple[str, ...],
    settings: tuple[str, ...],
    superpixels: int | None,
    judged: bool,
    output: Path | None,
) -> None:
    """Explain a classifier's answer for the picture IMAGE by several methods, in one HTML file."""
    from ascribe import models  # late: it brings Pillow, which other commands do without

    output = output or Path(f"{image.stem}_compared.html")
    check_writable(output, (".html",))
    chosen = configured(methods, settings)
    for method, (cls, _) in chosen.items():
        if superpixels is not None and len(chosen) == 1:
            check_superpixels(method, cls, superpixels)
    picture = models.load_picture(image)
    classifier = models.load_classifier(model, weights)
    categories = [classifier.target(text) for text in targets] or None
    inputs = classifier.read(picture)
    explanations, refused = [], {}
    for method, (cls, parameters) in chosen.items():
        if superpixels is not None and "feature_mask" in own_parameters(cls):
            parameters.setdefault("feature_mask", regions(inputs, superpixels))
        try:
            explanations.append(explained(classifier, inputs, cls, categories, parameters))
        except AscribeError as error:  # the others are worth having
            refused[method] = error
            continue
        click.echo(f"{method} took {explanations[-1].seconds:.1f} s")
    if explanations:
        metrics = [_judged(one, classifier, inputs) for one in explanations] if judged else None
        renderer = registry.renderers.get("html_report")()
        drawn = renderer.render(explanations, title=image.name, metrics=metrics)
        write_drawing(drawn, output)
        click.echo(f"wrote {output}")
    if refused:
        raise InputError("; ".join(f"{method}: {error}" for method, error in refused.items()))


def _judged(
    explanation: Explanation, classifier: ImageClassifier, inputs: Tensor
) -> dict[str, Any]:
    """Return how good an explanation is, under the titles of metrics."""
    model, ends = classifier.model, blurred(inputs)
    found = judge(explanation, None, model, inputs=inputs, baselines=ends)
    return {
        f"{METRICS[name].title}{_ARROWS[METRICS[name].higher_is_better]}": numbers
        for name, numbers in found.items()
    }


_ARROWS = {True: " ↑", False: " ↓", None: ""}


def configured(
    methods: tuple[str, ...],
    settings: tuple[str, ...],
    defaults: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, tuple[type, dict[str, Any]]]:
    """Return each method's class and its checked parameters: settings over defaults."""
    parameters = {method: dict((defaults or {}).get(method, {})) for method in methods}
    for setting in settings:
        method, dot, rest = setting.partition(".")
        if not dot or method not in parameters:
            raise InputError(
                f"a setting must have the form METHOD.NAME=VALUE, with a METHOD among "
                f"{', '.join(methods)}, but is {setting!r}"
            )
        parameters[method].update(parse_settings((rest,)))
    found = {}
    for method, given in parameters.items():
        cls = registry.attributions.get(method)
        check_parameters(cls, given)
        check_switches(own_parameters(cls, given), given)
        found[method] = (cls, given)
    return found

"""``ascribe explain``: attribute a classifier's answer for a picture, and draw it."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from ascribe import registry
from ascribe.errors import InputError
from ascribe.explaining import explain as explain_inputs
from ascribe.explanation import Explanation
from ascribe.parameters import called_with, check_parameters, own_parameters
from ascribe.superpixels import regions

#: What a figure can be written as.
PICTURES = (".png", ".svg", ".pdf", ".jpg", ".jpeg", ".webp")

#: How the file's name may end, by what a renderer makes; the first is the default.
ENDINGS = {"figure": PICTURES, "html": (".html",), "text": (".txt",)}


@click.command()
@click.argument("image", type=click.Path(path_type=Path))
@click.option(
    "--model",
    default="scenes",
    show_default=True,
    metavar="NAME",
    help="scenes (embedded), torchvision:NAME, or module:attribute for your own.",
)
@click.option(
    "--weights",
    metavar="NAME|FILE",
    help="For torchvision: DEFAULT, another entry of its enum, or a file "
    "(.pt, .pth, .safetensors, .npz).",
)
@click.option(
    "--method",
    default="occlusion",
    show_default=True,
    metavar="NAME",
    help="An algorithm; `ascribe list` names them.",
)
@click.option(
    "--target",
    "targets",
    multiple=True,
    metavar="INDEX|NAME",
    help="A category by number or name; may be repeated: all share one pass. "
    "[default: the top prediction]",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the method, such as strides=3,9,9; may be repeated.",
)
@click.option(
    "--superpixels",
    type=click.IntRange(min=1),
    metavar="COUNT",
    help="For methods with a feature_mask: about so many regions are the features; by SLIC where "
    "scikit-image is installed, else the cells of a grid.",
)
@click.option(
    "--renderer",
    default="heat_map",
    show_default=True,
    metavar="NAME",
    help="How to draw; `ascribe list` names them.",
)
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="NAME=VALUE",
    help="An option of the renderer, such as sign=positive; may be repeated.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The picture to write. [default: IMAGE's name with the method's, .png]",
)
@click.option(
    "--save",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also write the numbers, as an .npz that ascribe.Explanation.load reads.",
)
def explain(
    image: Path,
    model: str,
    weights: str | None,
    method: str,
    targets: tuple[str, ...],
    settings: tuple[str, ...],
    superpixels: int | None,
    renderer: str,
    options: tuple[str, ...],
    output: Path | None,
    save: Path | None,
) -> None:
    """Explain a classifier's answer for the picture IMAGE, and draw the explanation."""
    from ascribe import models  # late: it brings Pillow, which other commands do without

    cls, parameters = registry.attributions.get(method), parse_settings(settings)
    check_superpixels(method, cls, superpixels)
    drawing, style = registry.renderers.get(renderer)(), parse_settings(options)
    # All that can be refused is refused before the work is done.
    check_parameters(cls, parameters)
    check_switches(own_parameters(cls, parameters), parameters)
    drawing.check(**style)
    check_writable(output, ENDINGS[drawing.kind])
    check_writable(save)
    if save is not None and output is not None and save.absolute() == output.absolute():
        raise InputError(f"picture and numbers cannot both be written to {save}")
    picture = models.load_picture(image)
    classifier = models.load_classifier(model, weights)
    chosen = [classifier.target(text) for text in targets] or None
    inputs = classifier.read(picture)
    if superpixels is not None:
        parameters["feature_mask"] = regions(inputs, superpixels)
    if "show_progress" in own_parameters(cls, parameters):
        parameters.setdefault("show_progress", sys.stderr.isatty())
    probabilities = classifier.predict(inputs)
    explanation = explained(classifier, inputs, cls, chosen, parameters)
    of_categories = of_targets(cls, parameters)
    drawn = drawing.render(explanation, **style)
    output = output or Path(f"{image.stem}_{method}{ENDINGS[drawing.kind][0]}")
    write_drawing(drawn, output)
    if save is not None:
        explanation.save(save)
    for line in _summary(explanation, probabilities[0].tolist() if of_categories else None):
        click.echo(line)
    click.echo(f"wrote {' and '.join(map(str, filter(None, (output, save))))}")


def explained(
    classifier: Any, inputs: Any, cls: type, targets: list[Any] | None, parameters: dict[str, Any]
) -> Explanation:
    """Return an explanation of a picture, with the picture and the names of its categories."""
    explanation = explain_inputs(classifier.model, inputs, cls, targets, parameters)
    explanation = dataclasses.replace(explanation, original=classifier.as_seen(inputs))
    if not of_targets(cls, parameters):
        return explanation
    labels = [classifier.name(target) for target in explanation.targets]
    return dataclasses.replace(explanation, labels=labels)


def of_targets(cls: type, parameters: Mapping[str, Any]) -> bool:
    """Whether what is explained are categories, and not a neuron."""
    return "neuron_selector" not in parameters or "target" in called_with(cls, parameters)


def check_superpixels(method: str, cls: type, superpixels: int | None) -> None:
    """Refuse superpixels for a method that takes no feature mask."""
    if superpixels is not None and "feature_mask" not in own_parameters(cls):
        raise InputError(f"{method} takes no feature_mask, and so no --superpixels")


def parse_settings(settings: tuple[str, ...]) -> dict[str, Any]:
    """Return ``("strides=3,9,9", "sign=all")`` as ``{"strides": (3, 9, 9), "sign": "all"}``."""
    parsed = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name.isidentifier():
            raise InputError(f"a setting must have the form NAME=VALUE, but is {setting!r}")
        parsed[name] = _value(text)
    return parsed


def write_drawing(drawing: Any, path: Path) -> None:
    """Write a figure, in the format that the file's name says, or HTML.

    Text stays text: in SVG it can be edited and found, and in PDF its fonts are TrueType, as
    publishers want them.
    """
    if isinstance(drawing, str):
        path.write_text(drawing, encoding="utf-8")
        return
    import matplotlib  # late, as it takes long

    with matplotlib.rc_context({"svg.fonttype": "none", "pdf.fonttype": 42}):
        drawing.savefig(path, bbox_inches="tight", dpi=150)


def check_writable(path: Path | None, endings: Sequence[str] = ()) -> None:
    """Refuse a path to which no file, or none of that ending, can be written."""
    if path is None:
        return
    if not path.absolute().parent.is_dir():
        raise InputError(f"there is no folder {path.parent} to write {path.name} to")
    if path.is_dir():
        raise InputError(f"{path} is a folder, not a file to write")
    if endings and path.suffix.lower() not in endings:
        raise InputError(f"{path} must end in one of {', '.join(endings)}")


def check_switches(known: Mapping[str, inspect.Parameter], given: Mapping[str, Any]) -> None:
    """Refuse what is neither true nor false for a parameter that is one of the two."""
    for name, value in given.items():
        if isinstance(known[name].default, bool) and not isinstance(value, bool):
            raise InputError(f"{name} must be true or false, but is {value!r}")


def _value(text: str) -> Any:
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _summary(explanation: Explanation, probabilities: list[float] | None) -> list[str]:
    lines = []
    scores = explanation.scores[:, 0]
    for name, target, score in zip(explanation.labels, explanation.targets, scores, strict=True):
        told = "" if probabilities is None else f", probability {probabilities[target]:.3f}"
        lines.append(f"{name}: score {score:.3f}{told}")
    if explanation.standard_errors is not None:
        lines.append(f"standard errors: at most {float(explanation.standard_errors.max()):.2g}")
    if explanation.delta is not None:
        lines.append(f"completeness gap: {float(explanation.delta.abs().max()):.2g}")
    return [*lines, f"{explanation.method} took {explanation.seconds:.1f} s"]

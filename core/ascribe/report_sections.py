"""What a report in a browser draws: examples, what is seen of each, and maps of several methods.

Everything is plain data, fit for JSON. Maps of pictures are kept as whole numbers of 16 bits,
packed.
"""

from __future__ import annotations

import base64
import io
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from ascribe.choosing import renderer_for
from ascribe.errors import InputError
from ascribe.explanation import Explanation
from ascribe.image_panels import panels_of_explanation
from ascribe.renderer import Array, normalise
from ascribe.text import texts_of

Sections = list[dict[str, Any]]

#: The greatest whole number of 16 bits with a sign: what the greatest attribution becomes.
GREATEST = 32767

#: Up to how many numbers a picture is kept without loss.
SMALL = 2**18

#: How many features of a table have a row of their own; the others share one, of their sum.
ROWS = 20


def sections_of(
    explanations: Sequence[Explanation],
    called: Sequence[str],
    original: Any = None,
    names: Sequence[str] | None = None,
    outlier_perc: float = 2.0,
) -> Sections:
    """Return a section for each example of the pictures, texts and rows of tables there are.

    Parameters
    ----------
    explanations
        Those of each of `KINDS` must be of the same examples.
    called
        The name of each.
    original
        Pictures or tokens; by default those of the explanations.
    names
        Of the features of a table.
    outlier_perc
        Percent of the sum of all magnitudes that full colour is given to.

    Returns
    -------
    list of dict
        ``kind``, ``title``, ``outlier_perc``, ``targets`` with name and score, what is seen of the
        example, and for each of ``methods`` its name, number, count of notes and ``maps``, one for
        each target or None.

    Raises
    ------
    InputError
        If examples, sizes or names do not fit, or a value is not finite.
    """
    normalise(np.ones(1), "all", outlier_perc)  # which refuses what is no percentage
    sections: Sections = []
    for renderer, (kind, read) in KINDS.items():
        numbers = [n for n, one in enumerate(explanations) if renderer_for(one) == renderer]
        chosen = [explanations[number] for number in numbers]
        for section in read(chosen, original, names) if chosen else []:
            for number, method in zip(numbers, section["methods"], strict=True):
                method |= {"name": called[number], "number": number}
                method["notes"] = len(explanations[number].notes)
            sections.append({"kind": kind, "outlier_perc": outlier_perc, **section})
    return sections


def _pictures(explanations: list[Explanation], original: Any, names: Any) -> Sections:
    """Return for each example its picture, and for each method maps as large as it."""
    rows = [panels_of_explanation(one, original, None, np.asarray) for one in explanations]
    maps = [[[p.values for p in row if p.values is not None] for row in each] for each in rows]
    for of_targets in (of_targets for each in maps for of_targets in each):
        for values in of_targets:
            normalise(values)  # which refuses what is not finite
    sections = _sections(explanations, maps, _packed)
    for example, section in enumerate(sections):
        shown = [each[example][0].image for each in rows]
        images = [image for image in shown if image is not None]
        if any(not np.array_equal(image, images[0]) for image in images):
            raise InputError("explanations must be of the same pictures; write a report of each")
        shapes = {values.shape for each in maps for values in each[example]}
        shapes |= {image.shape[:2] for image in images}
        if len(shapes) > 1:
            raise InputError(f"maps and picture must be of one size, but are of {sorted(shapes)}")
        section["height"], section["width"] = shapes.pop()
        section["picture"] = _data_url(images[0]) if images else None
    return sections


def _texts(explanations: list[Explanation], original: Any, names: Any) -> Sections:
    """Return for each example its tokens, and for each method a number for each of them."""
    found = []
    for one in explanations:
        count = len(one.targets)
        texts = texts_of(one, original)
        found.append([texts[at : at + count] for at in range(0, len(texts), count)])
    values = [[[text.values for text in texts] for texts in each] for each in found]
    sections = _sections(explanations, values, _rounded)
    for example, section in enumerate(sections):
        first = found[0][example][0]
        if any(each[example][0].tokens != first.tokens for each in found):
            raise InputError("explanations must be of the same tokens; write a report of each")
        section["tokens"] = [[shown, spaced] for shown, spaced, _, _ in first.pieces()]
    return sections


def _rows(explanations: list[Explanation], original: Any, names: Any) -> Sections:
    """Return for each example its features, those that count most first, and their numbers."""
    tables = [_table_of(one) for one in explanations]
    values = [table.detach().cpu().double().transpose(0, 1).numpy() for table, _ in tables]
    for array in values:
        normalise(array)
    width = values[0].shape[-1]
    if any(array.shape[-1] != width for array in values):
        raise InputError("explanations must be of the same features; write a report of each")
    given = [f"feature {number}" for number in range(width)] if names is None else list(names)
    if len(given) != width:
        raise InputError(f"names must be of the {width} features, but are {len(given)}")
    sections = _sections(explanations, values, _rounded)
    inputs = tables[0][1]
    known = inputs.shape == (len(sections), width)
    for example, section in enumerate(sections):
        own = [_told(v, 3) for v in inputs[example].tolist()] if known else [""] * width
        section["rows"] = [list(row) for row in zip(map(str, given), own, strict=True)]
        section["orders"] = [_order(section, target) for target in range(len(section["targets"]))]
        section["most"] = ROWS
    return sections


def _order(section: dict[str, Any], target: int) -> list[int]:
    """Return the features from what counts most to any method to what counts least."""
    maps = [method["maps"][target] for method in section["methods"]]
    sizes = [np.abs(found["values"]) for found in maps if found is not None]
    shares = np.max([size / (size.max(initial=0) or 1) for size in sizes], axis=0)
    return [int(feature) for feature in np.argsort(-shares, kind="stable")]


def _sections(explanations: list[Explanation], values: list[Any], pack: Any) -> Sections:
    """Return for each example the targets that any method has, and for each method its maps.

    `values` holds for each explanation, example and target an array.
    """
    counts = [len(of_examples) for of_examples in values]
    if len(set(counts)) > 1:
        raise InputError(f"explanations must be of the same examples, but are of {counts}")
    sections = []
    for example in range(counts[0]):
        targets: dict[Any, tuple[str, float]] = {}
        maps = []
        for one, of_examples in zip(explanations, values, strict=True):
            found: dict[Any, Any] = {}
            for target, array in enumerate(of_examples[example]):
                label = one.label(target, example)
                # Two targets of one name are two.
                key = (label, sum(name == label for name, _ in found))
                score = one.scores[target, min(example, one.scores.shape[1] - 1)]
                targets.setdefault(key, (label, float(score)))
                found[key] = pack(np.asarray(array, dtype=np.float64))
            maps.append(found)
        told = [
            {"name": label or "score", "score": _told(score, 4)}
            for label, score in targets.values()
        ]
        methods = [{"maps": [found.get(key) for key in targets]} for found in maps]
        title = f"Example {example + 1} of {counts[0]}" if counts[0] > 1 else ""
        sections.append({"title": title, "targets": told, "methods": methods})
    return sections


def _packed(values: Array) -> dict[str, Any]:
    peak = float(np.abs(values).max(initial=0))
    numbers = np.rint(values * (GREATEST / peak if peak else 0)).astype("<i2")
    return {"peak": peak, "data": base64.b64encode(zlib.compress(numbers.tobytes(), 9)).decode()}


def _rounded(values: Array) -> dict[str, list[float]]:
    return {"values": [float(f"{value:.6g}") for value in values.tolist()]}


def _table_of(explanation: Explanation) -> tuple[Tensor, Tensor]:
    """Return the values and the inputs of the only table among several inputs."""
    values, inputs = explanation.values, explanation.inputs
    if isinstance(values, Tensor):
        return values, inputs
    keys = values if isinstance(values, dict) else range(len(values))
    (key,) = (key for key in keys if values[key].dim() == 3)
    return values[key], inputs[key]


def _told(value: float, digits: int) -> str:
    return f"{value:.{digits}g}".replace("-", "\N{MINUS SIGN}")


def _data_url(image: Array) -> str:
    from PIL import Image  # only here: `import ascribe` stays light

    pixels = np.rint(np.asarray(image) * 255).astype(np.uint8)
    kind, more = ("png", {}) if pixels.size <= SMALL else ("jpeg", {"quality": 92})
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **more)
    return f"data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode()}"


#: What the page itself draws, by the renderer that suits it.
KINDS: dict[str, tuple[str, Callable[[list[Explanation], Any, Any], Sections]]] = {
    "heat_map": ("picture", _pictures),
    "text_html": ("text", _texts),
    "bar": ("table", _rows),
}

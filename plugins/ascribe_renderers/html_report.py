"""A report in one HTML file: methods side by side, to be looked at and compared in a browser.

It asks nothing of any host. Maps are kept as whole numbers of 16 bits, packed; text is never read
as HTML, and scripts other than its own cannot run.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import zlib
from collections.abc import Sequence
from importlib import resources
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils._pytree import tree_leaves

from ascribe import Explanation, InputError, Renderer, hookimpl
from ascribe.choosing import renderer_for
from ascribe.image_panels import Panel, panels_of_explanation
from ascribe.registry import renderers
from ascribe.renderer import Array, normalise

#: The greatest whole number of 16 bits with a sign: what the greatest attribution becomes.
GREATEST = 32767

#: Up to how many numbers a picture is kept without loss.
SMALL = 2**18


class HtmlReport(Renderer):
    """One or several explanations of the same inputs, in one file without a network."""

    kind = "html"

    def render(
        self,
        attribution: Explanation | Sequence[Explanation],
        original: Any = None,
        *,
        title: str = "Why did the model answer so?",
        outlier_perc: float = 2.0,
        **options: Any,
    ) -> str:
        """Return the report.

        Parameters
        ----------
        attribution
            An explanation, or several of the same inputs, each by its method. Those of pictures
            share what controls them; others are drawn by the renderer that suits them.
        original
            As a renderer of images takes it.
        title
            What stands at the top.
        outlier_perc
            Percent of the sum of all magnitudes that full colour is given to.
        **options
            None: others are refused.

        Returns
        -------
        str
            A whole HTML page.

        Raises
        ------
        InputError
            If there is no explanation, or they are not of the same examples.
        """
        self.check(**options)
        given = [attribution] if isinstance(attribution, Explanation) else list(attribution)
        if not given or not all(isinstance(one, Explanation) for one in given):
            raise InputError("a report is of one explanation or a list of them")
        pictured = [one for one in given if renderer_for(one) == "heat_map"]
        sections = _sections(pictured, original, outlier_perc) if pictured else []
        others = [one for one in given if renderer_for(one) != "heat_map"]
        return _page(title, sections, "".join(map(_drawn, others)) + _summary(given))


def _sections(
    explanations: list[Explanation], original: Any, outlier_perc: float
) -> list[dict[str, Any]]:
    """Return what the page draws: for each example the picture, and for each method its maps."""
    rows = [panels_of_explanation(one, original, None, np.asarray) for one in explanations]
    if len({len(row) for row in rows}) > 1:
        counts = [len(row) for row in rows]
        raise InputError(f"explanations must be of the same examples, but are of {counts}")
    labels = list(dict.fromkeys(label for one in explanations for label in one.labels))
    sections = []
    for example, row in enumerate(rows[0]):
        shown = row[0]
        height, width = shown.shape
        methods = []
        for one, of_examples in zip(explanations, rows, strict=True):
            maps = [panel for panel in of_examples[example] if panel.values is not None]
            if any(panel.shape != (height, width) for panel in maps):
                raise InputError("explanations must be of pictures of the same size")
            named = dict(zip(one.labels, maps, strict=True))
            methods.append(
                {
                    "name": one.method,
                    "maps": [_packed(named.get(label), outlier_perc) for label in labels],
                    "facts": _facts(one, example),
                    "notes": list(one.notes),
                }
            )
        several = len(rows[0]) > 1
        sections.append(
            {
                "title": f"example {example}" if several else "",
                "width": width,
                "height": height,
                "picture": None if shown.image is None else _data_url(shown.image),
                "targets": labels,
                "methods": methods,
            }
        )
    return sections


def _packed(panel: Panel | None, outlier_perc: float) -> dict[str, Any] | None:
    if panel is None or panel.values is None:
        return None
    values = np.asarray(panel.values, dtype=np.float64)
    scaled = normalise(values, "all", outlier_perc)
    peak = float(np.abs(values).max(initial=0))
    clipped = np.abs(values)[np.abs(scaled) >= 1]
    numbers = np.rint(values * (GREATEST / peak if peak else 0)).astype("<i2")
    data = base64.b64encode(zlib.compress(numbers.tobytes(), 9)).decode()
    return {"peak": peak, "full": float(clipped.min(initial=peak)), "data": data}


def _data_url(image: Array) -> str:
    from PIL import Image  # only here: `import ascribe` stays light

    stream = io.BytesIO()
    pixels = np.rint(np.asarray(image) * 255).astype(np.uint8)
    small = pixels.size <= 2**18
    Image.fromarray(pixels).save(
        stream, "PNG" if small else "JPEG", **({} if small else {"quality": 92})
    )
    kind = "png" if small else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode()}"


def _facts(explanation: Explanation, example: int | None = None) -> list[tuple[str, str]]:
    """Return what is known of an explanation: its scores, its parameters, how good it is."""
    facts = []
    for target, label in enumerate(explanation.labels):
        scores = explanation.scores[target]
        at = min(example or 0, len(scores) - 1)
        facts.append((f"score of {label}", f"{float(scores[at]):.4g}"))
    facts += [(name, _told(value)) for name, value in explanation.parameters.items()]
    facts += _quality(explanation)
    return [*facts, *((name, version) for name, version in explanation.versions.items())]


def _quality(explanation: Explanation) -> list[tuple[str, str]]:
    found = []
    if explanation.delta is not None:
        found.append(("completeness gap", f"{_largest(explanation.delta):.2g}"))
    if explanation.standard_errors is not None:
        found.append(("standard errors", f"at most {_largest(explanation.standard_errors):.2g}"))
    found.append(("seconds", f"{explanation.seconds:.2f}"))
    if explanation.evaluations is not None:
        found.append(("model evaluations", str(explanation.evaluations)))
    return found


def _summary(explanations: list[Explanation]) -> str:
    """Return a table of what methods cost and how exact they are."""
    names = ("completeness gap", "standard errors", "seconds", "model evaluations")
    head = "".join(f"<th>{name}</th>" for name in ("method", *names))
    rows = []
    for one in explanations:
        known = dict(_quality(one))
        cells = "".join(f"<td>{html.escape(known.get(name, ''))}</td>" for name in names)
        rows.append(f"<tr><td>{html.escape(one.method)}</td>{cells}</tr>")
    return f'<div class="scroll"><table><tr>{head}</tr>{"".join(rows)}</table></div>'


def _drawn(explanation: Explanation) -> str:
    """Return an explanation that is of no picture, by the renderer that suits it."""
    name = renderer_for(explanation)
    facts = "".join(
        f"<dt>{html.escape(n)}</dt><dd>{html.escape(v)}</dd>" for n, v in _facts(explanation)
    )
    about = f"<details><summary>parameters and diagnostics</summary><dl>{facts}</dl></details>"
    shown = ""
    if name is not None:
        drawn = renderers.get(name)().render(explanation)
        shown = drawn if isinstance(drawn, str) else _figure(drawn, explanation.method)
    return f"<figure><h3>{html.escape(explanation.method)}</h3>{shown}{about}</figure>"


def _figure(figure: Any, name: str) -> str:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", bbox_inches="tight", dpi=120)
    data = base64.b64encode(stream.getvalue()).decode()
    return f'<img alt="attributions by {html.escape(name)}" src="data:image/png;base64,{data}">'


def _told(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"a tensor {tuple(value.shape)}"
    return repr(value)


def _largest(tensors: Any) -> float:
    parts = tree_leaves(tensors)
    return max((float(part.abs().max()) for part in parts if part.numel()), default=0.0)


def _page(title: str, sections: list[dict[str, Any]], panels: str) -> str:
    folder = resources.files("ascribe_renderers")
    script = folder.joinpath("html_report.js").read_text(encoding="utf-8")
    # As JSON within HTML: no text can end the element that holds it.
    data = json.dumps(sections).replace("<", "\\u003c").replace("&", "\\u0026")
    filled = {
        "HASH": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "TITLE": html.escape(title),
        "SCRIPT": script,
        "PANELS": panels,
        "DATA": data,
    }
    parts = folder.joinpath("html_report.html").read_text(encoding="utf-8").split("__")
    # Filled in one pass: what is filled in is not searched for places to fill.
    return "".join(filled.get(part, part) for part in parts)


@hookimpl
def ascribe_renderers() -> list[type[Renderer]]:
    return [HtmlReport]

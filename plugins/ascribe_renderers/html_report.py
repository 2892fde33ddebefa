"""A report in one HTML file: methods side by side, to be looked at and compared in a browser.

It asks nothing of any host. Text is never read as HTML, and scripts other than its own cannot run.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from ascribe import Explanation, InputError, Renderer, hookimpl
from ascribe.choosing import renderer_for
from ascribe.comparison import diagnostics, method_names, parameters_told
from ascribe.inputs import Inputs
from ascribe.registry import renderers
from ascribe.report_sections import KINDS, sections_of
from ascribe.text import escaped

#: Of an explanation that the page does not draw itself, so many pictures are in it at most.
MOST_DRAWN = 12


class HtmlReport(Renderer):
    """One or several explanations of the same inputs, in one file without a network."""

    kind = "html"

    def render(
        self,
        attribution: Explanation | Sequence[Explanation],
        original: Any = None,
        *,
        title: str = "Why did the model answer so?",
        methods: Sequence[str] | None = None,
        metrics: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        names: Sequence[str] | None = None,
        outlier_perc: float = 2.0,
        **options: Any,
    ) -> str:
        """Return the report.

        Parameters
        ----------
        attribution
            An explanation, or several of the same inputs. Those of pictures, of text and of tables
            share what controls them; others are drawn by the renderer that suits them, and what
            none suits is named.
        original
            Pictures as a renderer of images takes them, or the tokens of text.
        title
            What stands at the top.
        methods
            What to call each explanation; by default its method, see
            `ascribe.comparison.method_names`.
        metrics
            More numbers for the table of diagnostics, ``{"infidelity": [0.1, 0.2]}`` with one for
            each explanation, ``{"infidelity": {"Occlusion": 0.1}}``, or ``[{"infidelity": 0.1},
            {"infidelity": 0.2}]``; see `ascribe.comparison.diagnostics`.
        names
            Of the features of a table; by default their numbers.
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
            If there is no explanation, they are not of the same examples, names or metrics do not
            fit, or a value is not finite.
        """
        self.check(**options)
        given = [attribution] if isinstance(attribution, Explanation) else list(attribution)
        if not given or not all(isinstance(one, Explanation) for one in given):
            raise InputError("a report is of one explanation or a list of them")
        called = method_names(given) if methods is None else list(methods)
        if len(called) != len(given):
            raise InputError(
                f"methods must name the {len(given)} explanations, but are {len(called)}"
            )
        sections = sections_of(given, called, original, names, outlier_perc)
        others = [
            _other(one, name)
            for one, name in zip(given, called, strict=True)
            if renderer_for(one) not in KINDS
        ]
        return _page(
            # As JSON within HTML: no text can end the element that holds it.
            DATA=json.dumps(sections, allow_nan=False).replace("<", "\\u003c"),
            TITLE=escaped(title),
            OTHERS="".join(others),
            TABLE=_table(given, called, metrics),
            ABOUT=_about(given, called),
            VERSIONS=_versions(given),
        )


def _other(explanation: Explanation, name: str) -> str:
    """Return an explanation that the page does not draw itself, by the renderer that suits it."""
    suited = renderer_for(explanation)
    batch, targets = Inputs.of(explanation.inputs).batch, len(explanation.targets)
    if suited is None:
        parts = Inputs.of(explanation.inputs).per_input(explanation.values, "values")
        shapes = ", ".join(str(tuple(part.shape)) for part in parts)
        shown = (
            f'<p class="none">There is no one picture of values of shape {escaped(shapes)}: '
            f"explanation.render() takes a renderer, and which input it is to draw.</p>"
        )
    else:
        shown = ""
        for number in range(min(batch * targets, MOST_DRAWN)):
            example, target = divmod(number, targets)
            if batch > 1:
                shown += f"<p>Example {example + 1} of {batch}</p>" if target == 0 else ""
            drawn = renderers.get(suited)().render(explanation.only(target, example))
            shown += drawn if isinstance(drawn, str) else _picture(drawn, name)
        if batch * targets > MOST_DRAWN:
            shown += f'<p class="none">{batch * targets - MOST_DRAWN} more are not drawn.</p>'
    return f'<section class="other"><h3 dir="auto">{escaped(name)}</h3>{shown}</section>'


def _picture(figure: Any, name: str) -> str:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", bbox_inches="tight", dpi=120)
    data = base64.b64encode(stream.getvalue()).decode()
    text = f"attributions by {escaped(name)}"
    return f'<img class="drawn" alt="{text}" src="data:image/png;base64,{data}">'


def _table(explanations: list[Explanation], called: list[str], metrics: Any) -> str:
    """Return a table of what methods cost and how exact they are."""
    columns = diagnostics(explanations, metrics)
    head = "".join(f'<th scope="col" dir="auto">{escaped(name)}</th>' for name in columns)
    rows = []
    for number, name in enumerate(called):
        cells = "".join(f"<td>{_number(column[number])}</td>" for column in columns.values())
        rows.append(f'<tr><th scope="row" dir="auto">{_breakable(name)}</th>{cells}</tr>')
    return (
        f'<thead><tr><th scope="col">method</th>{head}</tr></thead><tbody>{"".join(rows)}</tbody>'
    )


def _breakable(name: str) -> str:
    """Return a name as HTML that may be broken between its words."""
    return "<wbr>".join(map(escaped, re.split("(?<=[a-z])(?=[A-Z])|(?<=_)", name)))


def _number(value: float | None) -> str:
    if value is None:
        return '<span class="soft">–</span>'
    return str(value) if isinstance(value, int) else f"{value:.3g}".replace("-", "\u2212")


def _about(explanations: list[Explanation], called: list[str]) -> str:
    """Return what each explanation was made with, and what its method warned of."""
    parts = []
    for number, (one, name) in enumerate(zip(explanations, called, strict=True)):
        facts = parameters_told(one)
        told = "".join(f"<dt>{escaped(n)}</dt><dd>{escaped(v)}</dd>" for n, v in facts)
        listed = f"<dl>{told}</dl>" if facts else '<p class="soft">all as by default</p>'
        notes = "".join(f'<p class="note" dir="auto">{escaped(note)}</p>' for note in one.notes)
        parts.append(
            f'<article id="method-{number}" tabindex="-1"><h3 dir="auto">{_breakable(name)}</h3>'
            f"{notes}{listed}</article>"
        )
    return "".join(parts)


def _versions(explanations: list[Explanation]) -> str:
    told = [f"{name} {version}" for one in explanations for name, version in one.versions.items()]
    return escaped(" · ".join(dict.fromkeys(told)))


def _page(**filled: str) -> str:
    folder = resources.files("ascribe_renderers")
    page, style, *scripts = (
        folder.joinpath(f"html_report{part}").read_text(encoding="utf-8")
        for part in (".html", ".css", "_drawings.js", "_pictures.js", "_words.js", ".js")
    )
    script = "\n".join(scripts)
    filled |= {
        "STYLE": style,
        "SCRIPT": script,
        "HASH": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    }
    # Filled in one pass: what is filled in is not searched for places to fill.
    return re.sub(r"\{\{(\w+)\}\}", lambda place: filled[place[1]], page)


@hookimpl
def ascribe_renderers() -> list[type[Renderer]]:
    return [HtmlReport]

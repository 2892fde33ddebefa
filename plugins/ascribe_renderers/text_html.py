"""Words shaded by what they count, in HTML: red is for, blue is against."""

from __future__ import annotations

from typing import Any

from ascribe import Renderer, hookimpl
from ascribe.text import Html, Text, VisualizationDataRecord, escaped, texts_of

#: Red and blue that the colour-blind can tell apart (both ends of ColorBrewer's RdBu), and how
#: strong the greatest is.
FOR, AGAINST, STRONGEST = "178,24,43", "33,102,172", 0.6

LEGEND = (
    '<div style="font-size:smaller;margin:.3em 0">'
    f'<span style="background:rgba({AGAINST},{STRONGEST});padding:0 .4em">against</span> '
    '<span style="padding:0 .4em">0</span> '
    f'<span style="background:rgba({FOR},{STRONGEST});padding:0 .4em">for</span></div>'
)

COLUMNS = ("true", "predicted (probability)", "attributed", "attribution score", "words")


class TextHtml(Renderer):
    """Words in the colours of their attributions, whose numbers are shown on hovering."""

    kind = "html"

    def render(
        self,
        attribution: Any,
        original: Any = None,
        *,
        sign: str = "all",
        outlier_perc: float = 0.0,
        legend: bool = True,
        **options: Any,
    ) -> Html:
        """Draw texts: see `ascribe.text.texts_of` for what it takes.

        Parameters
        ----------
        attribution
            An explanation, an array or tensor, or records.
        original
            The tokens.
        sign
            ``all``, ``positive``, ``negative`` or ``absolute_value``.
        outlier_perc
            Percent of the sum of all magnitudes that is clipped.
        legend
            Whether to say what the colours mean.
        **options
            None: others are refused.

        Returns
        -------
        Html
            In which everything that comes from a text is escaped.
        """
        self.check(**options)
        texts = texts_of(attribution, original, sign, outlier_perc)
        records = [attribution] if isinstance(attribution, VisualizationDataRecord) else attribution
        body = _table(records, texts) if isinstance(records, (list, tuple)) else _paragraphs(texts)
        return Html(f'<div class="ascribe-text">{LEGEND if legend else ""}{body}</div>')


def _paragraphs(texts: list[Text]) -> str:
    return "".join(
        (f"<p><b>{escaped(text.title)}</b></p>" if text.title else "")
        + f'<p dir="auto" style="line-height:1.9;overflow-wrap:anywhere">{_words(text)}</p>'
        for text in texts
    )


def _table(records: Any, texts: list[Text]) -> str:
    cell = 'style="padding:.3em .6em;text-align:start;vertical-align:top"'
    head = "".join(f"<th {cell}>{name}</th>" for name in COLUMNS)
    rows = []
    for record, text in zip(records, texts, strict=True):
        facts = (
            record.true_class,
            f"{record.pred_class} ({_number(record.pred_prob)})",
            record.attr_class,
            _number(record.attr_score),
        )
        cells = "".join(f"<td {cell}>{escaped(fact)}</td>" for fact in facts)
        words = f'<td {cell} dir="auto"><span style="line-height:1.9">{_words(text)}</span></td>'
        rows.append(f"<tr>{cells}{words}</tr>")
    return f'<table style="border-collapse:collapse"><tr>{head}</tr>{"".join(rows)}</table>'


def _words(text: Text) -> str:
    parts = []
    for shown, spaced, value, scaled in text.pieces():
        colour = f"rgba({FOR if scaled > 0 else AGAINST},{abs(scaled) * STRONGEST:.3f})"
        parts.append(
            f'{" " if spaced else ""}<span title="{value:+.4g}" '
            f'style="background:{colour};border-radius:.2em;padding:.1em 0;white-space:pre-wrap">'
            f"{escaped(shown)}</span>"
        )
    return "".join(parts)


def _number(value: Any) -> str:
    try:
        return f"{float(value):.2f}"
    except (TypeError, ValueError):
        return str(value)


@hookimpl
def ascribe_renderers() -> list[type[Renderer]]:
    return [TextHtml]

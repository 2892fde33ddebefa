"""Text to be drawn: tokens, how they make words, and what each of them counts."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from ascribe.errors import InputError
from ascribe.parts import title_of
from ascribe.renderer import Array, normalise

#: What begins a token that begins a word, in byte-level and in sentence-piece vocabularies; and
#: what begins one that goes on with a word, in word-piece vocabularies.
STARTS, GOES_ON = ("\u0120", "\u2581"), "##"

#: How byte-level vocabularies write a new line.
NEW_LINE = "\u010a"


def escaped(value: Any) -> str:
    """Return as HTML what is nothing but text, wherever it comes from.

    What no file in UTF-8 or no page can hold, half a pair of surrogates or the character of number
    0, is replaced.

    Examples
    --------
    >>> escaped("<b> & 'c'")
    '&lt;b&gt; &amp; &#x27;c&#x27;'
    """
    return html.escape(re.sub("[\0\ud800-\udfff]", "\N{REPLACEMENT CHARACTER}", str(value)))


class Html(str):
    """HTML that a notebook shows by itself.

    Attributes
    ----------
    data
        The same, as a plain string.
    """

    __slots__ = ()

    @property
    def data(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return str(self)


@dataclass(frozen=True)
class VisualizationDataRecord:
    """A text, what each word of it counts, and what a model says of it; as Captum's users know it.

    Attributes
    ----------
    word_attributions
        One number for each word.
    pred_prob
        The probability of the predicted class.
    pred_class, true_class, attr_class
        The predicted class, the true one, and the one that is attributed.
    attr_score
        The sum of the attributions, say.
    raw_input_ids
        The words.
    convergence_score
        By how much the attributions miss completeness.
    """

    word_attributions: Any
    pred_prob: Any
    pred_class: Any
    true_class: Any
    attr_class: Any
    attr_score: Any
    raw_input_ids: Sequence[str]
    convergence_score: Any


@dataclass(frozen=True)
class Text:
    """Tokens with what each of them counts.

    Attributes
    ----------
    tokens
        As the tokeniser has them.
    values
        One for each.
    scaled
        The same within [-1, 1].
    title
        What the text is about: a target and its score, perhaps.
    """

    tokens: tuple[str, ...]
    values: Array
    scaled: Array
    title: str = ""

    def pieces(self) -> Iterator[tuple[str, bool, float, float]]:
        """Yield what is shown of each token, whether a space is before it, its value and scale."""
        marked = any(token.startswith(STARTS) for token in self.tokens)
        parts = zip(self.tokens, self.values, self.scaled, strict=True)
        for index, (token, value, scaled) in enumerate(parts):
            shown, spaced = _shown(token, marked)
            yield shown, spaced and index > 0, float(value), float(scaled)


def _shown(token: str, marked: bool) -> tuple[str, bool]:
    if marked:
        starts = token.startswith(STARTS)
        shown = token.lstrip("".join(STARTS)) if starts else token
        return shown.replace(NEW_LINE, "\n"), starts
    if token.startswith(GOES_ON) and len(token) > len(GOES_ON):
        return token[len(GOES_ON) :], False
    return token, True


def texts_of(
    attribution: Any, original: Any, sign: str = "all", outlier_perc: float = 0.0
) -> list[Text]:
    """Read attributions of text: those of an explanation, an array or records.

    Parameters
    ----------
    attribution
        An `ascribe.Explanation` whose values are ``(targets, batch, tokens)``, or with embeddings
        ``(targets, batch, tokens, *numbers)``, which are summed; an array or tensor ``(tokens,)``
        or with numbers to sum; a `VisualizationDataRecord`, or a list of these.
    original
        The tokens: a list of strings, or for several examples a list of these. By default what the
        explanation or the record holds.
    sign, outlier_perc
        As `ascribe.renderer.normalise` takes them.

    Returns
    -------
    list of Text
        One for each target and example, or record.

    Raises
    ------
    InputError
        If tokens are missing or are not as many as the values.
    """
    if isinstance(attribution, VisualizationDataRecord):
        attribution = [attribution]
    records = [isinstance(one, VisualizationDataRecord) for one in _as_list(attribution)]
    if any(records):
        if not all(records):
            raise InputError("a list of texts must hold VisualizationDataRecords alone")
        return [
            _text(one.word_attributions, one.raw_input_ids, "", sign, outlier_perc)
            for one in attribution
        ]
    if hasattr(attribution, "scores"):
        return list(_of_explanation(attribution, original, sign, outlier_perc))
    return [_text(attribution, original, "", sign, outlier_perc)]


def _as_list(given: Any) -> Sequence[Any]:
    return given if isinstance(given, (list, tuple)) else ()


def _of_explanation(
    explanation: Any, original: Any, sign: str, outlier_perc: float
) -> Iterator[Text]:
    values = explanation.values
    if not isinstance(values, Tensor):
        raise InputError(
            "an explanation of several inputs is no text by itself; pass the values of one, "
            "explanation.values[...][target, example], and its tokens"
        )
    tokens = explanation.original if original is None else original
    if getattr(tokens, "ndim", 0) > 1:
        raise InputError(
            f"what is seen of the inputs is an array of shape {tuple(tokens.shape)} and no text; "
            f"draw a heat_map, or pass tokens as original"
        )
    if tokens is not None and len(tokens) and isinstance(tokens[0], str):
        tokens = [tokens]
    targets, batch = values.shape[:2]
    if tokens is None or len(tokens) != batch:
        raise InputError(
            f"original must hold the tokens of the {batch} examples, each a list of strings, but "
            f"{'is missing' if tokens is None else f'holds {len(tokens)}'}"
        )
    for example in range(batch):
        for target in range(targets):
            title = title_of(explanation, target, example)
            yield _text(values[target, example], tokens[example], title, sign, outlier_perc)


def _text(values: Any, tokens: Any, title: str, sign: str, outlier_perc: float) -> Text:
    array = values.detach().cpu().double().numpy() if isinstance(values, Tensor) else values
    array = np.asarray(array, dtype=np.float64)
    array = array.reshape(len(array), -1).sum(1) if array.ndim > 1 else array
    if tokens is None or isinstance(tokens, str) or array.ndim != 1 or len(tokens) != len(array):
        have = (
            "none" if tokens is None else repr(tokens) if isinstance(tokens, str) else len(tokens)
        )
        raise InputError(
            f"there must be one token for each attribution: {array.shape} values need a list of "
            f"strings as original, but there are {have}"
        )
    if sign in ("positive", "negative"):  # colours keep their meaning
        scaled = normalise(array, sign, outlier_perc) * (1 if sign == "positive" else -1)
    else:
        scaled = normalise(array, sign, outlier_perc)
    return Text(tuple(map(str, tokens)), array, scaled, title)

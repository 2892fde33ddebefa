"""Words shaded by what they count, for a terminal; with their numbers where it has no colours."""

from __future__ import annotations

import os
import sys
import unicodedata
from typing import Any

from ascribe import Renderer, hookimpl
from ascribe.text import Text, texts_of

#: Background colours of the greatest values for and against (both ends of ColorBrewer's RdBu), and
#: that of zero, between which others lie.
FOR, AGAINST, ZERO = (178, 24, 43), (33, 102, 172), (247, 247, 247)

RESET = "\x1b[0m"


class TextTerminal(Renderer):
    """Words on backgrounds from blue, against, to red, for."""

    kind = "text"

    def render(
        self,
        attribution: Any,
        original: Any = None,
        *,
        sign: str = "all",
        outlier_perc: float = 0.0,
        colour: bool | None = None,
        **options: Any,
    ) -> str:
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
        colour
            Whether to use colours (24 bits); by default where standard output is a terminal, other
            than a ``dumb`` one, and ``NO_COLOR`` is not set (https://no-color.org). Without them
            each word is followed by its number.
        **options
            None: others are refused.

        Returns
        -------
        str
            Lines; control characters that a text holds are replaced by what they look like.
        """
        self.check(**options)
        texts = texts_of(attribution, original, sign, outlier_perc)
        colour = _has_colours() if colour is None else colour
        parts = []
        for text in texts:
            if text.title:
                parts.append(_plain(text.title))
            parts.append(_coloured(text) if colour else _numbered(text))
        return "\n".join(parts)


def _has_colours() -> bool:
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return sys.stdout is not None and sys.stdout.isatty()


def _coloured(text: Text) -> str:
    parts = []
    for shown, spaced, _, scaled in text.pieces():
        end = FOR if scaled > 0 else AGAINST
        mixed = [round(z + (e - z) * abs(scaled)) for z, e in zip(ZERO, end, strict=True)]
        ink = "30" if sum(mixed) > 380 else "97"
        background = ";".join(map(str, mixed))
        space = " " if spaced else ""
        parts.append(f"{space}\x1b[48;2;{background};{ink}m{_plain(shown)}{RESET}")
    return "".join(parts)


def _numbered(text: Text) -> str:
    return "".join(
        f"{' ' if spaced else ''}{_plain(shown)}({value:+.2g})"
        for shown, spaced, value, _ in text.pieces()
    )


def _plain(text: str) -> str:
    """Return a text without characters that would move the cursor or change the terminal."""
    return "".join(
        chr(0x2400 + ord(c)) if ord(c) < 32 and c != "\n" else "\N{REPLACEMENT CHARACTER}"
        if unicodedata.category(c) == "Cc" and c != "\n" else c
        for c in text
    )  # fmt: skip


@hookimpl
def ascribe_renderers() -> list[type[Renderer]]:
    return [TextTerminal]

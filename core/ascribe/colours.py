"""Colours that the colour-blind can tell apart: red is for, blue is against.

Matplotlib takes long to import, so each function does it where it is called: ``import ascribe``
stays light.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ascribe.errors import InputError
from ascribe.renderer import SIGNS

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

#: Red and blue, both ends of ColorBrewer's RdBu; the violet of either; and the grey of zero, which
#: can be seen on white paper.
FOR, AGAINST, EITHER, ZERO = "#b2182b", "#2166ac", "#54278f", "#c4c4c4"

#: For each sign the colours from the least to the greatest.
_ENDS = {
    "all": (AGAINST, ZERO, FOR),
    "positive": (ZERO, FOR),
    "negative": (ZERO, AGAINST),
    "absolute_value": (ZERO, EITHER),
}


def colours_of_lines(sign: str = "all") -> Colormap:
    """Return a colour map for thin lines and small dots, none of whose colours is near white.

    Parameters
    ----------
    sign
        ``all``, from blue through grey to red; ``positive``, ``negative`` or ``absolute_value``,
        from grey to red, blue or violet.
    """
    from matplotlib.colors import LinearSegmentedColormap

    if sign not in SIGNS:
        raise InputError(f"sign must be one of {', '.join(SIGNS)}, but is {sign!r}")
    return LinearSegmentedColormap.from_list(f"ascribe_{sign}", _ENDS[sign])

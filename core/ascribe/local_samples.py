"""Samples around an input, which a function of the caller's draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ascribe.errors import InputError


def drawn_by(function: Callable[..., Any], original: Any, told: Mapping[str, Any]) -> Iterator[Any]:
    """Yield what a function returns time after time, or what it yields where it is a generator.

    Parameters
    ----------
    function
        Takes the original inputs, and what it is told by keyword.
    original, told
        That.

    Raises
    ------
    InputError
        Where a generator ends: it must yield as many samples as are asked for.
    """
    first = function(original, **told)
    if not isinstance(first, Iterator):
        yield first
        while True:
            yield function(original, **told)
    count = 0
    for one in first:
        count += 1
        yield one
    raise InputError(f"perturb_func yields {count} samples and no more: lower n_samples")

"""Counting what a method evaluates, or would evaluate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_PLANNED: ContextVar[list[int] | None] = ContextVar("planned", default=None)
_MADE: ContextVar[list[int] | None] = ContextVar("made", default=None)


@contextmanager
def rehearsed() -> Iterator[list[int]]:
    """Collect, in a list, the numbers of evaluations that the block would make.

    What `Forward.evaluate` is asked for is counted and not made.
    """
    yield from _collected(_PLANNED)


@contextmanager
def counted() -> Iterator[list[int]]:
    """Collect, in a list, the numbers of evaluations that the block makes."""
    yield from _collected(_MADE)


def _collected(variable: ContextVar[list[int] | None]) -> Iterator[list[int]]:
    numbers: list[int] = []
    token = variable.set(numbers)
    try:
        yield numbers
    finally:
        variable.reset(token)


def rehearsing(evaluations: int) -> bool:
    """Return whether this is a rehearsal, and count so many evaluations if so."""
    return _noted(_PLANNED, evaluations)


def made(evaluations: int) -> None:
    """Count so many evaluations, which are made."""
    _noted(_PLANNED, evaluations)
    _noted(_MADE, evaluations)


def _noted(variable: ContextVar[list[int] | None], evaluations: int) -> bool:
    numbers = variable.get()
    if numbers is None:
        return False
    numbers.append(evaluations)
    return True

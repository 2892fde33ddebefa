"""Counting what a method would evaluate, without evaluating it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_PLANNED: ContextVar[list[int] | None] = ContextVar("planned", default=None)


@contextmanager
def rehearsed() -> Iterator[list[int]]:
    """Collect, in a list, the numbers of evaluations that the block would make."""
    planned: list[int] = []
    token = _PLANNED.set(planned)
    try:
        yield planned
    finally:
        _PLANNED.reset(token)


def rehearsing(evaluations: int) -> bool:
    """Return whether this is a rehearsal, and count so many evaluations if so."""
    planned = _PLANNED.get()
    if planned is None:
        return False
    planned.append(evaluations)
    return True

"""Warnings that belong to a result: they are told once, and an explanation keeps them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from ascribe.errors import AscribeWarning

_NOTES: ContextVar[list[str] | None] = ContextVar("notes", default=None)


@contextmanager
def noted() -> Iterator[list[str]]:
    """Collect, in a list, what `note` tells in the block."""
    notes: list[str] = []
    token = _NOTES.set(notes)
    try:
        yield notes
    finally:
        _NOTES.reset(token)


def note(message: str, stacklevel: int = 2) -> None:
    """Warn of something that belongs to the result, once for each result that is collected."""
    if remark(message):
        warnings.warn(message, AscribeWarning, stacklevel=stacklevel + 1)


def remark(message: str) -> bool:
    """Keep with the result how it came about, without a warning; return whether it is news."""
    notes = _NOTES.get()
    if notes is not None:
        if message in notes:
            return False
        notes.append(message)
    return True

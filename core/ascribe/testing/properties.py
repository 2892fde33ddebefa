"""The list of properties: what each states, where it comes from, and what checks it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import strategies as st

from ascribe.testing.subject import Subject

Check = Callable[[Subject, st.DataObject], None]


@dataclass(frozen=True)
class Property:
    """One thing that a method must, or may claim to, satisfy.

    Attributes
    ----------
    name
        As claimed, and as a failure names it.
    kind
        ``contract`` (every method must), ``axiom`` or ``oracle`` (where claimed).
    statement
        What holds, in one sentence; for an axiom with its paper.
    check
        Draws a case and raises `ascribe.testing.PropertyFailure` where it does not hold.
    applies
        Whether it makes sense for a method at all.
    """

    name: str
    kind: str
    statement: str
    check: Check
    applies: Callable[[Subject], bool]


#: All properties by name, in the order in which a report lists them.
PROPERTIES: dict[str, Property] = {}


def _always(subject: Subject) -> bool:
    return True


def prop(kind: str, applies: Callable[[Subject], bool] = _always) -> Callable[[Check], Check]:
    """Enter a check into `PROPERTIES`: its name is the property's, its docstring the statement."""

    def enter(check: Check) -> Check:
        statement = " ".join((check.__doc__ or "").split())
        PROPERTIES[check.__name__] = Property(check.__name__, kind, statement, check, applies)
        return check

    return enter

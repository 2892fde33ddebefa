"""Cases that a method does not refuse, and how near two of its results must be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from ascribe.testing import zoo
from ascribe.testing.subject import Case, Refusal, Subject, as_tuple, cases, contained
from ascribe.testing.tolerances import rounding


def tolerance(case: Case, *results: Any) -> float:
    scale = sum(
        float(t.detach().double().abs().nan_to_num().sum()) for r in results for t in as_tuple(r)
    )
    return rounding(1 + scale, case.depth, case.dtype)


def sound(
    subject: Subject,
    draw: st.DataObject,
    families: Iterable[str] | None = None,
    batches: tuple[int, int] = (1, 3),
) -> Case:
    """Draw a case that the method does not refuse: `runs_on_every_model` alone counts refusals."""
    case = draw.draw(cases(subject, families or zoo.PURE, batches))
    try:
        with contained():
            subject.attribute(case.model(), case.inputs(), target=0)
    except Exception as error:
        raise Refusal(str(error)) from error
    return case


def of_every_family(subject: Subject, draw: st.DataObject) -> Iterator[Case]:
    """Draw a layout and yield a case of each family that suits it: none is left to chance."""
    groups = [zoo.VECTOR] if subject.takes_vectors else []
    groups += [zoo.PICTURE] if subject.takes_pictures else []
    for group in groups:
        case = draw.draw(cases(subject, group))
        yield from (replace(case, family=family) for family in group)


def any_target(draw: st.DataObject, case: Case) -> int:
    """Draw the target to attribute."""
    return draw.draw(st.integers(0, case.layout.classes - 1), label="target")

"""Trying every property on a method, and reporting what was found."""

from __future__ import annotations

import time
import traceback
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import hypothesis
from hypothesis import strategies as st

from ascribe.errors import InputError
from ascribe.testing.properties import PROPERTIES, Property
from ascribe.testing.subject import Case, PropertyFailure, Refusal, Subject, contained

#: How many examples each property is tried on, unless said otherwise.
EXAMPLES = 50

#: What is found of a property; the first two are failures of the method.
FAILS, UNEXPECTED = "fails", "holds unexpectedly"
HOLDS, EXPECTED = "holds", "fails as expected"
UNCLAIMED_HOLDS, UNCLAIMED = "holds, unclaimed", "not claimed"
UNSUITED = "no model suits"


@dataclass(frozen=True)
class Outcome:
    """What was found of one property.

    Attributes
    ----------
    status
        One of the words above.
    message
        Why it fails: by how much, against what tolerance, and on which smallest model.
    examples
        On how many it was tried, those that look for a smaller failure included.
    """

    prop: Property
    status: str
    message: str = ""
    examples: int = 0
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether the method breaks what it must keep."""
        return self.status in (FAILS, UNEXPECTED)


@dataclass(frozen=True)
class Report:
    """What was found of a method."""

    name: str
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def failures(self) -> list[Outcome]:
        """The outcomes that fail."""
        return [outcome for outcome in self.outcomes if outcome.failed]

    @property
    def examples(self) -> int:
        """How many examples were tried in all."""
        return sum(outcome.examples for outcome in self.outcomes)

    def __str__(self) -> str:
        width = max(len(outcome.prop.name) for outcome in self.outcomes)
        lines = [f"{o.prop.name:{width}}  {o.status:18}  {o.message}" for o in self.outcomes]
        seconds = sum(outcome.seconds for outcome in self.outcomes)
        verdict = f"{len(self.failures)} of {len(self.outcomes)} properties fail"
        last = f"{self.name}: {verdict}; {self.examples} examples in {seconds:.1f} s"
        return "\n".join([line.rstrip() for line in lines] + [last])


def check_method(
    method: type | Subject,
    parameters: Mapping[str, Any] | None = None,
    claims: Mapping[str, float] | None = None,
    expected_failures: Mapping[str, str] | None = None,
    examples: int = EXAMPLES,
    seed: int = 0,
    unclaimed: bool = True,
) -> Report:
    """Try every property on a method.

    Parameters
    ----------
    method
        A class with the interface of `ascribe.Attribution`, whoever wrote it.
    parameters
        What it is made with and called with, beside model, inputs, baselines and target.
    claims
        The axioms and oracles that it claims, each with the error that it may leave as a share of
        the scale; by default what ``method.claims(**parameters)`` says.
    expected_failures
        Properties that are known to fail, with the reason. One that holds after all is a failure.
    examples
        On how many models each property is tried; a fifth of it for what is not claimed.
    seed
        Of the choice of examples.
    unclaimed
        Also try what is not claimed, and report what holds of it.

    Returns
    -------
    Report

    Raises
    ------
    InputError
        If there would be nothing to try, or a name is no property's.
    """
    subject = method if isinstance(method, Subject) else subject_of(method, parameters, claims)
    expected = dict(expected_failures or {})
    if examples < 1:
        raise InputError(f"examples must be at least 1, but is {examples}: nothing would be tried")
    check_names([*subject.claims, *expected])
    outcomes = [
        run(subject, prop, examples, seed, expected.get(prop.name))
        for prop in selected(subject, unclaimed)
    ]
    if not any(outcome.examples for outcome in outcomes) and not any(o.failed for o in outcomes):
        raise InputError("no model suits these parameters: nothing was tried")
    return Report(subject.cls.__name__, outcomes)


def subject_of(
    cls: type,
    parameters: Mapping[str, Any] | None = None,
    claims: Mapping[str, float] | None = None,
) -> Subject:
    """Return a configured method, with the claims that it makes itself unless others are given."""
    parameters = dict(parameters or {})
    if claims is None:
        claims = cls.claims(**parameters) if hasattr(cls, "claims") else {}
    return Subject(cls, parameters, dict(claims))


def check_names(names: list[str]) -> None:
    """Refuse what is no property's name."""
    unknown = [name for name in names if name not in PROPERTIES]
    if unknown:
        raise InputError(
            f"no property is called {', '.join(unknown)}; there are {', '.join(PROPERTIES)}"
        )


def selected(subject: Subject, unclaimed: bool) -> Iterator[Property]:
    """Return the properties to try."""
    for prop in PROPERTIES.values():
        wanted = prop.kind == "contract" or unclaimed or prop.name in subject.claims
        if wanted and prop.applies(subject):
            yield prop


def run(
    subject: Subject, prop: Property, examples: int, seed: int = 0, expected: str | None = None
) -> Outcome:
    """Try one property."""
    claimed = prop.kind == "contract" or prop.name in subject.claims
    started = time.perf_counter()
    tried, failure = _search(subject, prop, examples if claimed else max(1, examples // 5), seed)
    if tried == 0 and failure is None:
        return Outcome(prop, UNSUITED)
    if failure is None:
        status = UNEXPECTED if expected else HOLDS if claimed else UNCLAIMED_HOLDS
        message = f"was expected to fail: {expected}" if expected else ""
    else:
        status = EXPECTED if expected else FAILS if claimed else UNCLAIMED
        message = expected or (failure if claimed else "")
    return Outcome(prop, status, message, tried, time.perf_counter() - started)


def _search(subject: Subject, prop: Property, examples: int, seed: int) -> tuple[int, str | None]:
    """Return how many examples were tried, and what the smallest failure says."""
    tried, refusals = 0, list[str]()

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
        suppress_health_check=list(hypothesis.HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
    )
    @hypothesis.given(st.data())
    def search(draw: st.DataObject) -> None:
        nonlocal tried
        try:
            with contained():
                prop.check(subject, draw)
        except (PropertyFailure, hypothesis.errors.HypothesisException):
            raise
        except Exception as error:
            # Of an axiom or an oracle no number is wrong then; `runs_on_every_model` tells of it.
            if prop.kind == "contract" and not isinstance(error, Refusal):
                raise
            refusals.append(_told(error))
            hypothesis.reject()
        tried += 1

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            search()
        except PropertyFailure as error:
            return tried + 1, str(error)
        except hypothesis.errors.Unsatisfiable:
            pass  # as told below
        except hypothesis.errors.FlakyFailure as group:  # it failed once: tell how
            return tried + 1, f"{group.exceptions[0]} (not at every try)"
        except Exception as error:  # whatever a foreign method raises is its failure
            return tried + 1, _told(error)
    if tried == 0 and refusals:
        return 0, f"nothing could be tried: {refusals[-1]}"
    return tried, None


def _told(error: Exception) -> str:
    told = f"raised {type(error).__name__}: {str(error).partition(chr(10))[0]}"
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    # What the check was about when it raised: that is where its model is named.
    found = (frame.f_locals.get("case") for frame in frames)
    case = next((case for case in found if isinstance(case, Case)), None)
    return told if case is None else f"{told}, on {case}"

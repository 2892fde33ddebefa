"""The kit in a plugin's own tests."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from ascribe.errors import InputError
from ascribe.testing.properties import Property
from ascribe.testing.runner import EXAMPLES, check_names, run, selected, subject_of
from ascribe.testing.subject import PropertyFailure, Subject


def configured(cls: type, **parameters: Any) -> Subject:
    """Return a method with parameters, for `parametrize_with_checks`."""
    return subject_of(cls, parameters)


def parametrize_with_checks(
    methods: Iterable[type | Subject],
    expected_failures: Mapping[str, str] | None = None,
    examples: int = EXAMPLES,
    seed: int = 0,
) -> Callable[..., Any]:
    """Return a pytest decorator that gives a test each check of each method as ``check``.

    Parameters
    ----------
    methods
        Classes, or what `configured` returns.
    expected_failures
        Properties that are known to fail, with the reason: a test fails that expected a failure
        which no longer occurs.
    examples, seed
        As `check_method` takes them.
    """
    import pytest  # only tests need it

    expected = dict(expected_failures or {})
    cases = []
    for method in methods:
        subject = method if isinstance(method, Subject) else subject_of(method)
        check_names([*subject.claims, *expected])
        told = ",".join(f"{key}={value}" for key, value in subject.parameters.items())
        told = re.sub(" at 0x[0-9a-f]+", "", told)  # or each process has names of its own
        for prop in selected(subject, unclaimed=False):
            check = partial(_check, subject, prop, examples, seed, expected.get(prop.name))
            name = f"{subject.cls.__name__}({told})" if told else subject.cls.__name__
            cases.append(pytest.param(check, id=f"{name}-{prop.name}"))
    if not cases:
        raise InputError("there is no method to check")
    return pytest.mark.parametrize("check", cases)


def _check(
    subject: Subject, prop: Property, examples: int, seed: int, expected: str | None
) -> None:
    outcome = run(subject, prop, examples, seed, expected)
    if outcome.failed:
        raise PropertyFailure(f"{prop.name}: {outcome.message} ({prop.statement})")

"""The conformance kit: property-based validation of any attribution method, anyone's.

In the tests of a plugin::

    from ascribe.testing import configured, parametrize_with_checks

    @parametrize_with_checks([MyMethod, configured(MyMethod, n_steps=200)])
    def test_conformance(check):
        check()

as a function, `check_method`, and in the shell, ``ascribe check my_method``. It needs Hypothesis:
``pip install ascribe[test]``.
"""

from ascribe.testing import (  # noqa: F401 - checks
    axioms,
    contract,
    forms,
    inside,
    oracles,
    surroundings,
)
from ascribe.testing.properties import PROPERTIES, Property
from ascribe.testing.pytest_checks import configured, parametrize_with_checks
from ascribe.testing.runner import Outcome, Report, check_method
from ascribe.testing.subject import Case, PropertyFailure, Subject

__all__ = [
    "PROPERTIES",
    "Case",
    "Outcome",
    "Property",
    "PropertyFailure",
    "Report",
    "Subject",
    "check_method",
    "configured",
    "parametrize_with_checks",
]

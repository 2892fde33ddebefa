import pytest
import torch

from ascribe.attr import InputXGradient, IntegratedGradients, Saliency
from ascribe.errors import InputError
from ascribe.testing import (
    PROPERTIES,
    PropertyFailure,
    check_method,
    configured,
    parametrize_with_checks,
)
from ascribe.testing.runner import (
    EXPECTED,
    FAILS,
    HOLDS,
    UNCLAIMED,
    UNCLAIMED_HOLDS,
    UNEXPECTED,
)


class Doubled(Saliency):
    """The gradient, twice."""

    def attribute(self, inputs, target=None, abs=True, additional_forward_args=None):
        found = super().attribute(inputs, target, abs, additional_forward_args)
        return tuple(2 * f for f in found) if isinstance(found, tuple) else 2 * found


def found(report, name):
    (outcome,) = [outcome for outcome in report.outcomes if outcome.prop.name == name]
    return outcome


def test_a_failure_says_which_property_by_how_much_and_on_which_smallest_model():
    report = check_method(Doubled, {"abs": True}, examples=10)
    outcome = found(report, "linear_magnitude")
    assert outcome.status == FAILS
    for part in ("off by", "explain", "'linear' from (2,)", "seed 0", "batch 1"):
        assert part in outcome.message
    assert report.failures == [outcome]
    assert f"1 of {len(report.outcomes)} properties fail" in str(report)
    assert report.examples > 100


def test_what_is_not_claimed_is_tried_and_reported_but_no_failure():
    report = check_method(InputXGradient, examples=10)
    assert found(report, "linear_difference").status == HOLDS
    assert found(report, "linear_gradient").status == UNCLAIMED
    assert found(check_method(Saliency, claims={}, examples=10), "dummy").status == UNCLAIMED_HOLDS
    assert not report.failures
    names = [o.prop.name for o in check_method(Saliency, examples=2, unclaimed=False).outcomes]
    assert "completeness" not in names


def test_an_expected_failure_is_none_and_one_that_does_not_occur_is_one():
    claims = {"linear_magnitude": 0.0, "dummy": 0.0}
    report = check_method(
        Doubled,
        claims=claims,
        expected_failures={"linear_magnitude": "it doubles", "dummy": "so it was thought"},
        examples=10,
    )
    assert found(report, "linear_magnitude").status == EXPECTED
    assert found(report, "linear_magnitude").message == "it doubles"
    assert found(report, "dummy").status == UNEXPECTED
    assert [outcome.prop.name for outcome in report.failures] == ["dummy"]


def test_a_claim_admits_the_error_that_it_names():
    strict = {"completeness": 0.0}
    assert check_method(IntegratedGradients, {"n_steps": 5}, strict, examples=20).failures
    loose = {"completeness": 9 / 5}
    assert not check_method(IntegratedGradients, {"n_steps": 5}, loose, examples=20).failures


def test_an_empty_run_and_unknown_names_are_refused():
    with pytest.raises(InputError, match="nothing would be tried"):
        check_method(Saliency, examples=0)
    with pytest.raises(InputError, match="no property is called completness"):
        check_method(Saliency, claims={"completness": 0.0})
    with pytest.raises(InputError, match="no property is called x"):
        parametrize_with_checks([Saliency], expected_failures={"x": "y"})
    with pytest.raises(InputError, match="no method"):
        parametrize_with_checks([])


class Refuses(Saliency):
    """An algorithm that takes no model at all."""

    def attribute(self, inputs, target=None, abs=True, additional_forward_args=None):
        raise NotImplementedError("later")


def test_a_method_that_refuses_every_model_does_not_pass_for_want_of_trials():
    report = check_method(Refuses, examples=5, unclaimed=False)
    assert {outcome.status for outcome in report.outcomes} == {FAILS}
    assert "NotImplementedError: later" in found(report, "runs_on_every_model").message
    assert "nothing could be tried" in found(report, "linear_magnitude").message


def test_the_same_seed_tries_the_same_and_leaves_the_random_state_alone():
    before = torch.get_rng_state()
    one, other = (check_method(Doubled, examples=5, seed=3) for _ in range(2))
    assert [o.message for o in one.outcomes] == [o.message for o in other.outcomes]
    assert torch.equal(before, torch.get_rng_state())


def test_every_property_states_what_it_is():
    for prop in PROPERTIES.values():
        assert len(prop.statement) > 20, prop.name
        assert prop.kind in ("contract", "axiom", "oracle")


def test_a_check_in_a_test_raises_with_the_statement():
    mark = parametrize_with_checks([configured(Doubled, abs=True)], examples=5)
    checks = {param.id: param.values[0] for param in mark.args[1]}
    with pytest.raises(PropertyFailure, match=r"linear_magnitude: .*off by .*every element gets"):
        checks["Doubled(abs=True)-linear_magnitude"]()
    checks["Doubled(abs=True)-dummy"]()


def test_names_of_checks_are_the_same_in_every_process():
    mark = parametrize_with_checks([configured(Doubled, abs=object())], examples=5)
    names = [case.id for case in mark.args[1]]
    assert names[0].startswith("Doubled(abs=<object object>)-")

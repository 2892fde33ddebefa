"""Pointing game, relevance mass and relevance rank: attributions against a mask."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ascribe import InputError
from ascribe.metrics import pointing_game, relevance_mass_accuracy, relevance_rank_accuracy

ALL = [pointing_game, relevance_mass_accuracy, relevance_rank_accuracy]

finite = st.floats(-1e6, 1e6, width=32)
maps = arrays.arrays(np.float64, (2, 3, 4, 5), elements=finite)
masks = arrays.arrays(np.bool_, (2, 4, 5)).filter(lambda mask: mask.any((1, 2)).all())


def square(corner=0, side=6):
    mask = torch.zeros(side, side, dtype=torch.bool)
    mask[corner : corner + 2, corner : corner + 2] = True
    return mask


@pytest.mark.parametrize("metric", ALL)
def test_all_inside_is_one_and_all_outside_is_zero(metric):
    mask = square()
    inside = torch.rand(2, 3, 6, 6) * mask
    outside = torch.rand(2, 3, 6, 6) * square(3)
    assert metric(inside, mask).tolist() == [1, 1]
    assert metric(outside, mask).tolist() == [0, 0]


@given(maps, masks)
def test_a_map_that_tells_nothing_apart_gets_the_share_of_the_mask(values, mask):
    share = torch.from_numpy(mask).double().mean((1, 2))
    uniform = torch.full((2, 3, 4, 5), float(values.flat[0]))
    for metric in ALL:
        torch.testing.assert_close(metric(uniform, mask), share)


@given(maps, masks, st.integers(-20, 20))
def test_results_are_shares_and_do_not_depend_on_the_scale(values, mask, power):
    values = torch.from_numpy(values)
    for metric in ALL:
        found = metric(values, mask)
        assert bool(((found >= 0) & (found <= 1)).all())
        torch.testing.assert_close(metric(values * 2.0**power, mask), found)


@given(maps, masks)
def test_what_is_in_the_mask_is_not_outside_it(values, mask):
    values, mask = torch.from_numpy(values), torch.from_numpy(mask)
    mask[:, 0, 0], mask[:, 3, 4] = True, False
    for metric in (pointing_game, relevance_mass_accuracy):
        torch.testing.assert_close(metric(values, mask), 1 - metric(values, ~mask))


@given(maps, masks)
def test_mass_and_rank_are_those_of_the_paper(values, mask):
    pooled = np.maximum(values.sum(1), 0).reshape(2, -1)
    pooled += np.arange(20) * 1e-9 + 1e-9  # no ties, and never nothing
    flat = mask.reshape(2, -1)
    inside = (pooled * flat).sum(1) / pooled.sum(1)
    told = pooled.reshape(2, 4, 5)
    np.testing.assert_allclose(relevance_mass_accuracy(torch.from_numpy(told), mask), inside)
    for row in range(2):
        size = flat[row].sum()
        top = np.argsort(-pooled[row], kind="stable")[:size]
        found = relevance_rank_accuracy(torch.from_numpy(told[[row]]), mask[row])
        if len(np.unique(pooled[row])) == 20:  # the ramp may drown in large values
            np.testing.assert_allclose(found, [flat[row][top].mean()])


def test_ties_are_broken_by_chance_in_the_mean():
    values, mask = torch.tensor([[3.0, 1.0, 1.0, 1.0, 0.0]]), torch.tensor([1, 1, 0, 0, 0])
    # One rank of two is sure; the other goes to one of three places, of which one is inside.
    torch.testing.assert_close(
        relevance_rank_accuracy(values, mask), torch.tensor([2 / 3]).double()
    )
    assert pointing_game(values[:, 1:], mask[1:]).tolist() == pytest.approx([1 / 3])


def test_channels_are_added_up_before_the_sign_is_taken():
    values = torch.zeros(1, 2, 2, 2)
    values[0, :, 0, 0] = torch.tensor([5.0, -4.0])
    values[0, :, 1, 1] = torch.tensor([1.0, 1.0])
    mask = torch.tensor([[1, 0], [0, 0]])
    assert pointing_game(values, mask).tolist() == [0]
    torch.testing.assert_close(
        relevance_mass_accuracy(values, mask), torch.tensor([1 / 3]).double()
    )
    each = torch.zeros(2, 2, 2)
    each[0, 0, 0] = 1
    assert pointing_game(values, each, channels=False).tolist() == [1]


def test_signs():
    values, mask = torch.tensor([[1.0, -3.0, 0.0]]), torch.tensor([False, True, False])
    assert relevance_mass_accuracy(values, mask).tolist() == [0]
    assert relevance_mass_accuracy(values, mask, sign="negative").tolist() == [1]
    assert relevance_mass_accuracy(values, mask, sign="absolute_value").tolist() == [0.75]
    with pytest.raises(InputError, match="sign must be one of"):
        pointing_game(values, mask, sign="both")


@pytest.mark.parametrize(("tolerance", "expected"), [(0, 0), (2, 0), (3, 1)])
def test_a_near_miss_hits_within_the_tolerance(tolerance, expected):
    values = torch.zeros(1, 1, 9, 9)
    values[0, 0, 3, 3] = 1  # two down and two across from the mask: 2.83 away
    mask = torch.zeros(9, 9)
    mask[0:2, 0:2] = 1
    assert pointing_game(values, mask, tolerance).tolist() == [expected]


def test_several_inputs_are_judged_together():
    values = (torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0, 0.0]]))
    mask = (None, torch.tensor([True, False]))
    assert pointing_game(values, mask).tolist() == [1]
    assert relevance_mass_accuracy(values, mask).tolist() == [0.75]
    named = {"a": values[0], "b": values[1]}
    found = relevance_mass_accuracy(named, {"a": torch.tensor([1, 0]), "b": torch.tensor([0, 1])})
    assert found.tolist() == [0.25]


@pytest.mark.parametrize("lead", [(6, 6), (2, 6, 6), (2, 1, 6, 6), (3, 2, 6, 6), (3, 2, 1, 6, 6)])
def test_masks_of_all_forms_for_several_targets(lead):
    values = torch.rand(3, 2, 3, 6, 6)
    mask = torch.rand(lead) > 0.5
    found = relevance_mass_accuracy(values, mask, several_targets=True)
    assert found.shape == (3, 2)
    whole = mask.squeeze(-3) if 1 in lead else mask
    for target in range(3):
        one = whole[target] if lead[0] == 3 else whole
        alone = relevance_mass_accuracy(values[target], one)
        torch.testing.assert_close(found[target], alone)


def test_an_empty_batch_has_no_results():
    for metric in ALL:
        assert metric(torch.zeros(0, 3, 6, 6), square()).shape == (0,)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_narrow_types_are_summed_in_double_precision(dtype):
    values = torch.full((1, 100, 100), 10.0, dtype=dtype)
    mask = torch.zeros(100, 100, dtype=torch.bool)
    mask[:37] = True
    assert relevance_mass_accuracy(values, mask).tolist() == pytest.approx([0.37], abs=1e-12)


@pytest.mark.parametrize("metric", ALL)
@pytest.mark.parametrize(
    ("values", "mask", "message"),
    [
        (torch.ones(1, 3, 6, 6), torch.zeros(6, 6), "example 0 is empty"),
        (torch.ones(1, 3, 6, 6), torch.ones(5, 6), r"must have the shape \(6, 6\)"),
        (torch.ones(1, 3, 6, 6), torch.full((6, 6), 0.5), "zeros and ones"),
        (torch.ones(1, 3, 6, 6), [[1]], "must hold one entry|must be a tensor or an array"),
        (torch.full((1, 3, 6, 6), torch.nan), torch.ones(6, 6), "108 of 108 values are NaN"),
        (torch.full((1, 3, 6, 6), torch.inf), torch.ones(6, 6), "NaN or infinite"),
        (torch.ones(1, 4, dtype=torch.long), torch.ones(4), "must be floating point"),
        (torch.ones(1, 0), torch.ones(0), "at least one feature"),
    ],
)
def test_what_does_not_fit_is_refused(metric, values, mask, message):
    with pytest.raises(InputError, match=message):
        metric(values, mask)


def test_a_tolerance_must_be_a_whole_number():
    with pytest.raises(InputError, match="tolerance must be a whole number"):
        pointing_game(torch.ones(1, 4), torch.ones(4), -1)

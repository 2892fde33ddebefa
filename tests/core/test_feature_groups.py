import pytest
import torch

from ascribe.batching import Chunk
from ascribe.errors import InputError
from ascribe.feature_groups import FeatureGroups
from ascribe.inputs import Inputs

ALL = slice(0, 2)


def test_without_a_mask_every_element_of_every_input_is_a_group():
    groups = FeatureGroups(Inputs.of((torch.zeros(2, 2), torch.zeros(2, 3))))
    assert len(groups) == 5
    first, second = groups.masks(Chunk(slice(1, 4), ALL))
    assert first[:, 0].tolist() == [[False, True], [False, False], [False, False]]
    assert second[:, 0].tolist() == [[False] * 3, [True, False, False], [False, True, False]]


def test_one_number_is_one_group_in_whichever_input_and_numbers_may_have_gaps():
    masks = (torch.tensor([[7, 3]]), torch.tensor([[7, 7, 900]]))
    groups = FeatureGroups(Inputs.of((torch.zeros(2, 2), torch.zeros(2, 3))), masks)
    assert len(groups) == 3
    values = torch.tensor([[[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]])  # -3, 7, 900
    first, second = groups.spread(values)
    assert first.tolist() == [[[2, 1], [20, 10]]]
    assert second.tolist() == [[[2, 2, 3], [20, 20, 30]]]


def test_masks_may_differ_between_examples():
    groups = FeatureGroups(Inputs.of(torch.zeros(2, 2)), torch.tensor([[0, 0], [0, 1]]))
    (mask,) = groups.masks(Chunk(slice(0, 2), ALL))
    assert mask.tolist() == [[[True, True], [True, False]], [[False, False], [False, True]]]
    assert not groups.shared
    (part,) = groups.masks(Chunk(slice(1, 2), slice(1, 2)))
    assert part.tolist() == [[[False, True]]]


def test_masks_broadcast_over_channels():
    groups = FeatureGroups(Inputs.of(torch.zeros(2, 3, 2)), torch.tensor([[0, 1]]))
    assert groups.masks(Chunk(slice(0, 1), ALL))[0].shape == (1, 1, 3, 2)
    assert groups.spread(torch.ones(1, 2, 2))[0].shape == (1, 2, 3, 2)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (
            torch.tensor([[0.0, 1.0]]),
            "integers, the number of each element's group, but is .*float",
        ),
        ([0, 1], "one entry for each of the 1 inputs"),
        ("x", "integers"),
        (torch.tensor([[0, 1, 2]]), r"broadcast to its input's shape \(2, 2\), but has \(1, 3\)"),
        (torch.zeros(3, 2).long(), "broadcast"),
        (torch.zeros(1, 2, 2).long(), "broadcast"),
        ((torch.zeros(1, 2).long(),) * 2, "one entry for each of the 1 inputs"),
    ],
)
def test_masks_that_do_not_fit_say_so(mask, message):
    with pytest.raises(InputError, match=message):
        FeatureGroups(Inputs.of(torch.zeros(2, 2)), mask)


def test_a_mask_that_is_missing_for_an_input_says_so():
    two = Inputs.of((torch.zeros(2, 2), torch.zeros(2, 2)))
    mask = torch.zeros(1, 2).long()
    for given in (mask, (mask,), (mask, None)):
        with pytest.raises(InputError, match="feature_mask"):
            FeatureGroups(two, given)

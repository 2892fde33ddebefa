import pytest
import torch

from ascribe import InputError
from ascribe.attr import Owen, ShapleyValues
from ascribe.feature_groups import FeatureGroups
from ascribe.hierarchies import halves, leaves
from ascribe.inputs import Inputs


def halved(tensor, mask=None):
    return halves(FeatureGroups(Inputs.of(tensor), mask))


def test_neighbours_are_halved_along_the_longest_side():
    assert halved(torch.zeros(1, 2, 4)) == [[[0, 1], [4, 5]], [[2, 3], [6, 7]]]
    assert halved((torch.zeros(1, 2), torch.zeros(1, 1))) == [[0, 1], 2]
    assert leaves([[0, 4], 2]) == [0, 4, 2]


def test_one_number_for_each_example_is_a_feature_too():
    x = torch.tensor([1.0, 3.0])
    assert torch.equal(Owen(lambda x: 2 * x).attribute(x), 2 * x)


def test_examples_with_features_of_their_own_need_a_hierarchy():
    # Where features lie in one example would else decide what those of another get.
    x, mask = torch.rand(2, 3).double(), torch.tensor([[0, 1, 2], [2, 0, 1]])
    method = Owen(lambda x: x.prod(1))
    with pytest.raises(InputError, match="one example at a time"):
        method.attribute(x, feature_mask=mask)
    together = method.attribute(x, feature_mask=mask, hierarchy=[0, [1, 2]])
    for i in range(2):
        alone = method.attribute(x[i : i + 1], feature_mask=mask[i : i + 1], hierarchy=[0, [1, 2]])
        torch.testing.assert_close(together[i : i + 1], alone)


def test_orders_are_drawn_only_where_that_costs_less_than_all_of_them():
    method = Owen(lambda x: x.sum(1))
    for features in (3, 8):
        x = torch.ones(1, features)
        costs = [method.cost(x, n_samples=n) for n in range(1, 40)]
        assert max(costs) == method.cost(x) <= 2**features
        assert costs == sorted(costs)


def test_a_flat_hierarchy_of_many_takes_as_many_evaluations_as_shapley_values():
    x, w = torch.ones(1, 12).double(), torch.linspace(-1, 1, 12).double()
    score = lambda x: (x * w).sum(1).exp()  # noqa: E731
    found = Owen(score).attribute(x, hierarchy=list(range(12)))
    torch.testing.assert_close(found, ShapleyValues(score).attribute(x), rtol=0, atol=1e-12)
    assert Owen(score).cost(x, hierarchy=list(range(12))) == 2**12

import numpy as np
import pytest
import torch

import ascribe
from ascribe import InputError
from ascribe.tables import Table, told


@pytest.fixture
def found():
    model = lambda x: torch.stack([x.sum(1), (x**2).sum(1)], 1)  # noqa: E731
    x = torch.arange(6.0).double().reshape(2, 3)
    return ascribe.explain(model, x, "integrated_gradients", target=[0, 1])


def test_a_target_of_an_explanation_is_read_with_all_that_is_known(found):
    table = Table.of(found, names=["a", "b", "c"], target=1)
    np.testing.assert_allclose(table.values, found.inputs.numpy() ** 2)
    np.testing.assert_array_equal(table.shown, found.inputs)
    np.testing.assert_array_equal(table.scores, found.scores[1])
    np.testing.assert_array_equal(table.deltas, found.delta[1])
    assert table.labels == ["1", "1"]
    assert table.title == "target 1"
    assert table.errors is None
    assert table.beside is None


def test_a_row_is_a_table_of_one(found):
    row = Table.of(found, names=["a", "b", "c"]).row(1)
    assert row.values.shape == row.shown.shape == (1, 3)
    assert [row.label(i) for i in range(3)] == ["a = 3", "b = 4", "c = 5"]
    assert row.title == "0, score 12"
    assert float(row.scores[0]) == 12
    with pytest.raises(InputError, match="example must be a whole number from 0 to below 2"):
        Table.of(found).row(2)


def test_what_people_see_is_shown_where_the_model_sees_numbers(found):
    seen = np.array([["red", 1984, True], ["blue", 0.5, np.nan]], dtype=object)
    object.__setattr__(found, "original", seen)
    row = Table.of(found).row(0)
    assert [row.label(i) for i in range(3)] == [
        "feature 0 = red",
        "feature 1 = 1984",
        "feature 2 = True",
    ]
    object.__setattr__(found, "original", [["too", "few"]])
    np.testing.assert_array_equal(Table.of(found).shown, found.inputs)


def test_targets_of_their_own_and_a_score_alone_are_named():
    weights = torch.rand(3, 4)
    own = ascribe.explain(lambda x: x @ weights, torch.rand(2, 3), "saliency", torch.tensor([3, 1]))
    table = Table.of(own)
    assert table.labels == ["3", "1"]
    assert table.title == ""
    alone = ascribe.explain(lambda x: x.sum(1), torch.ones(1, 3), "saliency")
    assert Table.of(alone).title == "score 3"


def test_one_table_of_several_inputs_is_found_or_chosen():
    model = lambda a, b, c: a.sum(1) + 2 * b.sum(1) + c.sum((1, 2))  # noqa: E731
    inputs = (torch.ones(2, 3), torch.ones(2, 4), torch.ones(2, 2, 2))
    found = ascribe.explain(model, inputs, "input_x_gradient")
    with pytest.raises(InputError, match="which="):
        Table.of(found)
    table = Table.of(found, which=1)
    assert table.values.tolist() == [[2] * 4] * 2
    assert table.shown.shape == (2, 4)
    assert table.beside.tolist() == [7, 7]
    assert table.row(0).beside.tolist() == [7]
    with pytest.raises(InputError, match=r"which must be one of \[0, 1, 2\]"):
        Table.of(found, which=3)
    with pytest.raises(InputError, match="dimensions"):
        Table.of(found, which=2)


def test_a_score_of_a_whole_batch_is_that_of_each_example():
    found = ascribe.explain(lambda x: x.sum(), torch.ones(2, 3), "saliency")
    assert Table.of(found).scores.tolist() == [6] * len(Table.of(found).values)


def test_features_are_ranked_by_mean_magnitude():
    table = Table.of(np.array([[1.0, -3.0, 0.0, 1.0], [-1.0, 0.0, 0.5, 1.0]]))
    first, rest = table.ranked(2)
    assert first.tolist() == [1, 0]  # of what counts alike, the first comes first
    assert rest.tolist() == [3, 2]


@pytest.mark.parametrize(
    ("value", "signed", "text"),
    [
        (0.0, True, "0"),
        (-0.25, False, "−0.25"),
        (0.25, True, "+0.25"),
        (123456.7, False, "123457"),
        (1e9, False, "1e+09"),
        (-1e-7, True, "−1e−07"),
        (np.float32(2), False, "2"),
        (True, True, "True"),
        (None, True, "None"),
        ("a-b", True, "a-b"),
    ],
)
def test_numbers_are_told_as_people_read_them(value, signed, text):
    assert told(value, signed) == text

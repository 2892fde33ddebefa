from types import SimpleNamespace

import pytest
import torch

from ascribe.batching import Chunk
from ascribe.errors import TargetError
from ascribe.forward import Forward
from ascribe.inputs import Inputs
from ascribe.targets import Targets, highest

X = torch.arange(6.0).reshape(3, 2)
FLAT = torch.arange(12.0).reshape(3, 4)
DEEP = torch.arange(24.0).reshape(3, 4, 2)


def score(output, target, batch=3):
    with Forward(lambda x: output, Inputs.of(torch.zeros(batch, 1)), target) as forward:
        return forward.scores


@pytest.mark.parametrize(
    ("output", "target", "expected"),
    [
        (FLAT[:, 0], None, [0, 4, 8]),
        (FLAT[:, :1], None, [0, 4, 8]),
        (FLAT, 1, [1, 5, 9]),
        (FLAT, -1, [3, 7, 11]),
        (FLAT, torch.tensor(2), [2, 6, 10]),
        (FLAT, torch.tensor([2]), [2, 6, 10]),
        (FLAT, (3,), [3, 7, 11]),
        (FLAT, [0, 1, 3], [0, 5, 11]),
        (FLAT, torch.tensor([0, 1, 3]), [0, 5, 11]),
        (DEEP, (3, 1), [7, 15, 23]),
        (DEEP, [(0, 0), (1, 1), (3, 0)], [0, 11, 22]),
        (DEEP, torch.tensor([[0, 0], [1, 1], [3, 0]]), [0, 11, 22]),
        (DEEP, lambda output: output.sum((1, 2)), [28, 92, 156]),
        ({"out": FLAT}, lambda output: output["out"][:, 2], [2, 6, 10]),
        (SimpleNamespace(logits=FLAT), lambda output: output.logits[:, 2], [2, 6, 10]),
    ],
)
def test_a_target_of_every_form_chooses_its_score(output, target, expected):
    assert score(output, target).tolist() == [expected]


def test_several_targets_are_read_from_one_evaluation():
    calls = []

    def model(x):
        calls.append(len(x))
        return FLAT

    targets = Targets([1, (2,), [0, 1, 3], lambda output: output.sum(1)])
    with Forward(model, Inputs.of(X), targets) as forward:
        scores = forward.scores
    assert scores.tolist() == [[1, 5, 9], [2, 6, 10], [0, 5, 11], [6, 22, 38]]
    assert calls == [3]


def test_targets_follow_their_examples_in_every_chunk():
    with Forward(lambda x: torch.cat([x, -x], 1), Inputs.of(X), [0, 3, 1]) as forward:
        rows = X[1:].repeat(2, 1) + torch.tensor([[0.0], [0.0], [10.0], [10.0]])
        scores = forward([rows], Chunk(slice(5, 7), slice(1, 3)))
    assert scores.tolist() == [[-3, 5, -13, 15]]


@pytest.mark.parametrize(
    ("output", "target", "message"),
    [
        (FLAT, None, r"one score for each example, shape \(3,\), but leaves \(3, 4\)"),
        (DEEP, 1, r"leaves \(3, 2\)"),
        (FLAT, 4, r"target 4 is out of range .* \(3, 4\): choose from 0 to 3"),
        (FLAT, -5, "out of range"),
        (FLAT, [0, 1, 4], "out of range"),
        (FLAT[:, 0], 1, "leave target=None"),
        (FLAT, (1, 1), "2 indices, but .* 1 dimensions"),
        (FLAT, [0, 1], "one for each of the 3 examples"),
        (FLAT, torch.tensor([0, 1]), "one for each of the 3 examples"),
        (DEEP, [(0, 0), (1,), (0, 0)], "tuples of one length"),
        (FLAT, 1.5, "must be None, an int"),
        (FLAT, "dog", "must be None, an int"),
        (FLAT, torch.tensor([0.5, 1, 2]), "must hold integers"),
        (FLAT, Targets([]), "at least one target"),
        (FLAT, lambda output: "a", "must return a tensor of scores, but returned a str"),
        (FLAT, lambda output: output, "for each example"),
        (FLAT.to(torch.complex64), 1, "real numbers"),
        ({"out": FLAT}, 1, r"output\['out'\]"),
        ((FLAT, FLAT), 1, r"returned a tuple; pass a callable .*output\[0\]"),
        (SimpleNamespace(logits=FLAT), 1, r"output\.logits"),
        (FLAT[:2], [0, 1, 2], "one row for each of the 3 examples"),
    ],
)
def test_a_target_that_does_not_fit_says_so(output, target, message):
    with pytest.raises(TargetError, match=message):
        score(output, target)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (FLAT[:1], [3]),
        (-FLAT, [0, 0, 0]),
        (FLAT[:, 0], [-1, -1, -1]),
        (FLAT[:, :1], [-1, -1, -1]),
        (torch.tensor(1.0), [-1]),
    ],
)
def test_highest(output, expected):
    assert highest(output).tolist() == expected


def test_highest_of_more_dimensions_is_not_clear():
    with pytest.raises(TargetError, match="choose a score with a tuple"):
        highest(DEEP)

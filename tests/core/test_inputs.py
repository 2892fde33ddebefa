import pytest
import torch

from ascribe.errors import InputError
from ascribe.inputs import Inputs

X = torch.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize(
    "form", [X, (X,), [X, X], {"a": X, "b": X}], ids=lambda f: type(f).__name__
)
def test_results_take_the_caller_s_own_form(form):
    inputs = Inputs.of(form)
    packed = inputs.pack(tensor * 2 for tensor in inputs.tensors)
    assert type(packed) is type(form)
    if isinstance(form, dict):
        assert list(packed) == ["a", "b"]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([], "at least one tensor"),
        ("abc", "tensor or a tuple"),
        (3, "tensor or a tuple"),
        (torch.tensor(1.0), "batch dimension"),
        ((X, 3), "input 1 must be a tensor"),
        ((X, X[:1]), r"one batch size.*\(2, 3\), \(1, 3\)"),
        (X > 0, "real numbers"),
        (X.to(torch.complex64), "real numbers"),
    ],
)
def test_bad_inputs_say_what_is_needed(inputs, message):
    with pytest.raises(InputError, match=message):
        Inputs.of(inputs)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, torch.zeros(1, 1)),
        (2, torch.full((1, 1), 2.0)),
        (0.5, torch.full((1, 1), 0.5)),
        (torch.tensor(3), torch.full((1, 1), 3.0)),
        (torch.ones(3), torch.ones(1, 3)),
        (torch.ones(1, 3, dtype=torch.float64), torch.ones(1, 3)),
        (X + 1, X + 1),
        ((7,), torch.full((1, 1), 7.0)),
    ],
)
def test_baselines_of_every_form_take_dtype_and_dimensions_of_their_input(given, expected):
    (baseline,) = Inputs.of(X).baselines(given)
    assert baseline.dtype == X.dtype
    assert torch.equal(baseline, expected)


def test_baselines_for_several_inputs():
    inputs = Inputs.of({"a": X, "b": X.double()})
    a, b = inputs.baselines({"b": 1, "a": X})
    assert torch.equal(a, X)
    assert b.dtype == torch.float64
    assert [float(one) for one in inputs.baselines(3)] == [3, 3]
    assert [float(one) for one in inputs.baselines((None, 2))] == [0, 2]


@pytest.mark.parametrize(
    ("inputs", "baselines", "message"),
    [
        (X, torch.ones(2), "must be a number or have the shape"),
        (X, torch.ones(3, 3), "must be a number or have the shape"),
        (X, "zero", "None, a number or a tensor"),
        (X, (1, 2), "one entry for each of the 1 inputs"),
        ((X, X), X, "came as one tensor"),
        ({"a": X}, {"b": 1}, r"keys \['b'\], but the inputs have \['a'\]"),
        (X, {"a": 1}, "no keys"),
        (X.long(), 0.5, "whole numbers"),
        (X.long(), float("nan"), "whole numbers"),
        (X.half(), 1e6, "too large"),
    ],
)
def test_bad_baselines_say_what_is_needed(inputs, baselines, message):
    with pytest.raises(InputError, match=message):
        Inputs.of(inputs).baselines(baselines)


def test_what_comes_out_as_baselines_may_go_in_again():
    inputs = Inputs.of(torch.ones(2, 3))
    for given in (None, 2, torch.ones(3)):
        once = inputs.baselines(given)
        assert torch.equal(inputs.baselines(once)[0], once[0])


def test_large_whole_numbers_are_not_rounded():
    (baseline,) = Inputs.of(torch.ones(1, 2).long()).baselines(2**53 + 1)
    assert int(baseline) == 2**53 + 1

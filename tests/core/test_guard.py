import functools
import random

import numpy as np
import pytest
import torch
from torch import nn

from ascribe.guard import modules_in, untouched


class Meddler(nn.Module):
    """Changes all that a forward pass can change."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(2, 2)
        self.register_buffer("count", torch.zeros(()))
        self.calls, self.cache = 0, {}

    def forward(self, x):
        self.calls += 1
        self.last = x
        self.cache["x"] = x
        self.count += 1
        self.inner.eval()
        self.inner.register_forward_hook(lambda *_: None)
        self.inner.weight.requires_grad_(False)
        self.inner.weight.grad = torch.ones(2, 2)
        torch.rand(1), np.random.rand(), random.random()
        return x


def state(model):
    return (
        [(k, v.clone()) for k, v in model.state_dict().items()],
        [{k: str(v) for k, v in vars(m).items()} for m in model.modules()],
        [(p.requires_grad, p.grad) for p in model.parameters()],
        (torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()),
    )


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_whatever_a_forward_pass_changes_is_put_back(error):
    model = Meddler()
    before = state(model)
    with pytest.raises(error) if error else untouched([]), untouched(modules_in(model)):
        model(torch.ones(1, 2))
        assert str(before) != str(state(model))
        if error:
            raise error
    assert str(before) == str(state(model))
    assert model.inner._forward_hooks == {}


def test_the_model_works_as_before_afterwards():
    model = Meddler()
    with untouched(modules_in(model)):
        model(torch.ones(1, 2))
    assert next(iter(model.inner.parameters())) is model.inner.weight
    model.inner(torch.ones(1, 2)).sum().backward()
    assert model.inner.weight.grad is not None


LINEAR = nn.Linear(2, 2)


class Wrapper:
    def __init__(self, model):
        self.model = model

    def __call__(self, x):
        return self.model(x)


def closing_over(model):
    return lambda x: model(x)


@pytest.mark.parametrize(
    "func",
    [
        LINEAR,
        LINEAR.forward,
        functools.partial(LINEAR.forward),
        functools.partial(lambda model, x: model(x), LINEAR),
        lambda x: LINEAR(x),
        closing_over(LINEAR),
        closing_over([LINEAR]),
        Wrapper(LINEAR),
        nn.Sequential(LINEAR),
    ],
)
def test_modules_are_found_behind_every_kind_of_function(func):
    assert LINEAR in modules_in(func)


def test_functions_without_modules_have_none():
    assert modules_in(torch.sin) == modules_in(lambda x: x) == []

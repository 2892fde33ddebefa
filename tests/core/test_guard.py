import functools
import random

import numpy as np
import pytest
import torch
from torch import nn

from ascribe.errors import AscribeWarning
from ascribe.guard import modules_in, untouched, warn_if_training


class Meddler(nn.Module):
    """Changes all that a forward pass can change."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(2, 2)
        self.register_buffer("count", torch.zeros(()))
        self.calls, self.cache, self.seen = 0, {}, []

    def forward(self, x):
        self.calls += 1
        self.seen.append(x)
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


def defaulted(x, model=LINEAR):
    return model(x)


def keyword_only(x, *, model=LINEAR):
    return model(x)


def nested(x):
    return [LINEAR(row) for row in (lambda y: [LINEAR(y)])(x)]


MODELS = {"a": LINEAR}


class Holder:
    def __init__(self):
        self.nets = {"a": [LINEAR]}

    def run(self, x):
        return self.nets["a"][0](x)


@pytest.mark.parametrize(
    "func", [defaulted, keyword_only, nested, lambda x: MODELS["a"](x), Holder().run]
)
def test_modules_are_found_behind_defaults_nested_functions_and_dicts(func):
    assert LINEAR in modules_in(func)


def test_statistics_of_a_batch_norm_and_writes_through_data_are_put_back():
    model = nn.Sequential(nn.BatchNorm1d(2), nn.Embedding(3, 2, max_norm=0.1))
    model.register_buffer("average", torch.ones(3))
    before = [(key, value.clone()) for key, value in model.state_dict().items()]
    with untouched(modules_in(model)):
        model[0](torch.randn(4, 2))
        model[1](torch.tensor([0, 1]))
        model.average.data.mul_(0.9)
    for (key, value), (other, found) in zip(before, model.state_dict().items(), strict=True):
        assert key == other
        assert torch.equal(value, found), key


def test_each_module_is_restored_whatever_happens_to_the_others():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model.register_buffer("grown", torch.ones(3))
    with untouched(modules_in(model)):
        model.grown.resize_(5)
        model[1].extra = 1
    assert model.grown.tolist() == [1, 1, 1]
    assert not hasattr(model[1], "extra")


def test_the_order_of_hooks_is_put_back():
    model = nn.Linear(2, 2)
    first = model.register_forward_hook(lambda *_: first.remove())
    model.register_forward_hook(lambda *_: None)
    order = list(model._forward_hooks)
    with untouched([model]):
        model(torch.ones(1, 2))
    assert list(model._forward_hooks) == order


def test_modules_without_values_yet_are_no_hindrance():
    with untouched(modules_in(nn.LazyLinear(2))):
        pass


def test_a_model_that_writes_to_its_parameters_is_warned_of():
    model = nn.Linear(2, 2)
    with (
        pytest.warns(AscribeWarning, match="wrote to its parameters weight"),
        untouched(modules_in(model)),
        torch.no_grad(),
    ):
        model.weight.add_(1)


@pytest.mark.parametrize(
    "module",
    [nn.LSTM(2, 2, 2, dropout=0.5), nn.MultiheadAttention(2, 1, dropout=0.5), nn.RReLU()],
    ids=lambda module: type(module).__name__,
)
def test_every_module_that_is_random_in_training_is_warned_of(module):
    with pytest.warns(AscribeWarning, match=type(module).__name__):
        warn_if_training([module])
    warn_if_training([module.eval()])


def test_functions_without_modules_have_none():
    assert modules_in(torch.sin) == modules_in(lambda x: x) == []


@pytest.mark.parametrize("write", ["other object", "other key", "other order", "more", "fewer"])
def test_a_dict_that_looks_alike_is_put_back_all_the_same(write):
    model = nn.Module()
    first, second = torch.zeros(2), torch.zeros(2)
    model.cache = {"a": first, "b": second}
    cache = model.cache
    with untouched([model]):
        if write == "other object":
            cache["a"] = first.clone()
        elif write == "other key":
            cache["c"] = cache.pop("b")
        elif write == "other order":
            cache["a"] = cache.pop("a")
        elif write == "more":
            cache["c"] = 1
        else:
            del cache["a"]
    assert model.cache is cache
    assert list(cache) == ["a", "b"]
    assert cache["a"] is first
    assert cache["b"] is second


def test_each_generator_is_put_back_by_itself():
    for draw in (lambda: torch.rand(1), np.random.rand, random.random, np.random.randn):
        before = torch.get_rng_state(), np.random.get_state(), random.getstate()
        with untouched([]):
            draw()
        after = torch.get_rng_state(), np.random.get_state(), random.getstate()
        assert str(after) == str(before)
        assert all(map(np.array_equal, after[1], before[1]))

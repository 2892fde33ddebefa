"""Small random models of every kind that users have, simplest first.

Each family is a function from a layout to a model: from ``features`` numbers for each example to
``classes`` scores. A seed makes its weights, so that a failure can be made again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Layout:
    """What a model is made from.

    Attributes
    ----------
    features
        Numbers for each example: a flat vector, or ``(channels, height, width)``.
    width
        Units of a hidden layer.
    depth
        Hidden layers.
    classes
        Scores for each example.
    seed
        Of the weights.
    """

    features: tuple[int, ...] = (3,)
    width: int = 3
    depth: int = 1
    classes: int = 2
    seed: int = 0


class Stack(nn.Module):
    """Linear layers with something done between them."""

    def __init__(self, layout: Layout, between: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        widths = [*layout.features, *[layout.width] * layout.depth, layout.classes]
        self.layers = nn.ModuleList(map(nn.Linear, widths, widths[1:]))
        self.between = between

    def forward(self, x: Tensor) -> Tensor:
        *hidden, last = self.layers
        for layer in hidden:
            x = self.between(layer(x))
        return torch.as_tensor(last(x))


class Residual(nn.Module):
    """A sum of what goes through and what is computed from it."""

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        (features,) = layout.features
        self.inner = Stack(replace(layout, classes=features), torch.relu)
        self.last = nn.Linear(features, layout.classes)

    def forward(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.last(torch.relu(x + self.inner(x))))


class Gated(nn.Module):
    """A product of two branches."""

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        (features,) = layout.features
        self.value, self.gate = (nn.Linear(features, layout.width) for _ in range(2))
        self.last = nn.Linear(layout.width, layout.classes)

    def forward(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.last(self.value(x) * torch.sigmoid(self.gate(x))))


class Normalised(nn.Module):
    """Layer norm within and softmax at the end."""

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        (features,) = layout.features
        self.first = nn.Linear(features, layout.width + 1)
        self.norm = nn.LayerNorm(layout.width + 1)
        self.last = nn.Linear(layout.width + 1, layout.classes)

    def forward(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.last(self.norm(self.first(x))).softmax(1))


class Attention(nn.Module):
    """A block of self-attention over positions, each an embedding of a few numbers."""

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.embed = nn.Linear(1, 4)
        self.attend = nn.MultiheadAttention(4, 2, batch_first=True)
        self.last = nn.Linear(4, layout.classes)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.embed(x[..., None])
        return torch.as_tensor(self.last(self.attend(tokens, tokens, tokens)[0].mean(1)))


class Words(nn.Module):
    """Embeddings of whole numbers from 0 to 9, for inputs that have no gradient."""

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.table = nn.Embedding(10, layout.width)
        self.last = nn.Linear(layout.width, layout.classes)

    def forward(self, ids: Tensor) -> Tensor:
        return torch.as_tensor(self.last(torch.tanh(self.table(ids).sum(1))))


def _modules(activation: Callable[[], nn.Module]) -> Callable[[Layout], nn.Module]:
    def make(layout: Layout) -> nn.Module:
        return Stack(layout, activation())

    return make


def _functional(activation: Callable[[Tensor], Tensor]) -> Callable[[Layout], nn.Module]:
    def make(layout: Layout) -> nn.Module:
        return Stack(layout, activation)

    return make


def _linear(layout: Layout) -> nn.Module:
    (features,) = layout.features
    return nn.Linear(features, layout.classes)


def _flat_linear(layout: Layout) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(layout.features), layout.classes))


def _first_in_place(layout: Layout) -> nn.Module:
    """A model that writes to what it is given."""
    return nn.Sequential(nn.ReLU(inplace=True), _linear(layout))


def _convolutional(layout: Layout) -> nn.Module:
    channels, width = layout.features[0], layout.width
    relu = nn.ReLU(inplace=True)  # one module, used twice
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1),
        nn.BatchNorm2d(width),
        relu,
        nn.MaxPool2d(2, ceil_mode=True),
        nn.Conv2d(width, width, 2, padding=1),
        relu,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(width, layout.classes),
    )


#: Families for vectors of numbers.
VECTOR: dict[str, Callable[[Layout], nn.Module]] = {
    "linear": _linear,
    "relu": _modules(nn.ReLU),
    "tanh": _modules(nn.Tanh),
    "gelu": _functional(functional.gelu),
    "functional relu": _functional(functional.relu),
    "relu in place": _modules(lambda: nn.ReLU(inplace=True)),
    "first in place": _first_in_place,
    "residual": Residual,
    "gated": Gated,
    "normalised": Normalised,
    "attention": Attention,
}

#: Families for pictures ``(channels, height, width)``.
PICTURE: dict[str, Callable[[Layout], nn.Module]] = {
    "flat linear": _flat_linear,
    "convolutional": _convolutional,
}

#: Families for whole numbers.
WORDS: dict[str, Callable[[Layout], nn.Module]] = {"words": Words}

#: The families of which no model writes to what it is given.
PURE_VECTOR = [name for name in VECTOR if name != "first in place"]
PURE = [*PURE_VECTOR, *PICTURE]

FAMILIES = {**VECTOR, **PICTURE, **WORDS}


def build(family: str, layout: Layout, dtype: torch.dtype = torch.float64) -> nn.Module:
    """Make a model of a family in evaluation mode; the global random state is left alone.

    Weights are drawn anew with unit variance over the fan-in, biases and the statistics of batch
    norms too, so that nothing is zero that could hide a fault.
    """
    generator = torch.Generator().manual_seed(layout.seed)
    with torch.random.fork_rng(devices=[]):
        model = FAMILIES[family](layout)
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            fan_in = max(1, tensor.shape[1:].numel()) if tensor.dim() > 1 else 4
            values = torch.randn(tensor.shape, generator=generator) / fan_in**0.5
            tensor.copy_(values.abs() + 0.5 if name.endswith("running_var") else values)
    return model.to(dtype).eval()


def numbers(shape: tuple[int, ...], seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Return random numbers of unit variance, alike for one seed."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


def whole_numbers(shape: tuple[int, ...], below: int, seed: int) -> Tensor:
    """Return random whole numbers from 0, alike for one seed."""
    return torch.randint(below, shape, generator=torch.Generator().manual_seed(seed))


class Composed(nn.Module):
    """A function of models, as a module: some methods take nothing else."""

    def __init__(self, function: Callable[..., Tensor], models: tuple[nn.Module, ...]) -> None:
        super().__init__()
        self.function, self.models = function, nn.ModuleList(models)

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.function(*inputs)


def composed(function: Callable[..., Any], *models: nn.Module) -> nn.Module:
    """Return a function of models as a module in evaluation mode."""
    return Composed(function, models).eval()


def of_two_inputs(model: nn.Module) -> nn.Module:
    """Return a model of two inputs and, if given, a scale for each example."""

    def sum_of(a: Tensor, b: Tensor, scale: Tensor | None = None) -> Tensor:
        scores = model(a + b[:, : a.shape[1]].tanh())
        return torch.as_tensor(scores if scale is None else scores * scale[:, None])

    return composed(sum_of, model)


class Placed(nn.Module):
    """A model behind a layer that hands on its inputs, and before one that hands on its scores."""

    def __init__(self, model: Callable[..., Any], inputs: int) -> None:
        super().__init__()
        self.entry, self.exit, self.model, self.inputs = Entry(), nn.Identity(), model, inputs
        for layer in (self, self.entry, self.exit):
            layer.training = False

    def forward(self, *given: Tensor) -> Any:
        entered = self.entry(*given[: self.inputs])
        inputs = entered if isinstance(entered, tuple) else (entered,)
        return self.exit(self.model(*inputs, *given[self.inputs :]))


class Entry(nn.Module):
    """A layer that hands on what it is given."""

    def forward(self, *inputs: Tensor) -> Any:
        return inputs[0] if len(inputs) == 1 else inputs

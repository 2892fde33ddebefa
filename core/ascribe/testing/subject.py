"""The method under test and what it is tried on."""

from __future__ import annotations

import contextlib
import inspect
import random
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from ascribe.parameters import called_with, inner_of, make, own_parameters
from ascribe.testing import zoo
from ascribe.testing.zoo import Layout


class PropertyFailure(AssertionError):  # noqa: N818 - what is told is no error of ours
    """A property does not hold: which, by how much, against what, and on which model."""


class Refusal(Exception):  # noqa: N818 - not a failure: no number is wrong
    """The method raised on a model, where that is not what is being tried."""


@dataclass(frozen=True)
class Subject:
    """A configured method: a class with the interface of `ascribe.Attribution`, and parameters.

    Attributes
    ----------
    cls
        Made with a model; has ``attribute(inputs, ..., target=...)``.
    parameters
        What it is made with and called with, beside model, inputs, baselines and target.
    claims
        The names of the axioms and oracles that it claims, each with the error that the method
        itself may leave, as a share of the scale (0 for an exact method); see
        `ascribe.testing.tolerances`.
    """

    cls: type
    parameters: Mapping[str, Any] = field(default_factory=dict)
    claims: Mapping[str, float] = field(default_factory=dict)

    def takes(self, name: str) -> bool:
        """Whether ``attribute``, of the method or of one inside it, has such a parameter."""
        return self._called(name) in self._called_with

    def _called(self, name: str) -> str:
        """Return what a parameter is called here: that of a method to a layer may be its own."""
        renamed = getattr(self.cls, "renamed", {})
        return next((new for new, old in renamed.items() if old == name), name)

    @property
    def _called_with(self) -> dict[str, inspect.Parameter]:
        return called_with(self.cls, self.parameters)

    @property
    def made_with(self) -> set[str]:
        """What it is made with, beside the model."""
        return {n for n in own_parameters(self.cls, self.parameters) if not self.takes(n)}

    @property
    def window(self) -> tuple[int, ...] | None:
        """The window that its parameters fix, if any."""
        shape = self.parameters.get("sliding_window_shapes")
        if isinstance(shape, tuple) and shape and isinstance(shape[0], tuple):
            shape = shape[0]
        return (shape,) if isinstance(shape, int) else shape

    def attribute(self, model: Callable[..., Any], inputs: Any, **options: Any) -> Any:
        """Return attributions; options that are None, or that it does not know, are left out.

        What takes no seed finds the same global random state at every call.
        """
        if not self.takes("seed"):
            seed_everything(0)
        return self.call(self.make(model, len(as_tuple(inputs))), inputs, **options)

    def make(self, model: Callable[..., Any], inputs: int = 1) -> Any:
        """Return the method, made with a model of so many inputs.

        A method at a layer gets one that hands on the inputs, and a method of a neuron one that
        hands on the scores: it must then keep all that a method at the inputs must keep.
        """
        given = dict(self.parameters)
        if "layer" in self.made_with - given.keys():
            model = placed = zoo.Placed(model, inputs)
            given["layer"] = placed.exit if self.takes("neuron_selector") else placed.entry
        return make(self.cls, model, given)[0]

    def cost(self, model: Callable[..., Any], inputs: Any, **options: Any) -> int:
        """Return what `attribute` would cost, as the method tells it."""
        method = self.make(model, len(as_tuple(inputs)))
        return int(method.cost(inputs, **self._given(inputs, options)))

    def call(self, method: Any, inputs: Any, **options: Any) -> Any:
        """Return attributions by a method that was made before; see `attribute`."""
        return method.attribute(inputs, **self._given(inputs, options))

    def _given(self, inputs: Any, options: dict[str, Any]) -> dict[str, Any]:
        """Return what ``attribute`` is called with, beside the inputs."""
        given = {k: v for k, v in self.parameters.items() if k not in self.made_with}
        given.update({k: v for k, v in options.items() if v is not None})
        if self.takes("neuron_selector"):
            given.setdefault("neuron_selector", options.get("target", _all_of_it))
        optional = ("baselines", "additional_forward_args", "target")
        given = {k: v for k, v in given.items() if k not in optional or self.takes(k)}
        needed = self._called_with.get("baselines")
        if needed is not None and needed.default is _NEEDED:
            zeros = [tensor.new_zeros((1, *tensor.shape[1:])) for tensor in as_tuple(inputs)]
            given.setdefault("baselines", tuple(zeros) if isinstance(inputs, tuple) else zeros[0])
        self._fill_windows(inputs, given)
        return {self._called(name): value for name, value in given.items()}

    def shape_of_result(self, inputs: Tensor) -> tuple[int, ...]:
        """Return the shape that attributions to such inputs must have."""
        adds = getattr(self.cls, "adds_channels", False)
        adds = adds and self.parameters.get("attr_dim_summation", True)
        shape = tuple(inputs.shape)
        return (shape[0], 1, *shape[2:]) if adds else shape

    @property
    def quiet(self) -> dict[str, float]:
        """What leaves out the noise that a method adds to its inputs, each its own, and chance."""
        noise = {"stdevs": 0.0} if self.takes("stdevs") else {}
        # So many that no more than ten features leave nothing to chance, where that is possible.
        samples = {"n_samples": 1024} if self.takes("return_standard_errors") else {}
        return {**noise, **samples}

    @property
    def takes_vectors(self) -> bool:
        """Whether its parameters suit vectors of numbers."""
        return self.window is None or len(self.window) == 1

    @property
    def takes_pictures(self) -> bool:
        """Whether its parameters suit pictures, which may have fifty elements."""
        most = getattr(self.cls, "most_features", None)
        few = most is not None and most(**self.parameters) is not None
        return (self.window is None or len(self.window) == 3) and not few

    @property
    def draws_baselines(self) -> bool:
        """Whether baselines are a distribution to draw from."""
        methods = (self.cls, inner_of(self.parameters))
        return any(getattr(method, "draws_baselines", False) for method in methods)

    def baselines(self, case: Case) -> Tensor:
        """Return baselines for a case: one for all, where the method draws from several."""
        several = case.inputs(1)
        alone = several[:1].repeat(case.batch, *[1] * (several.dim() - 1))
        return alone if self.draws_baselines else several

    def _fill_windows(self, inputs: Any, given: dict[str, Any]) -> None:
        """Give each of several inputs its window, and windows of one where none are given."""
        name = "sliding_window_shapes"
        if not self.takes(name):
            return
        tensors = as_tuple(inputs)
        if self._called_with[name].default is _NEEDED and name not in given:
            shapes = tuple((1,) * (tensor.dim() - 1) for tensor in tensors)
            given[name] = shapes if isinstance(inputs, tuple) else shapes[0]
        elif len(tensors) > 1 and self.window is not None:
            given.update({n: (given[n],) * len(tensors) for n in (name, "strides") if n in given})


_NEEDED = inspect.Parameter.empty


def _all_of_it(scores: Tensor) -> Tensor:
    return scores


def seed_everything(seed: int) -> None:
    """Seed the global generators of torch, numpy and Python."""
    # Not torch.manual_seed, which takes a thousand times as long where there is no accelerator: it
    # keeps a trace of the stack for each device that might wake up.
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)
    np.random.seed(seed)
    random.seed(seed)


@contextlib.contextmanager
def contained() -> Iterator[None]:
    """Undo, at the end of the block, what a method does to the whole program."""
    dtype, legacy, python = torch.get_default_dtype(), np.random.get_state(), random.getstate()
    with torch.random.fork_rng(devices=[]), torch.enable_grad(), warnings.catch_warnings():
        try:
            yield
        finally:
            torch.set_default_dtype(dtype)
            np.random.set_state(legacy)
            random.setstate(python)


@dataclass(frozen=True)
class Case:
    """A model and a batch for it.

    Attributes
    ----------
    family, layout
        Of the model: see `ascribe.testing.zoo`.
    batch
        The number of examples.
    """

    family: str
    layout: Layout
    batch: int
    dtype: torch.dtype = torch.float64

    def __str__(self) -> str:
        layout = self.layout
        return (
            f"a model {self.family!r} from {layout.features} through {layout.depth} layers of "
            f"{layout.width} to {layout.classes} scores, seed {layout.seed}, batch {self.batch}, "
            f"{str(self.dtype).removeprefix('torch.')}"
        )

    def model(self) -> nn.Module:
        """Make the model."""
        return zoo.build(self.family, self.layout, self.dtype)

    def inputs(self, shift: int = 0) -> Tensor:
        """Make inputs ``(batch, *features)``; other shifts give others."""
        shape = (self.batch, *self.layout.features)
        seed = 1000 + 17 * shift + self.layout.seed
        if self.family in zoo.WORDS:
            return zoo.whole_numbers(shape, 10, seed)
        return zoo.numbers(shape, seed, self.dtype)

    @property
    def depth(self) -> int:
        """How many layers rounding goes through."""
        return self.layout.depth + 4


def cases(
    subject: Subject, families: Iterable[str] | None = None, batches: tuple[int, int] = (1, 3)
) -> st.SearchStrategy[Case]:
    """Return a strategy of cases; failures shrink to the simplest family and smallest layout.

    Parameters
    ----------
    subject
        What they are for: where its parameters fix windows, only inputs that these fit are drawn.
    families
        Which families of `ascribe.testing.zoo`; by default all with real inputs.
    batches
        The least and largest number of examples.
    """
    suiting = zoo.VECTOR if subject.takes_vectors else {}
    suiting = suiting | (zoo.PICTURE if subject.takes_pictures else {})
    chosen = [family for family in (families or suiting) if family in suiting]
    if not chosen:
        return st.nothing()
    least = max(subject.window or (1,))
    if getattr(subject.cls, "over_the_batch", False):
        batches = (max(2, batches[0]), max(2, batches[1]))
    return st.builds(
        _case, st.sampled_from(chosen), st.just(least), st.data(), st.integers(*batches)
    )


def _case(family: str, least: int, data: st.DataObject, batch: int) -> Case:
    small = st.integers(1, 3)
    features: tuple[int, ...] = (data.draw(st.integers(max(2, least), least + 3), label="side"),)
    if family in zoo.PICTURE:
        channels = data.draw(
            st.integers(least, least + 2) if least > 1 else small, label="channels"
        )
        features = (channels, *features, features[0] + 1)
    layout = Layout(
        features=features,
        width=data.draw(small, label="width"),
        depth=data.draw(small, label="depth"),
        classes=data.draw(st.integers(2, 3), label="classes"),
        seed=data.draw(st.integers(0, 10_000), label="seed"),
    )
    return Case(family, layout, batch)


def as_tuple(attributions: Any) -> tuple[Tensor, ...]:
    """Return a tensor, or a tuple, list or dict of them, as a tuple."""
    if isinstance(attributions, Tensor):
        return (attributions,)
    values = attributions.values() if isinstance(attributions, Mapping) else attributions
    return tuple(values)


def compare(actual: Any, expected: Any, tolerance: float, what: str, case: object) -> None:
    """Raise `PropertyFailure` unless two results agree within a tolerance.

    NaN and infinity agree with themselves.
    """
    for index, (one, other) in enumerate(zip(as_tuple(actual), as_tuple(expected), strict=True)):
        if one.shape != other.shape:
            raise PropertyFailure(
                f"{what}: shapes {tuple(one.shape)} and {tuple(other.shape)} differ, on {case}"
            )
        one, other = one.detach().double(), other.detach().double()
        equal = (one == other) | (one.isnan() & other.isnan())
        gap = (one - other).abs().masked_fill(equal, 0)
        worst = float(gap.nan_to_num(float("inf")).max()) if gap.numel() else 0.0
        if not worst <= tolerance:
            raise PropertyFailure(
                f"{what}: off by {worst:.3g}, where rounding and the method's own error explain "
                f"{tolerance:.3g} (input {index}), on {case}"
            )

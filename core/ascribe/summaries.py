"""Summaries of many explanations: statistics of all of them, and of each class."""

from __future__ import annotations

import copy
from collections.abc import Hashable, Iterable, Mapping
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ascribe.errors import InputError
from ascribe.moments import Moments
from ascribe.stats import Stat, accumulators


class Summarizer:
    """Statistics of a stream of tensors, or of tuples, lists or dicts of them.

    It keeps neither the tensors nor their graphs, only what the statistics need.

    Parameters
    ----------
    stats
        What to compute; they are copied, and so may serve several summarizers.

    Raises
    ------
    InputError
        If these are no statistics, or two of them have one name.
    """

    def __init__(self, stats: Iterable[Stat]) -> None:
        self._stats = _checked(stats)
        self._form: type | None = None
        self._shapes: dict[Hashable, tuple[int, ...]] = {}
        self._of: dict[Hashable, list[Stat]] = {}
        self._updated: dict[Hashable, list[Stat | Moments]] = {}

    def update(self, x: Any) -> None:
        """Take in one more observation.

        Parameters
        ----------
        x
            A tensor, a number, or a tuple, list or dict of these. All of it is one observation,
            whatever its first dimension: update once for each example to have statistics of
            examples.

        Raises
        ------
        InputError
            If it differs in form or shape from the observations before; it is not counted then.
        """
        form, tensors = _read(x)
        shapes = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
        if self._form is None:
            self._form, self._shapes = form, shapes
            self._of = {key: copy.deepcopy(self._stats) for key in tensors}
            self._updated = {key: accumulators(stats) for key, stats in self._of.items()}
        elif (form, shapes) != (self._form, self._shapes):
            raise InputError(
                f"all observations must have one form and shape, {_shown(self._shapes)}, but "
                f"this one has {_shown(shapes)}; update once for each example where batches differ"
            )
        for key, tensor in tensors.items():
            own = tensor.detach().clone()  # a statistic may keep it
            for accumulator in self._updated[key]:
                accumulator.update(own)

    @property
    def summary(self) -> Any:
        """The statistics by name: a dict, or of several tensors a list or dict of these.

        None before the first update.
        """
        found = {key: {stat.name: stat.get() for stat in of} for key, of in self._of.items()}
        if self._form is Tensor:
            return found[None]
        if self._form is list:
            return list(found.values())
        return found or None


class ClassSummarizer(Summarizer):
    """Statistics of all examples, and of the examples of each class.

    Parameters
    ----------
    stats
        As in `Summarizer`.
    """

    def __init__(self, stats: Iterable[Stat]) -> None:
        super().__init__(stats)
        self._classes: dict[Hashable, Summarizer] = {}

    def update(self, x: Any, labels: Any = None) -> None:
        """Take in a batch of labelled examples, or one observation that belongs to no class.

        Parameters
        ----------
        x
            A tensor ``(batch, *features)``, or a tuple, list or dict of such.
        labels
            The class of each example in a list or tensor, or a class that all of them share: an
            int, a string, a tuple, whatever hashes. None to take all of ``x`` as one observation,
            as `Summarizer` does.

        Raises
        ------
        InputError
            If there are not as many labels as examples.
        """
        if labels is None:
            super().update(x)
            return
        batch = _batch(x)
        for label, example in zip(_labels(labels, batch), _examples(x, batch), strict=True):
            super().update(example)
            self._classes.setdefault(label, Summarizer(self._stats)).update(example)

    @property
    def class_summaries(self) -> dict[Any, Any]:
        """For each class its `summary`, in the order in which classes came first."""
        return {label: summarizer.summary for label, summarizer in self._classes.items()}


def _checked(stats: Iterable[Stat]) -> list[Stat]:
    stats = list(stats)
    for stat in stats:
        if not isinstance(stat, Stat):
            advice = f"{stat.__name__}()" if isinstance(stat, type) else "Mean()"
            raise InputError(f"stats must hold statistics such as {advice}, but hold {stat!r}")
    names = [stat.name for stat in stats]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(
            f"stats must have different names, but two are called {' and '.join(twice)}; "
            f"name one otherwise, as in Mean(name='other')"
        )
    return stats


def _read(x: Any) -> tuple[type, dict[Hashable, Tensor]]:
    if isinstance(x, Mapping):
        tensors = {key: _tensor(value) for key, value in x.items()}
    elif isinstance(x, (tuple, list)):
        tensors = {key: _tensor(value) for key, value in enumerate(x)}
    else:
        return Tensor, {None: _tensor(x)}
    if not tensors:
        raise InputError("an observation must hold at least one tensor, but holds none")
    return dict if isinstance(x, Mapping) else list, tensors


def _tensor(value: Any) -> Tensor:
    if isinstance(value, Real):
        return torch.tensor(value, dtype=None if isinstance(value, int) else torch.float64)
    if not isinstance(value, Tensor) or value.is_complex():
        what = value.dtype if isinstance(value, Tensor) else type(value).__name__
        raise InputError(
            f"an observation must be a tensor of real numbers, a number, or a tuple, list or dict "
            f"of these, but has a {what}"
        )
    return value.long() if value.dtype == torch.bool else value


def _shown(shapes: dict[Hashable, tuple[int, ...]]) -> str:
    return str(shapes.get(None, shapes))


def _batch(x: Any) -> int:
    shapes = [tuple(tensor.shape) for tensor in _read(x)[1].values()]
    if () in shapes or len({shape[0] for shape in shapes}) > 1:
        raise InputError(
            f"labelled tensors must have one batch size in their first dimension, "
            f"but their shapes are {shapes}"
        )
    return shapes[0][0]


def _labels(labels: Any, batch: int) -> list[Hashable]:
    given = labels.tolist() if isinstance(labels, (Tensor, np.ndarray)) else labels
    if not isinstance(given, list):
        given = [given]
    elif len(given) not in (1, batch):
        raise InputError(
            f"labels must hold one class for each of the {batch} examples, but hold {len(given)}"
        )
    classes = list(map(_hashable, given))
    return classes * batch if len(classes) == 1 else classes


def _hashable(label: Any) -> Hashable:
    if isinstance(label, (Tensor, np.ndarray, np.generic)):
        label = label.tolist()
    label = tuple(label) if isinstance(label, list) else label
    try:
        hash(label)
    except TypeError:
        raise InputError(f"a label must be hashable, but is {label!r}") from None
    return label


def _examples(x: Any, batch: int) -> Iterable[Any]:
    form, tensors = _read(x)
    for index in range(batch):
        example = {key: tensor[index] for key, tensor in tensors.items()}
        if form is Tensor:
            yield example[None]
        else:
            yield example if form is dict else list(example.values())

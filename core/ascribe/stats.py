"""Statistics of a stream of tensors, element by element, in memory that does not grow."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ascribe.moments import Moments, wide


class Stat(ABC):
    """A statistic of the tensors that it is updated with, all of one shape.

    To write one's own, implement `update` and `get`; `ascribe.summaries.Summarizer` works on
    copies, so that one object may be given to several.

    Parameters
    ----------
    name
        What a summary calls it; by default what `default_name` says.
    """

    def __init__(self, name: str | None = None) -> None:
        self._name = name

    @property
    def name(self) -> str:
        """What a summary calls it."""
        return self.default_name if self._name is None else self._name

    @property
    def default_name(self) -> str:
        """The class name in lower case."""
        return type(self).__name__.lower()

    @abstractmethod
    def update(self, x: Tensor) -> None:
        """Take in one more tensor, which is the statistic's to keep but not to write to."""

    @abstractmethod
    def get(self) -> Any:
        """Return the statistic of all tensors so far, None if there were none."""


class Count(Stat):
    """How many tensors there were: an int."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)
        self._count = 0

    def update(self, x: Tensor) -> None:
        self._count += 1

    def get(self) -> int | None:
        return self._count or None


class _OfMoments(Stat):
    """A statistic that is a function of the moments, which several of these may share."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)
        self.moments = Moments()

    def update(self, x: Tensor) -> None:
        self.moments.update(x)

    def get(self) -> Tensor | None:
        return self._of_moments() if self.moments.count else None

    @abstractmethod
    def _of_moments(self) -> Tensor: ...


def accumulators(stats: list[Stat]) -> list[Stat | Moments]:
    """Let statistics share their moments, and return what is to be updated for all of them."""
    moments = Moments()
    others: list[Stat | Moments] = []
    for stat in stats:
        if isinstance(stat, _OfMoments):
            stat.moments = moments
        else:
            others.append(stat)
    return others if len(others) == len(stats) else [*others, moments]


class Mean(_OfMoments):
    """The mean, in double precision."""

    def _of_moments(self) -> Tensor:
        return self.moments.mean()


class MSE(_OfMoments):
    """The sum of squared deviations from the mean, which Captum calls so, in double precision.

    Divide by the count for the mean of them, or take `Var`.
    """

    def _of_moments(self) -> Tensor:
        return self.moments.squares()


class Var(_OfMoments):
    """The variance, in double precision.

    Parameters
    ----------
    name
        By default ``variance``, of order 1 ``sample_variance``, else ``variance(order)``.
    order
        What is taken from the count in the denominator: 0 for the variance of just these tensors,
        1 for the unbiased estimate of the variance where they come from. With no more tensors
        than that, the variance is undefined: NaN.
    """

    _words = ("variance", "sample_variance")

    def __init__(self, name: str | None = None, order: int = 0) -> None:
        super().__init__(name)
        self._order = order

    @property
    def default_name(self) -> str:
        if self._order in (0, 1):
            return self._words[self._order]
        return f"{self._words[0]}({self._order})"

    def _of_moments(self) -> Tensor:
        left = self.moments.count - self._order
        return self.moments.squares() / (left if left > 0 else torch.nan)


class StdDev(Var):
    """The standard deviation, in double precision.

    Parameters
    ----------
    name
        By default ``std_dev``, of order 1 ``sample_std_dev``, else ``std_dev(order)``.
    order
        As in `Var`.
    """

    _words = ("std_dev", "sample_std_dev")

    def _of_moments(self) -> Tensor:
        return super()._of_moments().sqrt()


class _Fold(Stat):
    """What a function of two tensors makes of all of them, one after the other."""

    def __init__(self, name: str | None, fold: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__(name)
        self._fold = fold
        self._folded: Tensor | None = None

    def update(self, x: Tensor) -> None:
        x = x.detach()
        self._folded = x.clone() if self._folded is None else self._fold(self._folded, x)

    def get(self) -> Tensor | None:
        return None if self._folded is None else self._folded.clone()


class Min(_Fold):
    """The least value of each element, in the dtype of the tensors.

    Parameters
    ----------
    name
        By default ``min``.
    min_fn
        Of two tensors; ``torch.fmin`` leaves NaN out.
    """

    def __init__(
        self,
        name: str | None = None,
        min_fn: Callable[[Tensor, Tensor], Tensor] = torch.minimum,
    ) -> None:
        super().__init__(name, min_fn)


class Max(_Fold):
    """The greatest value of each element, in the dtype of the tensors.

    Parameters
    ----------
    name
        By default ``max``.
    max_fn
        Of two tensors; ``torch.fmax`` leaves NaN out.
    """

    def __init__(
        self,
        name: str | None = None,
        max_fn: Callable[[Tensor, Tensor], Tensor] = torch.maximum,
    ) -> None:
        super().__init__(name, max_fn)


class Sum(_Fold):
    """The sum: in double precision, of whole numbers in int64.

    Parameters
    ----------
    name
        By default ``sum``.
    add_fn
        Of two tensors.
    """

    def __init__(
        self, name: str | None = None, add_fn: Callable[[Tensor, Tensor], Tensor] = torch.add
    ) -> None:
        super().__init__(name, add_fn)

    def update(self, x: Tensor) -> None:
        super().update(wide(x) if x.is_floating_point() else x.long())


def CommonStats() -> list[Stat]:  # noqa: N802 - the name that Captum's users know
    """Return mean, sample variance and standard deviation, least and greatest value."""
    return [Mean(), Var(order=1), StdDev(order=1), Min(), Max()]

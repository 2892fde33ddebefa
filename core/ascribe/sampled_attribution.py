"""Methods whose numbers are means over random draws: they come with standard errors, at any time.

Whoever writes one implements `attribute`, with ``n_samples``, ``seed`` and
``return_standard_errors`` among its parameters; `SampledAttribution.refine` is then there.
"""

from __future__ import annotations

import inspect
import itertools
import math
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from ascribe.attribution import PerturbationAttribution
from ascribe.errors import AscribeWarning, InputError, ParameterError


@dataclass(frozen=True)
class Estimate:
    """What is known after some samples.

    Attributes
    ----------
    attributions, standard_errors
        In the form that ``attribute`` returns.
    n_samples
        How many samples that took.
    seconds
        How long that took.
    """

    attributions: Any
    standard_errors: Any
    n_samples: int
    seconds: float

    @property
    def largest_error(self) -> float:
        """The largest standard error of all that are numbers."""
        largest = [
            float(e.nan_to_num(0, float("inf")).max())
            for e in tree_leaves(self.standard_errors)
            if e.numel()
        ]
        return max(largest, default=0.0)


class SampledAttribution(PerturbationAttribution):
    """A method whose numbers are means over random draws."""

    def has_standard_errors(self) -> bool:
        """True: ``attribute(..., return_standard_errors=True)`` tells how precise numbers are."""
        return True

    def refine(
        self,
        inputs: Any,
        *args: Any,
        tolerance: float | None = None,
        seconds: float | None = None,
        **kwargs: Any,
    ) -> Iterator[Estimate]:
        """Yield estimates that grow more precise, until they are precise enough or time is up.

        Each round draws as many samples as all before it, with a seed of its own. It counts by
        their number, or alone where it is more precise by itself. Between two estimates nothing is
        held of the model.

        Parameters
        ----------
        inputs, *args, **kwargs
            As ``attribute`` takes them; ``n_samples`` is that of the first round.
        tolerance
            Stop when no standard error is larger, in units of the attributions.
        seconds
            Stop before a round that would not end within so many seconds in all. The first is
            made in any case. Without tolerance and seconds it ends with an exact answer alone.

        Yields
        ------
        Estimate

        Raises
        ------
        InputError
            If tolerance or seconds are not positive, or n_samples is not at least 1.
        """
        _check_positive(tolerance=tolerance, seconds=seconds)
        options = self._options(inputs, args, kwargs)
        first, seed = options.pop("n_samples"), options.pop("seed")
        if not isinstance(first, int) or first < 1:
            raise InputError(
                f"n_samples must say how many samples the first round draws, but is {first!r}"
            )
        return self._rounds(options, first, seed, tolerance, seconds)

    def _rounds(
        self,
        options: dict[str, Any],
        size: int,
        seed: int,
        tolerance: float | None,
        seconds: float | None,
    ) -> Iterator[Estimate]:
        total, started, spent = None, time.perf_counter(), 0.0
        for number in itertools.count():
            begun = time.perf_counter()
            given = {**options, "n_samples": size, "seed": _seed(seed, number)}
            with warnings.catch_warnings():
                # The errors of each estimate tell, and there are more samples to come.
                warnings.filterwarnings("ignore", ".*do not determine", AscribeWarning)
                values, errors = self.attribute(**given, return_standard_errors=True)
            spent += time.perf_counter() - begun
            new = Estimate(values, errors, size, time.perf_counter() - started)
            exact = new.largest_error == 0 and self._exhausted(given)
            alone = replace(new, n_samples=new.n_samples + (total.n_samples if total else 0))
            if exact or total is None or not math.isfinite(total.largest_error):
                total = alone
            else:  # what samples tell may grow faster than their number
                total = min(_together(total, new), alone, key=lambda each: each.largest_error)
            yield total
            if exact or (tolerance is not None and total.largest_error <= tolerance):
                return
            size = total.n_samples
            if seconds is not None:
                # No more than what the time that is left allows for, at the pace so far.
                left = seconds - (time.perf_counter() - started)
                size = min(size, int(left * total.n_samples / max(spent, 1e-9)))
                if size < max(1, total.n_samples // 8):
                    return

    def _exhausted(self, given: dict[str, Any]) -> bool:
        """Whether more samples would be no more evaluations: there is nothing left to draw."""
        more = {**given, "n_samples": 2 * given["n_samples"]}
        return self.cost(**more) == self.cost(**given)

    def _options(self, inputs: Any, args: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
        signature = inspect.signature(self.attribute)
        if kwargs.get("return_standard_errors") is False:
            raise ParameterError("estimates come with standard errors; leave the switch out")
        kwargs.pop("return_standard_errors", None)
        bound = signature.bind(inputs, *args, **kwargs)
        bound.apply_defaults()
        options = dict(bound.arguments)
        for name, parameter in signature.parameters.items():
            if parameter.kind is parameter.VAR_KEYWORD:
                options.update(options.pop(name))
        options.pop("return_standard_errors", None)
        return options


def _seed(seed: int, number: int) -> int:
    # Rounds of neighbouring seeds must not meet.
    return seed if number == 0 else (seed + 1) * 1_000_003 + number


def _together(one: Estimate, other: Estimate) -> Estimate:
    """Return the mean of two independent estimates, each counted by its samples."""
    count = one.n_samples + other.n_samples
    a, b = one.n_samples / count, other.n_samples / count

    def mean(x: Tensor, y: Tensor) -> Tensor:
        return x * a + y * b

    def error(x: Tensor, y: Tensor) -> Tensor:
        return torch.hypot(x * a, y * b)

    return Estimate(
        tree_map(mean, one.attributions, other.attributions),
        tree_map(error, one.standard_errors, other.standard_errors),
        count,
        other.seconds,
    )


def _check_positive(**given: float | None) -> None:
    for name, value in given.items():
        if value is not None and not value > 0:
            raise InputError(f"{name} must be a positive number, but is {value!r}")

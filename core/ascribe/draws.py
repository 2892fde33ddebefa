"""Random numbers that a seed alone decides.

Each variant has a generator of its own, so the numbers are the same however work is cut; they are
drawn in double precision on the CPU, so they are the same for every dtype and device; and the
examples of a batch share them, so what an example gets does not depend on those beside it.
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ascribe.errors import InputError
from ascribe.inputs import Inputs


class Draws:
    """Draws for the variants of a batch.

    Parameters
    ----------
    seed
        A whole number of at least 0.
    stream
        Sets apart what is drawn for several purposes, such as several inputs.
    """

    def __init__(self, seed: int, stream: int = 0) -> None:
        self._seed: int = _check_seed(seed)
        self._stream: int = stream

    def normal(self, variants: slice, like: Tensor) -> Tensor:
        """Return standard normal numbers, ``(variants, 1, *features)``, for ``(batch, *features)``.

        In the dtype and on the device of ``like``.
        """
        shape = (1, *like.shape[1:])
        numbers = range(variants.start, variants.stop)
        seeds = [np.random.SeedSequence((self._seed, self._stream, number)) for number in numbers]
        # numpy draws these in half the time that torch takes.
        drawn = [
            np.random.Generator(np.random.PCG64(seed)).standard_normal(shape) for seed in seeds
        ]
        return torch.from_numpy(np.stack(drawn)).to(like)

    def uniform(self, variants: slice) -> Tensor:
        """Return numbers from [0, 1): ``(variants,)``, in float64."""
        drawn = [torch.rand((), generator=g, dtype=torch.float64) for g in self._of(variants)]
        return torch.stack(drawn)

    def choice(self, variants: slice, count: int) -> Tensor:
        """Return whole numbers from 0 to below ``count``: ``(variants,)``."""
        return torch.stack([torch.randint(count, (), generator=g) for g in self._of(variants)])

    def _of(self, variants: slice) -> list[torch.Generator]:
        return [self._generator(variant) for variant in range(variants.start, variants.stop)]

    def _generator(self, variant: int) -> torch.Generator:
        return _generator(self._seed, self._stream, variant)


def generator_of(seed: Any) -> torch.Generator:
    """Return one generator for a seed: for what is drawn as a whole before the work is cut.

    Raises
    ------
    InputError
        If the seed is no whole number of at least 0.
    """
    return _generator(_check_seed(seed))


def _generator(*numbers: int) -> torch.Generator:
    sequence = np.random.SeedSequence(numbers)
    return torch.Generator().manual_seed(int(sequence.generate_state(1, np.uint64)[0]))


def _check_seed(seed: Any) -> int:
    if isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0:
        raise InputError(f"seed must be a whole number of at least 0, but is {seed!r}")
    return int(seed)


class Noise:
    """Gaussian noise on inputs.

    Parameters
    ----------
    inputs
        To which it is added.
    stdevs
        Its standard deviation, in units of the inputs; one for all or one for each.
    seed
        See `Draws`; streams from 2 on are used.
    """

    def __init__(self, inputs: Inputs, stdevs: Any, seed: int) -> None:
        self._inputs = inputs
        self._stdevs = inputs.per_input(stdevs, "stdevs")
        self._draws = [Draws(seed, 2 + index) for index in range(len(inputs.tensors))]
        for deviation, tensor in zip(self._stdevs, inputs.tensors, strict=True):
            if not isinstance(deviation, Real) or not float(deviation) >= 0:
                raise InputError(f"stdevs must be numbers of at least 0, but are {stdevs!r}")
            if deviation and not tensor.is_floating_point():
                raise InputError(
                    f"noise needs floating-point inputs, but one is {tensor.dtype}: convert it "
                    f"with .float(), or add noise to the output of its embedding layer"
                )

    def added(self, variants: slice, examples: slice) -> tuple[Tensor, ...]:
        """Return noisy inputs: for each ``(variants or 1, examples, *features)``."""
        parts = zip(self._inputs.tensors, self._stdevs, self._draws, strict=True)
        return tuple(
            self._inputs.part(tensor, examples)
            + (deviation * draws.normal(variants, tensor) if deviation else 0)
            for tensor, deviation, draws in parts
        )

"""Activations of layers, in the form in which they are attributed to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from torch import Tensor

from ascribe.inputs import Inputs


@dataclass(frozen=True)
class Activations(Inputs):
    """Activations of layers, as what is attributed.

    Attributes
    ----------
    counts
        How many tensors each layer has.
    several
        Whether the caller gave a list of layers, and results are a list too.
    """

    counts: tuple[int, ...] = (1,)
    several: bool = False

    def pack(self, tensors: Iterable[Tensor]) -> Any:
        """Give tensors the form of activations: a tensor, or a tuple, for each layer."""
        left = iter(tensors)
        layers = [tuple(islice(left, count)) for count in self.counts]
        packed = [layer[0] if len(layer) == 1 else layer for layer in layers]
        return packed if self.several else packed[0]

    def per_input(self, values: Any, what: str) -> tuple[Any, ...]:
        """Return one value for each activation; see `Inputs.per_input`."""
        if self.several and isinstance(values, (list, tuple)):
            layers = [value if isinstance(value, tuple) else (value,) for value in values]
            values = tuple(value for layer in layers for value in layer)
        return super().per_input(values, what)

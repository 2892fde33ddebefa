"""Attributions as one number for each place, and masks of places.

A place is a pixel, a voxel, a cell of a table: what the channels of an input are values of.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ascribe.errors import InputError
from ascribe.inputs import Inputs
from ascribe.moments import wide

#: Which sign of an attribution counts, under the names that renderers have for them.
SIGNS: dict[str, Callable[[Tensor], Tensor]] = {
    "all": lambda values: values,
    "positive": lambda values: values.clamp(min=0),
    "negative": lambda values: (-values).clamp(min=0),
    "absolute_value": torch.abs,
}


@dataclass(frozen=True)
class Layout:
    """Where the places of an input lie.

    Attributes
    ----------
    sides
        The shape of its places.
    channels
        How many values each place has in a dimension before the sides; None where there is no
        such dimension.
    """

    sides: tuple[int, ...]
    channels: int | None

    @classmethod
    def of(cls, features: Sequence[int], channels: bool | None = None) -> Layout:
        """Return the layout of an input of shape ``(batch, *features)``; see `Places.of`."""
        if channels and len(features) < 2:
            raise InputError(
                f"channels need inputs (batch, channels, *sides), but the features are "
                f"{tuple(features)}; leave channels out"
            )
        if channels or (channels is None and len(features) >= 3):
            return cls(tuple(features[1:]), features[0])
        return cls(tuple(features), None)

    @property
    def count(self) -> int:
        """How many places there are."""
        return math.prod(self.sides)

    def spread(self, flat: Tensor) -> Tensor:
        """Return ``(..., places)`` as what broadcasts to ``(..., *features)``."""
        one = () if self.channels is None else (1,)
        return flat.reshape(*flat.shape[:-1], *one, *self.sides)


@dataclass(frozen=True)
class Places:
    """Attributions, one number for each place, the places of all inputs in a row.

    Attributes
    ----------
    values
        ``(targets, batch, places)``, finite, in double precision.
    layouts
        Of each input.
    form
        The attributions as they came.
    several
        Whether they came with a leading axis of targets.
    """

    values: Tensor
    layouts: tuple[Layout, ...]
    form: Inputs
    several: bool

    @classmethod
    def of(
        cls,
        attributions: Any,
        sign: str = "all",
        channels: bool | None = None,
        several_targets: bool = False,
    ) -> Places:
        """Read attributions: those of a place's channels are added up, then the sign is chosen.

        Parameters
        ----------
        attributions
            A tensor ``(batch, *features)``, or a tuple, list or dict of such.
        sign
            ``all``; ``positive`` or ``negative`` for magnitudes of that sign and zero elsewhere;
            ``absolute_value``.
        channels
            Whether features are ``(channels, *sides)``, with several values for each place; by
            default so where there are three or more dimensions of features.
        several_targets
            Whether attributions have a leading axis of targets.

        Raises
        ------
        InputError
            If they are not finite numbers of that shape, or the sign is unknown.
        """
        if sign not in SIGNS:
            raise InputError(f"sign must be one of {', '.join(SIGNS)}, but is {sign!r}")
        form = Inputs.of(attributions)
        parts, layouts = [], []
        for tensor in form.tensors:
            if several_targets and tensor.dim() < 2:
                raise InputError(
                    f"attributions of several targets must be (targets, batch, *features), but "
                    f"have the shape {tuple(tensor.shape)}"
                )
            values = _finite(tensor if several_targets else tensor[None])
            layout = Layout.of(values.shape[2:], channels)
            if layout.channels is not None:
                values = values.sum(2)
            parts.append(values.reshape(*values.shape[:2], layout.count))
            layouts.append(layout)
        batches = {part.shape[:2] for part in parts}
        if len(batches) > 1 or not sum(layout.count for layout in layouts):
            shapes = [tuple(tensor.shape) for tensor in form.tensors]
            raise InputError(
                f"attributions must have one batch size and at least one feature, but have the "
                f"shapes {shapes}"
            )
        signed = SIGNS[sign](torch.cat(parts, dim=-1))
        return cls(signed, tuple(layouts), form, several_targets)

    def split(self, flat: Tensor) -> Iterator[Tensor]:
        """Yield for each input what of ``(..., places)`` is its own, to broadcast to it."""
        parts = flat.split([layout.count for layout in self.layouts], dim=-1)
        for layout, part in zip(self.layouts, parts, strict=True):
            yield layout.spread(part)

    def mask(self, masks: Any) -> Tensor:
        """Return which places masks hold: ``(targets, batch, places)``, boolean.

        Parameters
        ----------
        masks
            In the form of the attributions, booleans or numbers 0 and 1 in a tensor or array:
            ``sides`` for all examples, ``(batch, *sides)``, ``(batch, 1, *sides)`` where there are
            channels, or ``(targets, batch, *sides)``, each target's own. None for an input that
            has no place in it.

        Raises
        ------
        InputError
            If a mask does not fit, or holds no place for an example.
        """
        given = self.form.per_input(masks, "masks")
        parts = [self._mask(*pair) for pair in zip(given, self.layouts, strict=True)]
        mask = torch.cat(parts, dim=-1)
        empty = ~mask.any(-1)
        if bool(empty.any()):
            target, example = empty.nonzero()[0].tolist()
            of_target = f" for target {target}" if self.several else ""
            raise InputError(
                f"a mask must hold at least one place, but that of example {example}{of_target} "
                f"is empty; leave such examples out"
            )
        return mask

    def _mask(self, mask: Any, layout: Layout) -> Tensor:
        lead = tuple(self.values.shape[:2])
        if mask is None:
            return torch.zeros((*lead, layout.count), dtype=torch.bool, device=self.values.device)
        whole = _boolean(mask).to(self.values.device)
        shape, batch = tuple(whole.shape), lead[1]
        sides, one = layout.sides, () if layout.channels is None else (1,)
        allowed = {sides, (1, *sides), (batch, *sides), (1, *one, *sides), (batch, *one, *sides)}
        of_targets = {(*lead, *sides), (*lead, *one, *sides)} if self.several else set()
        if shape in of_targets:
            return whole.reshape(*lead, layout.count)
        if shape not in allowed:
            wanted = (*lead, *sides) if self.several else (batch, *sides)
            raise InputError(
                f"a mask must have the shape {sides} or {wanted} of the places that are "
                f"attributed to, but has {shape}; bring attributions to the size of the mask with "
                f"torch.nn.functional.interpolate"
            )
        return whole.reshape(-1, layout.count).expand(*lead, layout.count)

    def pack(self, found: Tensor) -> Tensor:
        """Return ``(targets, batch)`` without its axis of targets where there was none."""
        return found if self.several else found[0]


def _finite(tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point():
        raise InputError(f"attributions must be floating point, but are {tensor.dtype}")
    if bad := int((~tensor.isfinite()).sum()):
        raise InputError(
            f"only finite attributions can be judged, but {bad} of {tensor.numel()} values are "
            f"NaN or infinite; find out where they come from, or replace them with "
            f"torch.nan_to_num"
        )
    return wide(tensor)


def _boolean(mask: Any) -> Tensor:
    if not isinstance(mask, (Tensor, np.ndarray)):
        raise InputError(f"a mask must be a tensor or an array, but is {type(mask).__name__}")
    tensor = mask if isinstance(mask, Tensor) else torch.from_numpy(np.ascontiguousarray(mask))
    if tensor.dtype == torch.bool:
        return tensor
    if not bool(((tensor == 0) | (tensor == 1)).all()):
        raise InputError(
            "a mask must hold booleans, or zeros and ones, but holds other numbers; compare first, "
            "as in mask == label"
        )
    return tensor.bool()

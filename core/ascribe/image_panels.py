"""What a figure of images shows and where: maps, pictures and titles, out of what was given."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from ascribe.errors import InputError
from ascribe.parts import title_of
from ascribe.renderer import Array

if TYPE_CHECKING:
    from ascribe.explanation import Explanation

#: How far a picture may leave 0..1, which undoing a model's normalisation in float32 or less does.
ROUNDING = 1e-3

#: How many characters of a title fit over a square image.
TITLE_WIDTH = 32


@dataclass(frozen=True)
class Panel:
    """One place of a figure: a map (H, W), a picture (H, W, 3) or both, and a title."""

    values: Array | None
    image: Array | None
    title: str | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        shown = self.image if self.values is None else self.values
        return (0, 0) if shown is None else (shown.shape[0], shown.shape[1])

    def require_equal_sizes(self) -> None:
        """Raise `InputError` if the picture is not as high and as wide as the map."""
        if self.values is None or self.image is None:
            return
        if self.values.shape != self.image.shape[:2]:
            raise InputError(
                f"a picture must be as large as its attribution, {self.values.shape}, but is "
                f"{self.image.shape[:2]}; resize one of them, for instance the attribution with "
                "torch.nn.functional.interpolate"
            )


def as_map(attribution: Tensor | NDArray[Any]) -> Array:
    """Return an attribution as a map (H, W), summed over its channels.

    A tensor is read channels first, (C, H, W), as PyTorch does, and an array channels last,
    (H, W, C), as matplotlib does.
    """
    array = _channels_last(attribution, "an attribution").astype(np.float64)
    return array.sum(axis=-1) if array.ndim == 3 else array


def as_picture(picture: Any) -> Array:
    """Return a grey or RGB picture, of integers in 0..255 or floats in 0..1, as (H, W, 3) in 0..1.

    Channels are where `as_map` reads them.
    """
    array = _channels_last(picture, "a picture")
    array = array[..., None] if array.ndim == 2 else array
    if array.shape[-1] not in (1, 3):
        raise InputError(
            f"a picture must have 1 or 3 channels, but has {array.shape[-1]}; "
            "leave out a transparency with picture[..., :3]"
        )
    scaled = array / 255 if np.issubdtype(array.dtype, np.integer) else array.astype(np.float64)
    # Negated, because NaN fails every comparison.
    if not (scaled.min() >= -ROUNDING and scaled.max() <= 1 + ROUNDING):
        raise InputError(
            "a picture must hold integers within 0..255 or floats within 0..1, but holds "
            f"{array.dtype} from {array.min():.4g} to {array.max():.4g}; rescale it first"
        )
    return np.repeat(np.clip(scaled, 0, 1), 3 // array.shape[-1], axis=-1)


def _channels_last(data: Any, what: str) -> NDArray[Any]:
    is_tensor = isinstance(data, Tensor)
    if is_tensor:
        data = data.detach().cpu()
        array = (data.double() if data.is_floating_point() else data).numpy()
    else:
        array = np.asarray(data)
    came = f"{what} must have shape (H, W) or {'(C, H, W)' if is_tensor else '(H, W, C)'}"
    if array.ndim not in (2, 3) or array.size == 0:
        raise InputError(f"{came}, but has {array.shape}; pass one example of a batch at a time")
    if array.ndim == 2:
        return array
    first, second, last = array.shape
    channels, others = (last, first) if is_tensor else (first, last)
    if channels in (1, 3) and min(second, others) > 4:
        raise InputError(
            f"{came}, but {array.shape} looks like the other order; a tensor is read channels "
            "first, a NumPy array channels last: transpose it"
        )
    return np.moveaxis(array, 0, -1) if is_tensor else array


def panels_of_explanation(
    explanation: Explanation,
    original: Any,
    which: int | str | None,
    scale: Callable[[Array], Array],
) -> list[list[Panel]]:
    """Return a row per example: the picture, if there is one, and then a map per target.

    Parameters
    ----------
    explanation
        Its `values` have shape (targets, batch, H, W) or (targets, batch, C, H, W).
    original
        A batch of pictures, or None for those of the explanation or its inputs.
    which
        The index or key of the input to draw, or None for the only image.
    scale
        Normalises all maps (targets, batch, H, W).
    """
    key, values = _chosen(explanation.values, which, batch_dims=2)
    targets, batch = values.shape[:2]
    if 0 in (targets, batch):
        raise InputError(f"nothing to draw: {targets} targets for {batch} examples")
    maps = scale(np.array([[as_map(one) for one in of_target] for of_target in values]))
    images = _pictures(explanation, original, key, batch)
    if "layer" in explanation.parameters and images[0] is not None:
        maps = _as_large_as(images[0], maps)
    height, width = maps.shape[-2:]
    characters = max(16, TITLE_WIDTH * width // max(height, width))
    rows = []
    for example, image in enumerate(images):
        row = [] if image is None else [Panel(None, image, "original")]
        for target in range(targets):
            title = _in_lines(title_of(explanation, target, example), characters)
            row.append(Panel(maps[target, example], image, title))
        rows.append(row)
    return rows


def _as_large_as(image: Array, maps: Array) -> Array:
    """Return maps (targets, batch, H, W) of a layer, blown up to the size of the pictures."""
    sides = image.shape[:2]
    return interpolate(torch.from_numpy(maps), sides, mode="bilinear").numpy()


def _in_lines(title: str, characters: int) -> str:
    """Return a title in lines of so many characters, its last two words in one."""
    words = "\u00a0".join(title.rsplit(" ", 1))
    return textwrap.fill(words, characters, break_long_words=False).replace("\u00a0", " ")


def _chosen(tensors: Any, which: int | str | None, batch_dims: int) -> tuple[Any, Tensor]:
    if isinstance(tensors, Tensor):
        return which, tensors
    named = dict(tensors) if isinstance(tensors, dict) else dict(enumerate(tensors))
    if which is None:
        which = _only_image(named, batch_dims)
    if which not in named:
        raise InputError(f"which must be one of {list(named)}, but is {which!r}")
    return which, named[which]


def _only_image(named: dict[Any, Tensor], batch_dims: int) -> Any:
    for feature_dims in (3, 2):  # (C, H, W) is an image more surely than (H, W) is
        images = [key for key, one in named.items() if one.dim() == batch_dims + feature_dims]
        if len(images) == 1:
            return images[0]
        if images:
            raise InputError(f"the inputs {images} are all images; choose one with which=")
    shapes = {key: tuple(one.shape[batch_dims:]) for key, one in named.items()}
    raise InputError(f"one input must have shape (H, W) or (C, H, W), but they have {shapes}")


def _pictures(explanation: Explanation, original: Any, key: Any, batch: int) -> list[Array | None]:
    given = explanation.original if original is None else original
    if given is None:
        inputs = _chosen(explanation.inputs, key, batch_dims=1)[1]
        if len(inputs) != batch:  # one score, and so one map, for a whole batch
            return [None] * batch
        return [_picture_of_input(one) for one in inputs]
    is_one = not isinstance(given, (list, tuple)) and getattr(given, "ndim", 3) < 4
    pictures = [given] if batch == 1 and is_one else list(given)
    if len(pictures) != batch:
        raise InputError(f"there must be {batch} originals, one per example, not {len(pictures)}")
    return [as_picture(one) for one in pictures]


def _picture_of_input(values: Tensor) -> Array | None:
    if not (values.dim() == 2 or (values.dim() == 3 and values.shape[0] in (1, 3))):
        return None
    if values.is_floating_point():
        values = values.detach().cpu().double()
        low, high = float(values.min()), float(values.max())
        if low < 0 or high > 1:
            values = (values - low) / (high - low or 1.0)
    return as_picture(values)

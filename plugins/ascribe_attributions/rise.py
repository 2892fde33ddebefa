"""RISE: the mean of random masks, each weighted by the model's score of the input behind it.

Petsiuk, Das and Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models",
BMVC 2018, https://arxiv.org/abs/1806.07421

Departures from the paper: the mean score of all masks is taken off, so that 0 says that it does not
matter whether a place is seen (the map is the same but for that constant, and far less noisy); what
a mask hides takes a baseline, which need not be zero; any number of sides from one to three will
do; and several inputs are masked together.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ascribe import Attribution, InputError, hookimpl
from ascribe.batching import Chunk
from ascribe.draws import generator_of
from ascribe.forward import check_count
from ascribe.internal import layer_form, neuron_form
from ascribe.sampled_attribution import SampledAttribution
from ascribe.standard_errors import error_of_sum

#: The linear interpolation of each number of spatial dimensions.
MODES = {1: "linear", 2: "bilinear", 3: "trilinear"}

#: How many masks are held in memory at a time.
BLOCK = 64


class Rise(SampledAttribution):
    """How much higher the mean score of randomly masked inputs is where an element is seen."""

    several_targets = True
    jointly = True

    @classmethod
    def claims(cls, **parameters: Any) -> dict[str, float]:
        claims = ["linearity", "implementation_invariance", "null_at_the_baseline"]
        return dict.fromkeys(claims, 0.0)

    def attribute(
        self,
        inputs: Any,
        baselines: Any = None,
        target: Any = None,
        additional_forward_args: Any = None,
        n_samples: int = 4000,
        grid: int = 7,
        probability: float = 0.5,
        seed: int = 0,
        perturbations_per_eval: int | None = None,
        show_progress: bool = False,
        return_standard_errors: bool = False,
    ) -> Any:
        """Return, for each place, how much higher the score is in the mean where it is seen.

        Parameters
        ----------
        inputs
            A tensor ``(batch, side)`` or ``(batch, channels, *sides)`` with up to three sides, or a
            tuple, list or dict of such, whose masks are drawn together.
        baselines
            What is seen where a mask hides the input: None (zero), a number or a tensor.
        target
            Which score, preferably a probability, as the paper has it.
        additional_forward_args
            What else the model takes.
        n_samples
            How many masks are drawn; the error falls with its root.
        grid
            How many cells of a mask span each side.
        probability
            How likely it is that a cell is seen.
        seed
            Of the generator that draws the masks; the global one is not touched.
        perturbations_per_eval
            How many masks one model evaluation takes; by default as many as fit in memory.
        show_progress
            Show a progress bar.
        return_standard_errors
            Return a pair: attributions, and the standard error of each.

        Returns
        -------
        Tensor or tuple, list or dict of Tensor
            In the form, shape and dtype of ``inputs``, alike for all channels; in units of the
            score. From a model that returns one number for the whole batch, with a batch of one.

        Raises
        ------
        InputError
            If an input has another number of sides, is not floating-point, or ``n_samples``,
            ``grid`` or ``probability`` are out of range.
        """
        check_count(n_samples, "n_samples")
        generator = generator_of(seed)
        with self.bind(inputs, target, additional_forward_args) as forward:
            tensors, starts = forward.inputs.tensors, forward.baselines(baselines)
            masks = [Masks(tensor, n_samples, grid, probability, generator) for tensor in tensors]

            def behind(chunk: Chunk) -> tuple[Tensor, ...]:
                return tuple(
                    torch.lerp(forward.part(b, chunk), forward.part(x, chunk), m[chunk.variants])
                    for x, b, m in zip(tensors, starts, masks, strict=True)
                )

            scores = forward.evaluate(
                n_samples, behind, perturbations_per_eval, show_progress, "RISE"
            )
            parts = [m.means(scores.double(), probability) for m in masks]
            packed = [forward.pack(each) for each in zip(*parts, strict=True)]
            return tuple(packed) if return_standard_errors else packed[0]


class Masks:
    """Random grids of zeros and ones, blown up smoothly and shifted at random.

    Indexed with a slice they give ``(masks, 1, *features)``, alike for all channels.
    """

    def __init__(
        self, like: Tensor, count: int, grid: int, probability: float, generator: torch.Generator
    ) -> None:
        if count < 1 or grid < 1 or not 0 < probability <= 1:
            raise InputError(
                f"RISE needs n_samples and grid of at least 1 and a probability in (0, 1], "
                f"but has {count}, {grid} and {probability}"
            )
        sides = tuple(like.shape[2:]) or tuple(like.shape[1:])
        if len(sides) not in MODES or not like.is_floating_point():
            raise InputError(
                f"RISE needs floating-point inputs (batch, side) or (batch, channels, *sides) with "
                f"up to three sides, but has {tuple(like.shape)} of {like.dtype}"
            )
        self._like, self._sides = like, sides
        self._cells = [max(1, math.ceil(side / grid)) for side in sides]
        shape = (count, 1, *[grid] * len(self._sides))
        self._grids = (torch.rand(shape, generator=generator) < probability).float()
        shifts = [torch.randint(cell, (count,), generator=generator) for cell in self._cells]
        self._shifts = torch.stack(shifts, dim=1).tolist()

    def __getitem__(self, which: slice) -> Tensor:
        sides, cells = self._sides, self._cells
        size = [(grid + 1) * cell for grid, cell in zip(self._grids.shape[2:], cells, strict=True)]
        grids = self._grids[which].to(self._like.device)
        large = interpolate(grids, size, mode=MODES[len(sides)], align_corners=False)
        cut = [
            mask[(slice(None), *(slice(s, s + n) for s, n in zip(shift, sides, strict=True)))]
            for mask, shift in zip(large, self._shifts[which], strict=True)
        ]
        masks = torch.stack(cut)
        # A vector's mask needs no channel.
        masks = masks if self._like.dim() > 2 else masks[:, 0]
        return masks[:, None].expand(-1, -1, *self._like.shape[1:]).to(self._like.dtype)

    def means(self, scores: Tensor, probability: float) -> tuple[Tensor, Tensor]:
        """Return each place's mean score if it is seen, less that of all, and its standard error.

        ``(targets, masks, batch)`` in, ``(targets, batch, *features)`` out, both.
        """
        features, count = tuple(self._like.shape[1:]), scores.shape[1]
        total = scores.new_zeros((scores.shape[0], scores.shape[2], *features))
        squares = torch.zeros_like(total)
        scores = scores - scores.mean(1, keepdim=True)
        for first in range(0, count, BLOCK):
            block = slice(first, min(first + BLOCK, count))
            masks, part = self[block][:, 0].to(scores), scores[:, block]
            total += torch.tensordot(part, masks, dims=([1], [0]))
            squares += torch.tensordot(part.square(), (masks - probability).square(), ([1], [0]))
        less = probability * max(1, count - 1)  # a covariance, as a mean is taken off
        return total / less, error_of_sum(squares - total.square() / count, count) / less


LayerRise = layer_form(Rise)
NeuronRise = neuron_form(Rise)


@hookimpl
def ascribe_attributions() -> list[type[Attribution]]:
    return [Rise, LayerRise, NeuronRise]

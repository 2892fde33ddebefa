"""Sobol indices: the share of the score's variance that a feature causes, under random masks.

Fel, Cadène, Chalvidal, Cord, Vigouroux and Serre, "Look at the Variance! Efficient Black-box
Explanations with Sobol-based Sensitivity Analysis", NeurIPS 2021, https://arxiv.org/abs/2111.04138;
the estimators of Jansen, "Analysis of variance designs for model output", Computer Physics
Communications 117, 1999, https://doi.org/10.1016/S0010-4655(98)00154-4

A mask holds, for each feature, how much of it is there, from 0 (its baseline) to 1 (the input);
masks are those of a scrambled Sobol sequence.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.quasirandom import SobolEngine

from ascribe import InputError, hookimpl
from ascribe.batching import Chunk
from ascribe.draws import generator_of
from ascribe.feature_groups import FeatureGroups
from ascribe.forward import Forward, check_count
from ascribe.sampled_attribution import SampledAttribution
from ascribe.standard_errors import error_of_mean
from ascribe.superpixels import grid

#: How many machine epsilons of the scores rounding may vary them.
ROUNDING = 16


class Sobol(SampledAttribution):
    """The share of the score's variance that each feature causes, alone or with others."""

    several_targets = True
    jointly = True

    @classmethod
    def claims(cls, **parameters: Any) -> dict[str, float]:
        # A ratio of variances loses digits where the score hardly varies.
        return dict.fromkeys(["implementation_invariance", "affine_invariance"], 1e-6)

    @property
    def multiplies_by_inputs(self) -> bool:
        """False: attributions are shares of a variance."""
        return False

    def attribute(
        self,
        inputs: Any,
        baselines: Any = None,
        target: Any = None,
        additional_forward_args: Any = None,
        feature_mask: Any = None,
        n_samples: int = 32,
        order: str = "total",
        perturbations_per_eval: int | None = None,
        show_progress: bool = False,
        seed: int = 0,
        return_standard_errors: bool = False,
    ) -> Any:
        """Return, for each element, the Sobol index of its feature.

        Parameters
        ----------
        inputs
            A floating-point tensor ``(batch, *features)``, or a tuple, list or dict of such.
        baselines
            What a feature is mixed with: None (zero), a number, a tensor of the input's shape or
            with a batch of one, or one of these for each input.
        target
            Which score: None, an int, a tuple, one for each example in a tensor or list, a
            callable from output to scores, or `ascribe.Targets`.
        additional_forward_args
            What else the model takes; tensors with one entry for each example follow it.
        feature_mask
            Whole numbers from 0 of a shape that broadcasts to the input: elements of one number,
            in whichever input, are one feature. For several inputs one mask for each. By default
            each element of a vector, and the cells of a grid of eight on each side of a picture.
        n_samples
            How many masks, preferably a power of two: each takes an evaluation for every feature,
            and two more.
        order
            ``total``: with all interactions in which the feature takes part; ``first``: by itself.
        perturbations_per_eval
            How many masks one model evaluation takes, each in a copy of the batch; by default as
            many as fit in the memory budget.
        show_progress
            Show a progress bar.
        seed
            Of the generator that scrambles the sequence; the global one is not touched.
        return_standard_errors
            Return a pair: attributions, and the standard error of each, as if masks were
            independent: the sequence makes it smaller.

        Returns
        -------
        Tensor or tuple, list or dict of Tensor
            In the form, shape and dtype of ``inputs``; shares of the variance: 0 where the score
            does not vary.

        Raises
        ------
        InputError
            If inputs are not floating-point, or there are too many features for the sequence.
        """
        generator = generator_of(seed)
        if check_count(n_samples, "n_samples") is None or n_samples < 2:
            raise InputError(f"n_samples must be at least 2, but is {n_samples!r}")
        if order not in _INDICES:
            raise InputError(f"order must be one of {', '.join(_INDICES)}, but is {order!r}")
        with self.bind(inputs, target, additional_forward_args) as forward:
            if not all(tensor.is_floating_point() for tensor in forward.inputs.tensors):
                raise InputError("Sobol indices need floating-point inputs, which masks can mix")
            mask = grid(forward.inputs, 8) if feature_mask is None else feature_mask
            groups = FeatureGroups(forward.inputs, mask)
            design = Design(n_samples, len(groups), generator)
            vary = _mixed(forward, groups, design, forward.baselines(baselines))
            evaluation = (perturbations_per_eval, show_progress, "Sobol")
            scores = forward.evaluate(len(design), vary, *evaluation)
            rounding = ROUNDING * torch.finfo(scores.dtype).eps
            scores = scores.double()
            if scores.shape[2] < forward.inputs.batch:
                groups.check_shared(forward.inputs.batch)
            blocks = scores.unflatten(1, (len(groups) + 2, n_samples))
            values, errors = _index(blocks, _INDICES[order], rounding)
            packed = [forward.pack(groups.spread(part)) for part in (values, errors)]
            return tuple(packed) if return_standard_errors else packed[0]


class Design:
    """Masks: ``n`` by one sequence, ``n`` by another, and for each feature ``n`` of the first in
    which that feature comes from the second."""  # noqa: D209

    def __init__(self, count: int, features: int, generator: torch.Generator) -> None:
        if 2 * features > SobolEngine.MAXDIM:
            raise InputError(
                f"the Sobol sequence has room for {SobolEngine.MAXDIM // 2} features, but there "
                f"are {features}: group them with feature_mask"
            )
        seed = int(torch.randint(2**31, (), generator=generator))
        self._count, self._features = count, features
        if features:
            engine = SobolEngine(2 * features, scramble=True, seed=seed)
            self._a, self._b = engine.draw(count, dtype=torch.float64).chunk(2, dim=1)
        else:
            self._a = self._b = torch.zeros(count, 0, dtype=torch.float64)

    def __len__(self) -> int:
        return self._count * (self._features + 2)

    def __getitem__(self, which: slice) -> Tensor:
        numbers = torch.arange(which.start, which.stop)
        block, sample = numbers // self._count, numbers % self._count
        masks = torch.where((block == 1)[:, None], self._b[sample], self._a[sample])
        swapped = torch.arange(self._features) == (block - 2)[:, None]
        return torch.where(swapped, self._b[sample], masks)


def _mixed(
    forward: Forward, groups: FeatureGroups, design: Design, baselines: tuple[Tensor, ...]
) -> Any:
    def vary(chunk: Chunk) -> tuple[Tensor, ...]:
        present = groups.of(design[chunk.variants], chunk)
        return tuple(
            torch.lerp(forward.part(base, chunk), forward.part(tensor, chunk), there.to(tensor))
            for base, tensor, there in zip(baselines, forward.inputs.tensors, present, strict=True)
        )

    return vary


def _total(first: Tensor, second: Tensor, swapped: Tensor, variance: Tensor) -> Tensor:
    return (first - swapped).square() / 2


def _first(first: Tensor, second: Tensor, swapped: Tensor, variance: Tensor) -> Tensor:
    return variance - (second - swapped).square() / 2


#: By order, what is to be taken the mean of, as a share of the variance.
_INDICES = {"total": _total, "first": _first}


def _index(blocks: Tensor, part: Any, rounding: float) -> tuple[Tensor, Tensor]:
    """Return indices and standard errors, ``(targets, features, batch)``.

    Parameters
    ----------
    blocks
        Scores, ``(targets, 2 + features, samples, batch)``.
    part
        One of the above.
    rounding
        What share of the scores rounding alone may vary: below it they are taken for constant.
    """
    first, second, swapped = blocks[:, :1], blocks[:, 1:2], blocks[:, 2:]
    both = blocks[:, :2].transpose(1, 2).flatten(1, 2)
    mean = both.mean(1, keepdim=True)[:, None]
    spread = ((first - mean).square() + (second - mean).square()) / 2
    variance = spread.mean(2, keepdim=True)
    shares = part(first, second, swapped, spread)
    index = shares.mean(2, keepdim=True) / variance
    influence = (shares - index * spread) / variance
    error = error_of_mean(influence.square().sum(2), blocks.shape[2])
    largest = both.abs().amax(1, keepdim=True)[:, None]
    still = (variance <= (rounding * largest).square())[:, :, 0]
    return index[:, :, 0].masked_fill(still, 0), error.masked_fill(still, 0)


@hookimpl
def ascribe_attributions() -> list[type[Sobol]]:
    return [Sobol]

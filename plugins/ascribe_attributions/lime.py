"""LIME: a linear model of the model, fitted to its scores of inputs with features left out.

Ribeiro, Singh and Guestrin, "Why Should I Trust You? Explaining the Predictions of Any Classifier",
KDD 2016, https://arxiv.org/abs/1602.04938

Which features a sample has is drawn evenly, and shared by the examples of a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from ascribe import InputError, hookimpl
from ascribe.coalition_attribution import packed_values
from ascribe.coalitions import Game
from ascribe.draws import generator_of
from ascribe.forward import check_count
from ascribe.linear_models import Lasso, LinearModel, LinearRegression, check_model, fitted
from ascribe.local_samples import drawn_by
from ascribe.sampled_attribution import SampledAttribution
from ascribe.similarities import ExponentialKernel, checked_weights
from ascribe.standard_errors import jackknife

#: How many groups of samples standard errors are told from, each left out once.
GROUPS = 10

#: How many bytes of changed inputs are compared with the inputs at a time.
COMPARED = 2**25


class Lime(SampledAttribution):
    """Coefficients of a linear model of the model, near the input.

    Parameters
    ----------
    forward_func
        The model: any callable.
    interpretable_model
        What is fitted: `ascribe.linear_models.Lasso` with alpha 0.01 by default, ``Ridge``,
        ``LinearRegression``, or a model with ``fit`` and ``representation``.
    similarity_func
        How much a sample counts: takes the original and the changed inputs, with a batch of one,
        and which features are present, ``(1, features)``; returns a number. By default
        `ascribe.similarities.get_exp_kernel_similarity_function()`.
    perturb_func
        Returns which features a sample has, ``(1, features)`` of zeros and ones: takes the
        original inputs. It may yield them, too. By default each is there or not, as likely.

    Both functions also take ``baselines``, ``feature_mask`` and ``num_interp_features`` by keyword.
    """

    several_targets = True
    jointly = True

    def __init__(
        self,
        forward_func: Callable[..., Any],
        interpretable_model: Any = None,
        similarity_func: Callable[..., Any] | None = None,
        perturb_func: Callable[..., Any] | None = None,
    ) -> None:
        super().__init__(forward_func)
        model = Lasso(alpha=0.01) if interpretable_model is None else interpretable_model
        self.interpretable_model = check_model(model)
        self.similarity_func = similarity_func or ExponentialKernel()
        self.perturb_func = perturb_func

    @classmethod
    def claims(cls, **parameters: Any) -> dict[str, float]:
        claims = ["implementation_invariance", "null_at_the_baseline"]
        model, enough = parameters.get("interpretable_model"), parameters.get("n_samples", 25) > 99
        if isinstance(model, LinearModel) and not isinstance(model, Lasso):
            claims.append("linearity")
        if isinstance(model, LinearRegression) and enough:
            claims += ["linear_difference", "groups_on_linear"]
        return dict.fromkeys(claims, 0.0)

    def attribute(
        self,
        inputs: Any,
        baselines: Any = None,
        target: Any = None,
        additional_forward_args: Any = None,
        feature_mask: Any = None,
        n_samples: int = 25,
        perturbations_per_eval: int | None = None,
        return_input_shape: bool = True,
        show_progress: bool = False,
        seed: int = 0,
        return_standard_errors: bool = False,
    ) -> Any:
        """Return, for each element, the coefficient of its feature.

        Parameters
        ----------
        inputs
            A tensor ``(batch, *features)``, or a tuple, list or dict of such.
        baselines
            What absent features take: None (zero), a number, a tensor of the input's shape or
            with a batch of one, or one of these for each input.
        target
            Which score: None, an int, a tuple, one for each example in a tensor or list, a
            callable from output to scores, or `ascribe.Targets`.
        additional_forward_args
            What else the model takes; tensors with one entry for each example follow it.
        feature_mask
            Whole numbers from 0 of a shape that broadcasts to the input: elements of one number,
            in whichever input, are one feature and share one attribution. For several inputs one
            mask for each: see `ascribe.superpixels` for those of pictures. By default each
            element is a feature.
        n_samples
            How many samples the linear model is fitted to.
        perturbations_per_eval
            How many samples one model evaluation takes, each in a copy of the batch; by default
            as many as fit in the memory budget.
        return_input_shape
            Return attributions in the form of the inputs (True), or one number for each feature,
            ``(batch, features)``, in the order of the numbers in the mask.
        show_progress
            Show a progress bar.
        seed
            Of the generator that draws samples; the global one is not touched.
        return_standard_errors
            Return a pair: attributions, and the standard error of each, from fits that leave out
            a tenth of the samples in turn (jackknife): infinite where samples do not tell. Those of
            a lasso are of its coefficients before they are shrunk, as one that happens to be zero
            is not exact.

        Returns
        -------
        Tensor or tuple, list or dict of Tensor
            In the form, shape and dtype of ``inputs``; in units of the score. From a model that
            returns one number for the whole batch, with a batch of one.

        Raises
        ------
        InputError
            If a mask does not fit, or a function of the caller's returns what it must not.
        """
        if check_count(n_samples, "n_samples") is None:
            raise InputError("Lime needs a number of samples, not n_samples=None")
        generator = generator_of(seed)
        with self.bind(inputs, target, additional_forward_args) as forward:
            evaluation = (perturbations_per_eval, show_progress, "Lime")
            game = Game(forward, feature_mask, baselines, None, *evaluation)
            told = {
                "baselines": baselines,
                "feature_mask": feature_mask,
                "num_interp_features": game.players,
            }
            samples = self._samples(game, n_samples, generator, told)
            table = game.values(samples)
            if not table.numel() or not game.players:
                nothing = packed_values(
                    game, table[:, :1].expand(-1, game.players, -1), return_input_shape
                )
                return (nothing, nothing) if return_standard_errors else nothing
            weights = self._weights(game, samples, table.shape[2], told)
            fit = _Fit(samples, table, weights)
            values = fit.of(self.interpretable_model)
            packed = [packed_values(game, values, return_input_shape)]
            if not return_standard_errors:
                return packed[0]
            packed.append(
                packed_values(game, fit.errors(self.interpretable_model), return_input_shape)
            )
            return tuple(packed)

    def _samples(
        self, game: Game, count: int, generator: torch.Generator, told: dict[str, Any]
    ) -> Tensor:
        """Return which features samples have: boolean, ``(samples, features)``."""
        if self.perturb_func is None:
            return torch.rand(count, game.players, generator=generator) < 0.5
        inputs = game.forward.inputs
        original = inputs.pack(tensor.clone() for tensor in inputs.tensors)
        samples = list(islice(drawn_by(self.perturb_func, original, told), count))
        for sample in samples:
            if not isinstance(sample, Tensor) or sample.numel() != game.players:
                raise InputError(
                    f"perturb_func must return a tensor of the shape (1, {game.players}), one "
                    f"number for each feature, but returned {sample!r}"
                )
        made = torch.stack([sample.flatten().cpu() for sample in samples])
        if not bool(((made == 0) | (made == 1)).all()):
            raise InputError("perturb_func must return zeros and ones alone")
        return made.bool()

    def _weights(self, game: Game, samples: Tensor, columns: int, told: dict[str, Any]) -> Tensor:
        """Return how much each sample counts for each example: ``(examples, samples)``."""
        inputs, kernel = game.forward.inputs, self.similarity_func
        everything = slice(0, inputs.batch)
        # One score for all examples has one weight.
        shares = [everything] if columns < inputs.batch else _one_by_one(inputs.batch)
        bulk = isinstance(kernel, ExponentialKernel)
        size = sum(tensor.nbytes for tensor in inputs.tensors)
        at_once = max(1, COMPARED // max(1, size)) if bulk else 1
        found = []
        for start in range(0, len(samples), at_once):
            part = samples[start : start + at_once]
            changed = [
                one.expand(len(part), *tensor.shape)
                for one, tensor in zip(
                    game.inputs_of(part, everything), inputs.tensors, strict=True
                )
            ]
            if isinstance(kernel, ExponentialKernel):
                found.append(_alike(kernel, inputs.tensors, changed, len(shares)))
            else:
                pairs = (
                    [inputs.pack(t[share].clone() for t in side) for side in (inputs.tensors, own)]
                    for share in shares
                    for own in [[one[0] for one in changed]]
                )
                each = [float(kernel(*pair, part.float(), **told)) for pair in pairs]
                found.append(torch.tensor([each], dtype=torch.float64))
        return checked_weights(torch.cat(found).T, samples)


def _one_by_one(batch: int) -> list[slice]:
    return [slice(example, example + 1) for example in range(batch)]


def _alike(
    kernel: ExponentialKernel, tensors: Sequence[Tensor], changed: Sequence[Tensor], columns: int
) -> Tensor:
    """Return how much samples count: ``(samples, columns)``."""
    one = [tensor.reshape(1, columns, -1) for tensor in tensors]
    other = [tensor.reshape(len(tensor), columns, -1) for tensor in changed]
    return kernel.of_rows([o.expand_as(c) for o, c in zip(one, other, strict=True)], other)


class _Fit:
    """Regressions of scores, ``(targets, samples, examples)``, on which features samples have."""

    def __init__(self, samples: Tensor, table: Tensor, weights: Tensor) -> None:
        self._x = samples.to(table.device, table.dtype)
        self._shape = (table.shape[0], table.shape[2])
        self._y = table.transpose(1, 2).flatten(0, 1)
        self._weights = weights.to(table).repeat(table.shape[0], 1)

    def of(self, model: Any, kept: Tensor | None = None) -> Tensor:
        """Return coefficients, ``(targets, features, examples)``, from samples that are kept."""
        weights = self._weights if kept is None else self._weights * kept.to(self._weights)
        found = fitted(model, self._x, self._y, weights)
        return found.unflatten(0, self._shape).transpose(1, 2)

    def errors(self, model: Any) -> Tensor:
        """Return standard errors, from coefficients that leave out a group of samples in turn."""
        groups = min(GROUPS, len(self._x))
        model = model.unshrunk if isinstance(model, LinearModel) else model
        number = torch.arange(len(self._x)) % groups
        kept = [number != group for group in range(groups)]
        error = jackknife(torch.stack([self.of(model, those) for those in kept]))
        # Nothing tells what comes of a feature that is always there, or never.
        alike = [(self._x[those] == self._x[those][:1]).all(0) for those in kept]
        return error.masked_fill(torch.stack(alike).any(0)[:, None], float("inf"))


@hookimpl
def ascribe_attributions() -> list[type[Lime]]:
    return [Lime]

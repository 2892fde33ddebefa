"""LIME in its general form: with samples and interpretable features of the caller's own.

Ribeiro, Singh and Guestrin, "Why Should I Trust You? Explaining the Predictions of Any Classifier",
KDD 2016, https://arxiv.org/abs/1602.04938
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby, islice
from typing import Any

import torch
from torch import Tensor

from ascribe import InputError, PerturbationAttribution, hookimpl
from ascribe.batching import Chunk, progress
from ascribe.forward import Forward, check_count
from ascribe.inputs import Inputs
from ascribe.linear_models import check_model, fitted
from ascribe.local_samples import drawn_by
from ascribe.rehearsal import rehearsing
from ascribe.similarities import checked_weights

Function = Callable[..., Any]


class LimeBase(PerturbationAttribution):
    """Coefficients of a linear model of the model, in features that need not be those of the input.

    All functions also take, by keyword, what ``attribute`` is given beyond its own parameters.

    Parameters
    ----------
    forward_func
        The model: any callable.
    interpretable_model
        What is fitted: see `ascribe.attr.Lime`.
    similarity_func
        How much a sample counts: takes the original inputs, the changed ones and the sample's
        interpretable features, ``(1, features)``; returns a number of at least 0.
    perturb_func
        Returns a sample for the original inputs, or yields them one by one.
    perturb_interpretable_space
        Whether a sample is of interpretable features (True) or of inputs.
    from_interp_rep_transform
        Returns the inputs for interpretable features: takes these and the original inputs. The
        inputs may have another shape than the original. Needed for samples of the former kind.
    to_interp_rep_transform
        Returns the interpretable features of changed inputs: takes these and the original inputs.
        Needed for samples of the latter kind.
    """

    several_targets = True
    jointly = True

    def __init__(
        self,
        forward_func: Callable[..., Any],
        interpretable_model: Any,
        similarity_func: Function,
        perturb_func: Function,
        perturb_interpretable_space: bool,
        from_interp_rep_transform: Function | None,
        to_interp_rep_transform: Function | None,
    ) -> None:
        super().__init__(forward_func)
        self.interpretable_model = check_model(interpretable_model)
        self.similarity_func = similarity_func
        self.perturb_func = perturb_func
        self.perturb_interpretable_space = perturb_interpretable_space
        self.from_interp_rep_transform = from_interp_rep_transform
        self.to_interp_rep_transform = to_interp_rep_transform
        needed, name = (
            (from_interp_rep_transform, "from_interp_rep_transform")
            if perturb_interpretable_space
            else (to_interp_rep_transform, "to_interp_rep_transform")
        )
        if needed is None:
            raise InputError(
                f"{name} must be given where "
                f"perturb_interpretable_space={perturb_interpretable_space}"
            )
        self._transform = needed

    def attribute(
        self,
        inputs: Any,
        target: Any = None,
        additional_forward_args: Any = None,
        n_samples: int = 50,
        perturbations_per_eval: int | None = None,
        show_progress: bool = False,
        **kwargs: Any,
    ) -> Tensor:
        """Return the coefficient of each interpretable feature.

        Parameters
        ----------
        inputs
            One example: a tensor ``(1, *features)``, or a tuple, list or dict of such. A model
            that returns one number for a whole batch may have several.
        target
            Which score: None, an int, a tuple, a callable from output to scores, or
            `ascribe.Targets`.
        additional_forward_args
            What else the model takes.
        n_samples
            How many samples the linear model is fitted to.
        perturbations_per_eval
            How many samples one model evaluation takes, of those in a row that have one shape; by
            default one.
        show_progress
            Show a progress bar.
        **kwargs
            For the functions.

        Returns
        -------
        Tensor
            ``(1, features)``, with a leading axis for `ascribe.Targets`.

        Raises
        ------
        InputError
            If there are several examples with a score each, or a function returns what it must
            not.
        """
        most = check_count(perturbations_per_eval, "perturbations_per_eval") or 1
        if check_count(n_samples, "n_samples") is None:
            raise InputError("LimeBase needs a number of samples, not n_samples=None")
        with self.bind(inputs, target, additional_forward_args) as forward:
            columns = forward.scores.shape[1]
            if columns != 1:
                raise InputError(
                    f"LimeBase explains one example at a time, but there are {columns}: call it "
                    f"for each"
                )
            bound = forward.inputs
            original = bound.pack(tensor.clone() for tensor in bound.tensors)
            samples = list(islice(self._samples(original, kwargs), n_samples))
            scores = _scores(forward, [changed for changed, _, _ in samples], most, show_progress)
            x = torch.stack([features for _, features, _ in samples]).to(scores)
            counts = torch.tensor([[count for _, _, count in samples]], dtype=torch.float64)
            weights = checked_weights(counts, x).to(scores)
            found = fitted(self.interpretable_model, x, scores, weights.expand_as(scores))
            wide = bound.tensors[0]
            found = found.to(wide.dtype if wide.is_floating_point() else torch.float32)
            return forward.pack_scores(found[:, None])

    def _samples(
        self, original: Any, kwargs: dict[str, Any]
    ) -> Iterator[tuple[tuple[Tensor, ...], Tensor, float]]:
        """Yield changed inputs, their interpretable features and how much they count."""
        for sample in drawn_by(self.perturb_func, original, kwargs):
            other = self._transform(sample, original, **kwargs)
            features, changed = (
                (sample, other) if self.perturb_interpretable_space else (other, sample)
            )
            if not isinstance(features, Tensor):
                raise InputError(
                    f"interpretable features must be a tensor (1, features), but are {features!r}"
                )
            weight = float(self.similarity_func(original, changed, features, **kwargs))
            yield Inputs.of(changed).tensors, features.flatten().double(), weight


def _scores(
    forward: Forward, changed: list[tuple[Tensor, ...]], most: int, show_progress: bool
) -> Tensor:
    """Return the scores of changed inputs: ``(targets, samples)``."""
    batch = forward.inputs.batch
    if rehearsing(len(changed) * batch):
        return forward.scores.double().expand(-1, len(changed))
    most = 1 if batch > 1 or forward.coupled else most
    found = []

    def shapes(tensors: tuple[Tensor, ...]) -> list[tuple[int, ...]]:
        return [tuple(tensor.shape) for tensor in tensors]

    with torch.no_grad(), progress(len(changed), "LimeBase", show_progress) as bar:
        for _, run in groupby(changed, shapes):
            alike = list(run)
            for start in range(0, len(alike), most):
                part = alike[start : start + most]
                rows = [torch.cat(tensors).clone() for tensors in zip(*part, strict=True)]
                found.append(forward(rows, Chunk(slice(0, len(part)), slice(0, batch))))
                if found[-1].shape[1] < len(part):
                    raise InputError(
                        "perturbations_per_eval must be 1 for a model that returns one number for "
                        "all that it is given"
                    )
                bar(len(part))
    return torch.cat(found, dim=1).double()


@hookimpl
def ascribe_attributions() -> list[type[LimeBase]]:
    return [LimeBase]

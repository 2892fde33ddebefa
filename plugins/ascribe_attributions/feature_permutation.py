"""Feature permutation: how much the score falls when a feature is shuffled over the batch.

Breiman, "Random Forests", Machine Learning 45, 2001, https://doi.org/10.1023/A:1010933404324;
Fisher, Rudin and Dominici, "All Models are Wrong, but Many are Useful", JMLR 20, 2019,
https://jmlr.org/papers/v20/18-760.html

What each example loses is told apart; the mean over the batch is the feature's importance, with a
loss as ``forward_func`` in the papers' sense.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ascribe import Attribution, InputError, PerturbationAttribution, hookimpl
from ascribe.batching import Chunk
from ascribe.draws import generator_of
from ascribe.feature_groups import FeatureGroups
from ascribe.forward import Forward
from ascribe.internal import layer_form

Permute = Callable[[Tensor, Tensor], Tensor]


class FeaturePermutation(PerturbationAttribution):
    """The fall of the score when a feature, or a group of a mask, is shuffled over the batch.

    Parameters
    ----------
    forward_func
        The model: any callable.
    perm_func
        Returns an input with a feature shuffled: takes the input, ``(batch, *features)``, and a
        boolean mask of the feature, ``(1 or batch, *features)``. By default the examples change
        places at random, all elements of a feature together, and not all stay where they are.
    """

    several_targets = True
    over_the_batch = True

    def __init__(self, forward_func: Callable[..., Any], perm_func: Permute | None = None) -> None:
        super().__init__(forward_func)
        self.perm_func = perm_func

    @classmethod
    def claims(cls, **parameters: Any) -> dict[str, float]:
        claims = ["linearity", "implementation_invariance"]
        if parameters.get("feature_mask") is None:
            claims.append("dummy")
        return dict.fromkeys(claims, 0.0)

    def attribute(
        self,
        inputs: Any,
        target: Any = None,
        additional_forward_args: Any = None,
        feature_mask: Any = None,
        perturbations_per_eval: int | None = None,
        show_progress: bool = False,
        seed: int = 0,
    ) -> Any:
        """Return, for each element, how much the score falls when its feature is shuffled.

        Parameters
        ----------
        inputs
            A tensor ``(batch, *features)`` of at least two examples, or a tuple, list or dict of
            such.
        target
            Which score: None, an int, a tuple, one for each example in a tensor or list, a
            callable from output to scores, or `ascribe.Targets`.
        additional_forward_args
            What else the model takes; tensors with one entry for each example follow it.
        feature_mask
            Whole numbers from 0 of a shape that broadcasts to the input: elements of one number,
            in whichever input, are shuffled together and share one attribution. For several
            inputs one mask for each. By default each element is a feature.
        perturbations_per_eval
            How many features one model evaluation shuffles, each in a copy of the batch; by
            default as many as fit in the memory budget.
        show_progress
            Show a progress bar.
        seed
            Of the generator that shuffles; the global one is not touched.

        Returns
        -------
        Tensor or tuple, list or dict of Tensor
            In the form, shape and dtype of ``inputs``; in units of the score. From a model that
            returns one number for the whole batch, with a batch of one.

        Raises
        ------
        InputError
            If there is one example alone: there is nothing to shuffle it with.
        """
        with self.bind(inputs, target, additional_forward_args) as forward:
            if forward.inputs.batch == 1:
                raise InputError("feature permutation needs a batch of at least two examples")
            groups = FeatureGroups(forward.inputs, feature_mask)
            vary = (
                _shuffled(forward, groups, generator_of(seed))
                if self.perm_func is None
                else _permuted(forward, groups, self.perm_func)
            )
            evaluation = (perturbations_per_eval, show_progress, "FeaturePermutation")
            without = forward.evaluate(len(groups), vary, *evaluation)
            if without.shape[2] < forward.inputs.batch:
                groups.check_shared(forward.inputs.batch)
            return forward.pack(groups.spread(forward.scores[:, None] - without))


def _shuffled(forward: Forward, groups: FeatureGroups, generator: torch.Generator) -> Any:
    """Return inputs in which each feature in turn comes from other examples."""
    batch = forward.inputs.batch
    orders = [_moved(batch, generator) for _ in range(len(groups))]
    table = torch.stack(orders) if orders else torch.zeros(0, batch, dtype=torch.long)

    def vary(chunk: Chunk) -> tuple[Tensor, ...]:
        sources = table[chunk.variants, chunk.examples]
        return tuple(
            torch.where(mask, tensor[sources.to(tensor.device)], forward.part(tensor, chunk))
            for mask, tensor in zip(groups.masks(chunk), forward.inputs.tensors, strict=True)
        )

    return vary


def _moved(batch: int, generator: torch.Generator) -> Tensor:
    """Return an order of examples that is not that which they have."""
    stay = torch.arange(batch)
    order = stay
    while batch > 1 and torch.equal(order, stay):
        order = torch.randperm(batch, generator=generator)
    return order


def _permuted(forward: Forward, groups: FeatureGroups, permute: Permute) -> Any:
    """Return inputs in which each feature in turn is as a function of the caller's has it."""
    batch = forward.inputs.batch

    def whole(variant: int) -> list[Tensor]:
        chunk = Chunk(slice(variant, variant + 1), slice(0, batch))
        made = []
        for mask, tensor in zip(groups.masks(chunk), forward.inputs.tensors, strict=True):
            moved = permute(tensor.clone(), mask[0]) if bool(mask.any()) else tensor
            if not isinstance(moved, Tensor) or moved.shape != tensor.shape:
                raise InputError(
                    f"perm_func must return a tensor of the input's shape {tuple(tensor.shape)}"
                )
            made.append(moved)
        return made

    def vary(chunk: Chunk) -> tuple[Tensor, ...]:
        rows = [whole(v) for v in range(chunk.variants.start, chunk.variants.stop)]
        return tuple(
            torch.stack([one[chunk.examples] for one in of]) for of in zip(*rows, strict=True)
        )

    return vary


LayerFeaturePermutation = layer_form(FeaturePermutation, feature_mask="layer_mask")


@hookimpl
def ascribe_attributions() -> list[type[Attribution]]:
    return [FeaturePermutation, LayerFeaturePermutation]

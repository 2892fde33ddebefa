"""Conductance: how much of the change of the score flows through each unit of a layer.

Dhamdhere, Sundararajan and Yan, "How Important is a Neuron?", ICLR 2019,
https://arxiv.org/abs/1805.12233. The sum over steps of the gradient times the change of the
activation, which serves a whole layer at once, is from Shrikumar, Su and Kundaje, "Computationally
Efficient Measures of Internal Neuron Importance", 2018, https://arxiv.org/abs/1807.09946

Here each gradient has the width that the quadrature gives it, so the steps cover the whole way from
baseline to input, whichever the rule; where a step ends between two nodes, activations are taken to
change evenly between them, so that no point is evaluated but the nodes and the two ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from ascribe import Attribution, GradientAttribution, hookimpl
from ascribe.attribution import convergence_delta
from ascribe.batching import Chunk
from ascribe.evaluations import Vary, at_least_single
from ascribe.inner_forward import LayerForward
from ascribe.internal import LayerAttribution, NeuronAttribution
from ascribe.quadrature import path_claims, quadrature, straight_path
from ascribe.sums import gradient_rows, outer_rows, summed, weighed


class LayerConductance(LayerAttribution, GradientAttribution):
    """The change of the score, from baseline to input, through each activation of a layer."""

    several_targets = True

    @classmethod
    def claims(cls, **parameters: Any) -> dict[str, float]:
        method, n_steps = parameters.get("method", "gausslegendre"), parameters.get("n_steps", 50)
        return {**path_claims(method, n_steps, multiplied=True), "hidden_units": 0.0}

    @property
    def multiplies_by_inputs(self) -> bool:
        """True: attributions are in units of the score."""
        return True

    def has_convergence_delta(self) -> bool:
        """True: through a layer that all flows through, attributions sum to the change."""
        return True

    def attribute(
        self,
        inputs: Any,
        baselines: Any = None,
        target: Any = None,
        additional_forward_args: Any = None,
        n_steps: int = 50,
        method: str = "gausslegendre",
        internal_batch_size: int | None = None,
        return_convergence_delta: bool = False,
        attribute_to_layer_input: bool = False,
    ) -> Any:
        """Return each activation's share in the change of the score from baseline to input.

        Parameters
        ----------
        inputs
            A tensor ``(batch, *features)``, or a tuple, list or dict of such.
        baselines
            Where the way starts, among the inputs: None (zero), a number, a tensor of the input's
            shape or with a batch of one, or one of these for each input.
        target
            Which score: None, an int, a tuple, one for each example in a tensor or list, a
            callable from output to scores, or `ascribe.Targets`.
        additional_forward_args
            What else the model takes; tensors with one entry for each example follow it.
        n_steps
            The number of points on the way.
        method
            ``gausslegendre``, ``riemann_left``, ``riemann_right``, ``riemann_middle`` or
            ``riemann_trapezoid``.
        internal_batch_size
            How many points one model evaluation takes at most; by default as many as fit in the
            memory budget.
        return_convergence_delta
            Also return by how much the attributions miss the change of the score.
        attribute_to_layer_input
            Attribute to what the layer is given instead of what it returns.

        Returns
        -------
        Tensor or tuple of Tensor, or a list of these for several layers
            In the form, shape and dtype of the layer's activations; in units of the score.
        Tensor
            If ``return_convergence_delta``: shape ``(batch,)``, in units of the score.
        """
        nodes, weights = quadrature(method, n_steps)
        arguments = (inputs, target, additional_forward_args, attribute_to_layer_input)
        with self.bind_layer(*arguments) as forward:
            path = straight_path(forward.outer, forward.outer.baselines(baselines), nodes)
            flows = _Flows(
                forward, path, forward.baselines(baselines), _left_shares(nodes, weights)
            )
            rows = outer_rows(forward, n_steps, path, internal_batch_size)
            found = summed(forward, n_steps, rows, flows)
            if not return_convergence_delta:
                return forward.pack(found)
            delta = convergence_delta(forward, list(found), baselines)
            return forward.pack(found), forward.pack_scores(delta)


def _left_shares(nodes: Tensor, weights: Tensor) -> Tensor:
    """Return how much of the way from each node to the next belongs to the node on the left.

    The first way is from the baseline to the first node, which has all of it; the last is from the
    last node to the input: ``(nodes + 1,)``.
    """
    between = (weights.cumsum(0) - nodes)[:-1] / nodes.diff()
    return torch.cat([between.new_zeros(1), between, between.new_ones(1)])


class _Flows:
    """What flows through activations, chunk by chunk of a path: changes of them times gradients.

    Parameters
    ----------
    forward
        The model from a layer on.
    path
        Returns the nodes of a chunk, among the model's inputs.
    starts
        The activations where the path starts.
    left
        See `_left_shares`.
    """

    def __init__(
        self, forward: LayerForward, path: Vary, starts: Sequence[Tensor], left: Tensor
    ) -> None:
        self._forward, self._path, self._left = forward, path, left
        # Of the last node that was seen, for each example: chunks of one come in their order.
        self._activations = [at_least_single(start).clone() for start in starts]
        self._gradients = [
            start.new_zeros((forward.targets, *start.shape)) for start in self._activations
        ]

    def __call__(self, chunk: Chunk) -> list[Tensor]:
        last = chunk.variants.stop + 1 == len(self._left)
        ends = [at_least_single(end[chunk.examples]) for end in self._forward.inputs.tensors]
        found, gradients = self._forward.gradients_within(self._path(chunk), chunk)
        left = self._left[chunk.variants.start : chunk.variants.stop + last]
        flows, nodes = [], []
        for number, (activation, gradient) in enumerate(zip(found, gradients, strict=True)):
            here = at_least_single(activation.detach()).unflatten(0, (chunk.copies, -1))
            slopes = at_least_single(gradient).unflatten(1, (chunk.copies, -1))
            before = self._activations[number][chunk.examples]
            slope = self._gradients[number][:, chunk.examples]
            there = [before[None], here, *([ends[number][None]] if last else [])]
            sides = [slope[:, None], slopes, *([slopes[:, -1:]] if last else [])]
            flows.append(_flow(torch.cat(there), torch.cat(sides, 1), left))
            nodes.append(((before, here[-1]), (slope, slopes[:, -1])))
        for seen in nodes:  # only now: where memory runs out, the chunk is cut and comes again
            for held, new in seen:
                held.copy_(new)
        return flows


def _flow(activations: Tensor, gradients: Tensor, left: Tensor) -> Tensor:
    """Return the sum of changes between nodes, each times a mean of the gradients at both.

    Parameters
    ----------
    activations
        ``(nodes, examples, *features)``.
    gradients
        ``(targets, nodes, examples, *features)``.
    left
        The weight of the left one in each mean: ``(nodes - 1,)``.
    """
    share = left.to(activations).reshape(-1, *[1] * (activations.dim() - 1))
    mean = share * gradients[:, :-1] + (1 - share) * gradients[:, 1:]
    return (mean * activations.diff(dim=0)).sum(1)


class NeuronConductance(NeuronAttribution, GradientAttribution):
    """The change of the score, from baseline to input, that each input sends through a neuron.

    Parameters
    ----------
    forward_func, layer, device_ids
        See `ascribe.internal.InternalAttribution`.
    multiply_by_inputs
        Multiply the averaged gradient through the neuron by ``inputs - baselines``, or return it.
    """

    several_targets = True

    @classmethod
    def claims(cls, **parameters: Any) -> dict[str, float]:
        method, n_steps = parameters.get("method", "gausslegendre"), parameters.get("n_steps", 50)
        claims = path_claims(method, n_steps, parameters.get("multiply_by_inputs", True))
        if "one_hidden_layer" in claims:
            claims["through_a_hidden_unit"] = claims["one_hidden_layer"]
        return claims

    def __init__(
        self,
        forward_func: Callable[..., Any],
        layer: Any,
        device_ids: list[int] | None = None,
        multiply_by_inputs: bool = True,
    ) -> None:
        super().__init__(forward_func, layer, device_ids)
        self._multiply_by_inputs = multiply_by_inputs

    @property
    def multiplies_by_inputs(self) -> bool:
        """Whether attributions are in units of the score, as the constructor was told."""
        return self._multiply_by_inputs

    def attribute(
        self,
        inputs: Any,
        neuron_selector: Any,
        baselines: Any = None,
        target: Any = None,
        additional_forward_args: Any = None,
        n_steps: int = 50,
        method: str = "gausslegendre",
        internal_batch_size: int | None = None,
        attribute_to_neuron_input: bool = False,
    ) -> Any:
        """Return each input's share in the change of the score that flows through the neuron.

        Parameters
        ----------
        inputs
            A tensor ``(batch, *features)``, or a tuple, list or dict of such.
        neuron_selector
            Which neuron: an int, a tuple with an int or slice for each dimension of the layer's
            activation after the batch (the shares through what slices cover are added up), or a
            callable from it.
        baselines
            Where the way starts: None (zero), a number, a tensor of the input's shape or with a
            batch of one, or one of these for each input.
        target
            Which score: None, an int, a tuple, one for each example in a tensor or list, a
            callable from output to scores, or `ascribe.Targets`.
        additional_forward_args
            What else the model takes; tensors with one entry for each example follow it.
        n_steps
            The number of points on the way.
        method
            ``gausslegendre``, ``riemann_left``, ``riemann_right``, ``riemann_middle`` or
            ``riemann_trapezoid``.
        internal_batch_size
            How many points one model evaluation takes at most; by default as many as fit in the
            memory budget.
        attribute_to_neuron_input
            The neuron is among what the layer is given instead of what it returns.

        Returns
        -------
        Tensor or tuple, list or dict of Tensor
            In the form, shape and dtype of ``inputs``; in units of the score.
        """
        nodes, weights = quadrature(method, n_steps)
        bound = (inputs, neuron_selector, target, additional_forward_args)
        with self.bind_through(*bound, attribute_to_neuron_input) as forward:
            starts = forward.baselines(baselines)
            path = straight_path(forward.inputs, starts, nodes)

            def means(chunk: Chunk) -> Iterator[Tensor]:
                for gradient in forward.gradients_through(path(chunk), chunk):
                    yield weighed(gradient, weights, chunk)

            rows = gradient_rows(forward, n_steps, internal_batch_size)
            forward.check_independence(n_steps, path, rows)
            found = summed(forward, n_steps, rows, means)
            if not self._multiply_by_inputs:
                return forward.pack(found)
            ways = zip(found, starts, forward.inputs.tensors, strict=True)
            return forward.pack(mean * (end - start) for mean, start, end in ways)


@hookimpl
def ascribe_attributions() -> list[type[Attribution]]:
    return [LayerConductance, NeuronConductance]

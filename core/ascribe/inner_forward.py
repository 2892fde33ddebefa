"""The model as an algorithm may see it inside: from a layer on, or with a neuron watched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

from ascribe.activations import Activations
from ascribe.batching import Chunk
from ascribe.detached import without_parameters
from ascribe.evaluations import Vary
from ascribe.forward import Forward, as_leaves
from ascribe.gradient import check_graph, differentiated
from ascribe.inputs import Inputs
from ascribe.layers import Taps, by_row, find_layers
from ascribe.program import NoProgramError
from ascribe.rehearsal import made
from ascribe.targets import neuron, total
from ascribe.upper import Upper

#: So many rows are worth running the model three times to learn what it does from a layer on.
WORTH_RECORDING = 16


class LayerForward(Forward):
    """A model from a layer on, bound to the layer's activations for the model's inputs.

    Parameters
    ----------
    forward_func
        The model.
    layer, of_inputs
        See `ascribe.sites.FromLayer`.
    outer
        The model's inputs.
    target, additional_forward_args
        See `ascribe.binding.Binding`.
    """

    def __init__(
        self,
        forward_func: Callable[..., Any],
        layer: Any,
        of_inputs: bool,
        outer: Inputs,
        target: Any = None,
        additional_forward_args: Any = None,
    ) -> None:
        self._taps = taps = Taps(find_layers(forward_func, layer), of_inputs)
        self._plain = plain = Forward(forward_func, outer, target, additional_forward_args)

        def below(*given: Any, **named: Any) -> list[Tensor]:
            return taps.read(lambda: forward_func(*given, **named), stop=True)

        def above(*given: Any) -> Any:
            *activations, examples = given
            rows = [tensor[examples] for tensor in outer.tensors]
            return taps.replace(activations, lambda: plain.output(rows, examples))

        self._below = Forward(below, outer, total, additional_forward_args)
        activations = self._activations(outer.tensors)
        assert taps.uses is not None  # they were just counted
        inputs = Activations(
            tuple(activations),
            tuple,
            counts=tuple(map(sum, taps.uses)),
            several=isinstance(layer, (list, tuple)),
        )
        self.activations = inputs
        self._upper: Upper | None = None
        self._tried = False
        super().__init__(above, inputs, target, (torch.arange(outer.batch),))

    def __call__(self, tensors: Iterable[Tensor], chunk: Chunk | None = None) -> Tensor:
        """Run the model once, from the layer on where that can be: see `Evaluations.__call__`."""
        if self._upper is None:
            return super().__call__(tensors, chunk)
        chunk = chunk or self.everything
        made(chunk.rows)
        return self.binding.picked(
            self._upper.run(self.binding.leaves(tensors, chunk.of_rows())), chunk
        )

    def rows_for(self, variants: int, differentiated: bool = False) -> int:
        """Return how many rows one evaluation takes; many are run from the layer on alone."""
        many = variants * self.inputs.batch >= WORTH_RECORDING and not self.small(variants)
        if differentiated and many and not self._tried and not self.coupled:
            self._tried = True
            self._learn()
        return super().rows_for(variants, differentiated)

    def _learn(self) -> None:
        """Find out how to run the model from the layer on, if that can be."""
        one, last = torch.tensor([0]), torch.tensor([0, self.inputs.batch - 1])
        few = self.binding.leaves([tensor[:1] for tensor in self.inputs.tensors], one)
        # Other numbers than those of the activations, so that what depends on them tells.
        more = self.binding.leaves([_other(tensor[last]) for tensor in self.inputs.tensors], last)
        try:
            self._upper = Upper(self.binding.run, few, more, len(self.inputs.tensors))
        except (NoProgramError, RuntimeError, ValueError, IndexError, TypeError):
            return  # then all of it runs each time
        made(3)

    @property
    def outer(self) -> Inputs:
        """The model's inputs."""
        return self._plain.inputs

    def lift(self, points: Iterable[Tensor], chunk: Chunk) -> tuple[Tensor, ...]:
        """Return the activations for points among the model's inputs: see `Forward.lift`."""
        with torch.no_grad():
            found = self._below.output(self._below.flat(points, chunk), chunk.of_rows())
        return tuple(t.unflatten(0, (chunk.copies, -1)) for t in by_row(found, chunk.rows))

    #: Whether baselines are of the activations themselves: see `ascribe.sites.FromLayer`.
    own_baselines = False

    def baselines(self, baselines: Any = None) -> tuple[Tensor, ...]:
        """Return the activations for baselines of the model's inputs, or baselines of their own."""
        if self.own_baselines:
            return self.inputs.baselines(baselines)
        return tuple(self._activations(self.outer.baselines(baselines)))

    def outer_scores(self, variants: int, vary: Vary) -> Tensor:
        """Return the model's scores of variants of its inputs, all of it being run."""
        with self._plain as plain:
            return plain.evaluate(variants, vary)

    @property
    def whole(self) -> Forward:
        """All of the model, bound to ``outer``."""
        return self._plain

    def gradients_within(
        self, points: Iterable[Tensor], chunk: Chunk
    ) -> tuple[list[Tensor], tuple[Tensor, ...]]:
        """Return activations, and the gradient of each target's score with respect to them.

        Each activation by itself: where one flows into another, so does its gradient.

        Parameters
        ----------
        points
            Where among the model's inputs: as `lift` takes them.
        chunk
            Which variants of which examples these are.

        Returns
        -------
        list of Tensor
            For each activation ``(rows, *features)``.
        tuple of Tensor
            For each activation ``(targets, rows, *features)``.
        """
        rows = self._plain.flat(points, chunk)

        def run() -> tuple[list[Tensor], Tensor]:
            return self._taps.watch(lambda: self._plain(rows, chunk), chunk.rows)

        return differentiated(run)

    def watched(self, points: Iterable[Tensor], chunk: Chunk) -> tuple[list[Tensor], Tensor]:
        """Return the activations, in the graph from the inputs on, and the scores."""
        leaves = as_leaves(self._plain.flat(points, chunk))

        def run() -> Tensor:
            return self._plain([leaf.clone() for leaf in leaves], chunk)

        return self._taps.watch(run, chunk.rows)

    def _activations(self, points: Sequence[Tensor]) -> list[Tensor]:
        """Return activations ``(batch, *features)`` for one point for each example."""
        below, parts = self._below, list[tuple[Tensor, ...]]()

        def given(chunk: Chunk) -> Iterator[Tensor]:
            return (below.part(point, chunk) for point in points)

        def work(chunk: Chunk) -> None:
            parts.append(tuple(tensor[0] for tensor in self.lift(given(chunk), chunk)))

        with below:
            if below.inputs.batch:
                below.run(1, below.rows_for(1), work)
            else:
                work(below.everything)
        return list(map(torch.cat, zip(*parts, strict=True)))


def _other(tensor: Tensor) -> Tensor:
    return tensor * 0.75 if tensor.is_floating_point() else tensor


def gradients_in(
    forward: Forward, forward_func: Callable[..., Any], layer: Any, of_inputs: bool
) -> tuple[Activations, tuple[Tensor, ...]]:
    """Return a layer's activations for the inputs, and gradients of each target's score there.

    In one pass, and each activation by itself: where one flows into another, so does its gradient.

    Parameters
    ----------
    forward, forward_func
        The model, bound to its inputs, and by itself.
    layer, of_inputs
        See `ascribe.sites.FromLayer`.

    Returns
    -------
    Activations
        ``(batch, *features)`` each.
    tuple of Tensor
        For each activation ``(targets, batch, *features)``.
    """
    taps = Taps(find_layers(forward_func, layer), of_inputs)
    parts: list[tuple[list[Tensor], tuple[Tensor, ...]]] = []

    def work(chunk: Chunk) -> None:
        rows = forward.flat(forward.part_of_inputs(chunk), chunk)
        found, gradients = differentiated(
            lambda: taps.watch(lambda: forward(rows, chunk), chunk.rows)
        )
        parts.append(([tensor.detach() for tensor in found], gradients))

    everything = forward.rows_for(1, differentiated=True)
    forward.check_independence(1, lambda chunk: forward.inputs.tensors, everything)
    if forward.inputs.batch:
        forward.run(1, everything, work)
    else:
        work(forward.everything)
    tensors = tuple(map(torch.cat, zip(*(found for found, _ in parts), strict=True)))
    gradients = tuple(torch.cat(g, 1) for g in zip(*(g for _, g in parts), strict=True))
    assert taps.uses is not None  # they were counted as they ran
    several = isinstance(layer, (list, tuple))
    counts = tuple(map(sum, taps.uses))
    return Activations(tensors, tuple, counts=counts, several=several), gradients


class NeuronForward(Forward):
    """A model bound to its inputs, with a neuron on the way watched.

    Parameters
    ----------
    forward_func
        The model.
    layer, of_inputs
        See `ascribe.sites.UpToNeuron`.
    selector
        The neuron: see `ascribe.targets.neuron`.
    inputs, target, additional_forward_args
        As `Forward` takes them.
    """

    def __init__(
        self,
        forward_func: Callable[..., Any],
        layer: Any,
        of_inputs: bool,
        selector: Any,
        inputs: Inputs,
        target: Any = None,
        additional_forward_args: Any = None,
    ) -> None:
        super().__init__(forward_func, inputs, target, additional_forward_args)
        self._taps = Taps(find_layers(forward_func, layer), of_inputs)
        self._pick = neuron(selector)

    def gradients_through(self, points: Iterable[Tensor], chunk: Chunk) -> tuple[Tensor, ...]:
        """Return the part of each gradient that flows through the neuron.

        Of several neurons, the sum over them of ``(dF / dy) (dy / dx)``.

        Parameters
        ----------
        points
            Where: for each input ``(variants, examples, *features)``.
        chunk
            Which variants of which examples these are.

        Returns
        -------
        tuple of Tensor
            For each input ``(targets, rows, *features)``.
        """
        rows = self.flat(points, chunk)
        with torch.inference_mode(False), torch.enable_grad():
            return without_parameters(lambda context: self._through(rows, chunk, context))

    def _through(
        self, rows: list[Tensor], chunk: Chunk, context: AbstractContextManager[Any]
    ) -> tuple[Tensor, ...]:
        leaves = [row.detach().clone().requires_grad_() for row in rows]
        with context:
            found, scores = self._taps.watch(
                lambda: self([leaf.clone() for leaf in leaves], chunk), chunk.rows
            )
        check_graph(scores)
        chosen = self._pick(found[0] if len(found) == 1 else tuple(found))
        shares = _vjp(chosen, torch.ones_like(chosen), found)
        each = []
        for score in scores:
            above = _vjp(score, torch.ones_like(score), found)
            flowing = [a * share for a, share in zip(above, shares, strict=True)]
            each.append(_vjp(found, flowing, leaves))
        return tuple(map(torch.stack, zip(*each, strict=True)))


def _vjp(outputs: Any, cotangents: Any, inputs: Sequence[Tensor]) -> list[Tensor]:
    found = torch.autograd.grad(
        outputs, inputs, cotangents, retain_graph=True, allow_unused=True, materialize_grads=True
    )
    return list(found)

"""Relevance: how a score is distributed down through a model, operation by operation.

What comes back through the graph is relevance itself. Operations that only move numbers move
relevance with them; each other has a rule. What biases, constants and stabilisers take is counted,
so that a sum that misses the score can be told from one that something hides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from ascribe import operations
from ascribe.batching import Chunk
from ascribe.calls import Call, running_module
from ascribe.errors import InputError
from ascribe.forward import Forward
from ascribe.gradient import differentiated
from ascribe.lrp_rules import EpsilonRule, PropagationRule, distribute, shared
from ascribe.relevance_rules import NORMS, RelevanceRule, mixed
from ascribe.rules import Rules, substitute
from ascribe.weighted import Weighted, merged, remember, source_of, weighted

#: Says which rule an operation with weights has: told the module that it runs in, and whether it is
#: the first to run.
Composite = Callable[[Weighted, nn.Module | None, bool], PropagationRule]

#: An operation with weights, in the model and by itself, its rule, its transpose, and its value.
_Step = tuple[Call, Weighted, PropagationRule, Callable[[Tensor], Tensor], Tensor]


@dataclass(frozen=True)
class Propagation:
    """How relevance goes through a model.

    Attributes
    ----------
    table
        Rules by an operation's name, for those without weights.
    composite
        The rules of those with weights.
    given
        Rules of the user's own, by name or by function.
    on_unsupported
        See `ascribe.rules.Rules`.
    """

    table: Mapping[str, RelevanceRule]
    composite: Composite
    given: Mapping[Any, RelevanceRule]
    on_unsupported: str = "error"

    def relevances(
        self, forward: Forward, points: Sequence[Tensor], chunk: Chunk
    ) -> tuple[tuple[Tensor, ...], Tensor, Tensor]:
        """Return relevances, the scores, and how much of them is absorbed on the way.

        Parameters
        ----------
        forward
            The model.
        points
            Where among the model's inputs, as `Forward.lift` takes them.
        chunk
            Which variants of which examples these are.

        Returns
        -------
        tuple of Tensor
            For each tensor that is attributed ``(targets, rows, *features)``.
        Tensor
            ``(targets, rows)``.
        Tensor
            What biases, constants and stabilisers take, of all rows together: ``(targets,)``.
        """
        seeds: list[Tensor] = []
        passes: list[_Relevance] = []

        def run() -> tuple[list[Tensor], Tensor]:
            rules = _Relevance(self, forward.modules)
            with rules:
                found, scores = forward.watched(points, chunk)
            rules.check_hidden(scores)
            seeds[:], passes[:] = [scores.detach()], [rules]
            return found, rules.seeded(scores)

        _, relevances = differentiated(run)
        return relevances, seeds[0], torch.stack(passes[0].absorbed)


class _Relevance(Rules):
    """Gives each operation its rule, and counts what is absorbed in each backward pass."""

    def __init__(self, made_with: Propagation, modules: Sequence[nn.Module]) -> None:
        super().__init__(made_with.table, modules, made_with.given, NORMS, made_with.on_unsupported)
        self._composite = made_with.composite
        self._first = True
        self.absorbed: list[Tensor] = []

    def seeded(self, scores: Tensor) -> Tensor:
        """Return scores whose gradient is the score itself: with it each backward pass begins."""
        values = scores.detach()

        def pull(cotangent: Tensor) -> Tensor:
            self.absorbed.append(values.new_zeros((), dtype=torch.float64))
            return cotangent * values

        call = Call("", torch.clone, [scores], None, [0])
        return substitute(call, values.clone(), pull)

    def absorb(self, amount: Tensor) -> None:
        """Count what an operation takes and does not hand on."""
        self.absorbed[-1] = self.absorbed[-1] + amount.to(self.absorbed[-1])

    def native(self, call: Call) -> bool:
        return call.name in operations.MOVING

    def passed(self, call: Call) -> Any:
        if operations.in_place(call.func) or call.name == "__setitem__":
            return call.run()
        places = set(call.places)
        for place, leaf in enumerate(call.leaves):
            if place not in places and isinstance(leaf, Tensor) and leaf.is_floating_point():
                call.leaves[place] = _Sink.apply(  # type: ignore[no-untyped-call]
                    leaf, call.operand, self.absorb
                )
        return call.run()

    def _ruled(self, call: Call, own: Any) -> Any:
        if own is None and call.name == "div" and "div" in self._table:
            return self.treat(call, self._table["div"])
        if own is None and weighted(call) is not None and not operations.simpler(call):
            return self._through(call)
        if own is None and operations.is_linear(call):
            return self.treat(call, mixed)
        return super()._ruled(call, own)

    def treat(self, call: Call, rule: RelevanceRule) -> Any:
        with torch.no_grad():
            value, pull = rule(call)

        def counted(relevance: Tensor) -> Any:
            handed_on = pull(relevance)
            parts = [handed_on] if isinstance(handed_on, Tensor) else handed_on
            if [id(part) for part in parts] != [id(relevance)]:  # that hands on all, as it is
                self.absorb(_sum(relevance) - sum(map(_sum, parts)))
            return handed_on

        return substitute(call, value, counted)

    def _through(self, call: Call) -> Any:
        """Return the value of an operation with weights, with a propagation rule attached."""
        step = self._with_norm(call) or self._alone(call)
        of, layer, rule, back, value = step
        # The model may write to what it gets.
        kept = value.clone() if type(rule) is EpsilonRule else value

        def pull(relevance: Tensor) -> Tensor:
            with torch.no_grad():
                if type(rule) is EpsilonRule:  # what `distribute` does, with nothing run again
                    shares, lost = shared(relevance, kept, layer.bias, rule.epsilon)
                    handed_on = layer.x * back(shares)
                else:
                    parts = rule.parts(layer)
                    if parts is None:
                        return _as_it_is(relevance, layer)
                    handed_on, lost = distribute(rule, parts, layer, relevance)
                self.absorb(lost)
                return handed_on

        made = substitute(of, value, pull)
        if call.name != "batch_norm":
            remember(made, step)
        return made

    def _alone(self, call: Call) -> _Step:
        operand = call.operand.detach().clone()
        value, pull = call.differentiate([operand], private=True)
        private = replace(call, leaves=list(call.leaves))
        private.leaves[call.places[0]] = operand
        layer = weighted(private)
        assert layer is not None
        return call, layer, self._chosen(layer), lambda shares: pull(shares)[0], value

    def _with_norm(self, norm: Call) -> _Step | None:
        """Return a batch norm joined with the operation right before it, if there is one."""
        before = source_of(norm.operand) if norm.name == "batch_norm" else None
        joined = merged(before[1], norm) if before is not None else None
        alone = weighted(norm)
        if before is None or joined is None or alone is None:
            return None
        call, _, rule, back, _ = before
        value = norm.run([norm.operand.detach()])
        return call, joined, rule, lambda shares: back(shares * alone.weight), value

    def _chosen(self, layer: Weighted) -> PropagationRule:
        first, self._first = self._first, False
        module = running_module()
        rule = getattr(module, "rule", None)
        if rule is None:
            return self._composite(layer, module, first)
        if not isinstance(rule, PropagationRule):
            raise InputError(
                f"a module's rule must be one of ascribe.attr's, such as EpsilonRule(), but is "
                f"{rule!r}"
            )
        return rule


def _sum(relevance: Tensor) -> Tensor:
    return relevance.sum(dtype=torch.float64)


def _as_it_is(relevance: Tensor, layer: Weighted) -> Tensor:
    if relevance.shape != layer.x.shape:
        raise InputError(
            f"IdentityRule needs outputs of the shape of what goes in, but {layer.call.name} gives "
            f"{tuple(relevance.shape)} of {tuple(layer.x.shape)}"
        )
    return relevance


class _Sink(torch.autograd.Function):
    """Hands on a constant, and counts the relevance that comes back to it."""

    ours = True

    @staticmethod
    def forward(ctx: Any, constant: Tensor, anchor: Tensor, absorb: Callable[..., None]) -> Tensor:
        ctx.absorb = absorb
        return constant.clone()

    @staticmethod
    def backward(ctx: Any, *relevances: Tensor) -> Any:
        ctx.absorb(_sum(relevances[0]))
        return None, None, None

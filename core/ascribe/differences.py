"""Multipliers: how differences from a reference go through a model, operation by operation.

The model runs twice, at the reference and at the inputs. The first run notes the operands of each
operation; the second finds each again, so an operation's rule knows both its differences. Linear
operations have their own gradient. Runs that do not match (another path through the model, another
mask, a random draw) are errors, for no multiplier would be right.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from ascribe.batching import Chunk
from ascribe.calls import Call
from ascribe.difference_rules import DifferenceRule, NoRule
from ascribe.forward import Forward
from ascribe.gradient import differentiated
from ascribe.notes import note
from ascribe.reveal_cancel import reveal_cancel, through
from ascribe.rules import Rules, substitute
from ascribe.weighted import merged, remember, source_of, weighted

#: What share of the magnitudes involved completeness may miss, by bits of the scores, before
#: something must be hidden from the rules.
HIDDEN = {16: 0.1, 32: 1e-2, 64: 1e-6}


#: What to do about a model that goes another way for inputs than for baselines.
OTHER_WAY = (
    "choose baselines that go the same way through the model, or a method that follows a path "
    "between the two, such as IntegratedGradients"
)


@dataclass(frozen=True)
class Differences:
    """What multipliers are made with.

    Attributes
    ----------
    table
        Rules by an operation's name.
    given
        Rules of the user's own, by name or by function.
    on_unsupported
        See `ascribe.rules.Rules`.
    """

    table: Mapping[str, DifferenceRule]
    given: Mapping[Any, DifferenceRule]
    on_unsupported: str = "error"

    def multipliers(
        self, forward: Forward, starts: Sequence[Tensor], ends: Sequence[Tensor], chunk: Chunk
    ) -> tuple[list[Tensor], list[Tensor], tuple[Tensor, ...], Tensor, Tensor]:
        """Return where differences begin and end, their multipliers, and the score's difference.

        Parameters
        ----------
        forward
            The model.
        starts, ends
            Points among the model's inputs: for each input a tensor that broadcasts to
            ``(variants, examples, *features)``.
        chunk
            Which variants of which examples these are.

        Returns
        -------
        list of Tensor
            The reference: for each tensor that is attributed ``(rows, *features)``.
        list of Tensor
            The same at the inputs.
        tuple of Tensor
            Multipliers: ``(targets, rows, *features)`` for each.
        Tensor
            The difference of the scores: ``(targets, rows)``.
        Tensor
            The magnitudes of both scores, added up: ``(targets, rows)``.
        """
        found: list[Any] = []

        def run() -> tuple[list[Tensor], Tensor]:
            pairs = _Pairs(self, forward.modules)
            with pairs:
                at_start, before = forward.watched(starts, chunk)
            before = before.detach()
            pairs.recording = False
            with pairs:
                at_end, after = forward.watched(ends, chunk)
            pairs.check_ended()
            pairs.check_hidden(after)
            end = after.detach()
            found[:] = [[t.detach() for t in at_start], end - before, end.abs() + before.abs()]
            return at_end, after

        at_end, multipliers = differentiated(run)
        at_start, change, magnitude = found
        return at_start, [t.detach() for t in at_end], multipliers, change, magnitude


def _source(call: Call, reference: Call) -> Any:
    """Return an operation with weights, a batch norm after it included, at both points."""
    before = source_of(call.operand) if call.name == "batch_norm" else None
    if before is not None:
        both = [merged(one, norm) for one, norm in zip(before, (call, reference), strict=True)]
        if None not in both:
            return tuple(both)
    return weighted(call), weighted(reference)


class _Pairs(Rules):
    """Notes each operation of a first run, and finds it again in a second."""

    def __init__(self, made_with: Differences, modules: Sequence[nn.Module]) -> None:
        super().__init__(
            made_with.table, modules, made_with.given, on_unsupported=made_with.on_unsupported
        )
        self.recording = True
        self._sources = reveal_cancel in made_with.table.values()
        self._noted: deque[tuple[Call, int]] = deque()
        self._state = {
            tensor.untyped_storage().data_ptr()
            for module in modules
            for tensor in (*module.parameters(recurse=False), *module.buffers(recurse=False))
        }

    def passed(self, call: Call) -> Any:
        weighs = self._sources and weighted(call) is not None
        if self.recording:
            self._note(call, operands=weighs)
            return call.run()
        reference = self._match(call)
        value = call.run()
        if weighs:
            remember(value, _source(call, reference))
        return value

    def treat(self, call: Call, rule: DifferenceRule) -> Any:
        if self.recording:
            self._note(call, operands=True)
            with torch.no_grad():
                value = call.run()
            return substitute(call, value, _never)
        reference = self._match(call)
        source = source_of(call.operand)
        of = call
        try:
            with torch.no_grad():
                if rule is reveal_cancel and source is not None:
                    of = source[0].call
                    value, pull = through(call, reference, *source)
                else:
                    value, pull = rule(call, reference)
        except NoRule as error:
            return self.refuse(call, str(error))
        return substitute(of, value, pull)

    def check_ended(self) -> None:
        """Refuse a run that ended before the other did."""
        if self._noted:
            call, _ = self._noted[0]
            self.refuse(call, "runs for the baselines alone, not for the inputs", OTHER_WAY)

    def _match(self, call: Call) -> Call:
        """Return what the first run did here."""
        reference, versions = self._noted.popleft() if self._noted else (None, 0)
        if reference is None or _form(reference) != _form(call):
            self._on_unsupported = "error"  # nothing else is sound
            other = "nothing" if reference is None else reference.name
            why = f"runs for the inputs where {other} runs for the baselines"
            self.refuse(call, why, OTHER_WAY)
        assert reference is not None
        pairs = zip(call.leaves, reference.leaves, strict=True)
        constants = [pair for number, pair in enumerate(pairs) if number not in call.places]
        if versions != self._versions(call) or not all(_same(*pair) for pair in constants):
            self.refuse(
                call,
                "takes another constant for the inputs than for the baselines, which depends on "
                "them without a gradient (a mask, detach, argmax or item), or at random",
                "write it with operations that have a gradient (torch.relu, say), or make the "
                "method with on_unsupported='gradient' to take it as a constant",
            )
        return reference

    def _note(self, call: Call, operands: bool) -> None:
        """Note a call with copies of its tensors; state of the model is shared."""
        kept = list(call.leaves)
        for place, leaf in enumerate(kept):
            if place in call.places:
                kept[place] = leaf.detach().clone() if operands else None
            elif isinstance(leaf, Tensor) and not self._is_state(leaf):
                kept[place] = leaf.clone()
        self._noted.append((replace(call, leaves=kept), self._versions(call)))

    def _is_state(self, tensor: Tensor) -> bool:
        return tensor.untyped_storage().data_ptr() in self._state

    def _versions(self, call: Call) -> int:
        """Return a number that changes when the model writes to its state that a call takes."""
        tensors = (leaf for leaf in call.leaves if isinstance(leaf, Tensor))
        return sum(t._version for t in tensors if self._is_state(t) and not t.is_inference())


def _form(call: Call) -> tuple[str, list[int], int]:
    return call.name, call.places, len(call.leaves)


def _never(cotangent: Tensor) -> Any:
    raise AssertionError("the run at the reference has no backward pass")


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        if one is other or (one.shape == other.shape and one.data_ptr() == other.data_ptr()):
            return True
        return one.shape == other.shape and torch.equal(one, other)
    return bool(one is other or one == other)


def check_completeness(gap: Tensor, scale: Tensor) -> None:
    """Warn where a sum of contributions misses the difference of scores by more than rounding.

    Parameters
    ----------
    gap
        By how much: ``(targets, batch)``.
    scale
        The magnitudes involved, of the same shape.
    """
    allowed = HIDDEN[torch.finfo(gap.dtype).bits] * scale
    if gap.numel() and not bool((gap.abs() <= allowed).all()):
        worst = float((gap.abs() / scale).nan_to_num(float("inf")).max())
        note(
            f"the attributions miss the change of the score by {worst:.2g} of the magnitudes "
            f"involved: something in the model is hidden from the rules (a scripted or compiled "
            f"part, another language), examples of a batch affect one another, or a number is not "
            f"finite",
            stacklevel=3,
        )

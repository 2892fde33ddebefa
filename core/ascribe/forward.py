"""The model as an algorithm may see it: tensors in, scores out, nothing left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import cached_property
from types import TracebackType
from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from ascribe import batching
from ascribe.batching import Chunk
from ascribe.binding import Binding
from ascribe.errors import InputError
from ascribe.guard import modules_in, untouched, warn_if_training
from ascribe.inputs import Inputs
from ascribe.targets import Targets

#: How many tensors of the largest size a pass without gradients holds at a time.
TENSORS_HELD = 4

#: How many memory budgets a pass with gradients may keep: it is slower, and worth the room.
GRADIENT_BUDGETS = 2

Vary = Callable[[Chunk], tuple[Tensor, ...]]


class Forward:
    """A model bound to inputs, targets and additional arguments.

    A context manager: outside its block the model and the random state are as they were before.
    Scores carry a leading axis of targets, of length one for a lone target, throughout; `pack`
    takes it off again.

    Parameters
    ----------
    forward_func
        The model: any callable.
    inputs
        What is attributed.
    target, additional_forward_args
        See `ascribe.binding.Binding`.

    Attributes
    ----------
    inputs : Inputs
    several : bool
        True where the caller gave `Targets`, and results keep their axis of targets.
    coupled : bool
        True where rows of a batch depend on one another (the model returns one number for the
        whole batch, or a batch norm is in training mode): batches are then never cut or joined.
    """

    def __init__(
        self,
        forward_func: Callable[..., Any],
        inputs: Inputs,
        target: Any = None,
        additional_forward_args: Any = None,
    ) -> None:
        self.inputs = inputs
        self._binding = Binding(forward_func, inputs, target, additional_forward_args)
        self.several = isinstance(target, Targets)
        self._modules = modules_in(forward_func)
        self._stack = ExitStack()
        self._meter: tuple[float, float] | None = None
        self.coupled = any(m.training and isinstance(m, _BatchNorm) for m in self._modules)

    def __enter__(self) -> Forward:
        warn_if_training(self._modules)
        self._stack.enter_context(untouched(self._modules))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def targets(self) -> int:
        """The number of targets."""
        return self._binding.targets

    def __call__(self, tensors: Iterable[Tensor], chunk: Chunk | None = None) -> Tensor:
        """Run the model once.

        Parameters
        ----------
        tensors
            One for each input, of shape ``(rows, *features)``.
        chunk
            Which variants of which examples the rows are, variant by variant; by default each
            example once.

        Returns
        -------
        Tensor
            Scores of shape ``(targets, rows)``, or ``(targets, 1)`` from a model that returns one
            number for the whole batch.

        Raises
        ------
        TargetError
            If a target does not choose one score for each row.
        """
        return self._binding.scores(tensors, chunk or self.everything)

    @property
    def everything(self) -> Chunk:
        """The chunk that holds each example once."""
        return Chunk(slice(0, 1), slice(0, self.inputs.batch))

    @cached_property
    def scores(self) -> Tensor:
        """The model's scores of the inputs: ``(targets, batch)``, or ``(targets, 1)`` if coupled.

        In single precision at least.
        """
        if self.inputs.batch == 0:
            return torch.zeros(self.targets, 0, device=self.inputs.tensors[0].device)
        parts: list[Tensor] = []
        whole = [self.everything]
        batching.run(whole, lambda chunk: parts.append(self._measured(chunk)), not self.coupled)
        scores = torch.cat(parts, dim=1)
        if scores.shape[1] != self.inputs.batch:
            self.coupled = True
            if len(parts) > 1:
                raise MemoryError(
                    "the model returns one score for the whole batch, which does not fit in memory"
                )
        return at_least_single(scores)

    def output(self) -> Any:
        """Return what the model returns for the inputs, before a target chooses from it."""
        with torch.no_grad():
            copies = [tensor.clone() for tensor in self.inputs.tensors]
            return self._binding.output(copies, self.everything)

    def rows_that_fit(self, differentiated: bool = False) -> int:
        """Return how many rows fit in the memory budget, with or without gradients."""
        if self.inputs.batch == 0:
            return 1
        if self._meter is None:
            self._measured(Chunk(slice(0, 1), slice(0, 1)))
        assert self._meter is not None
        largest, total = self._meter
        budget = batching.memory_budget(self.inputs.tensors[0].device)
        if differentiated:
            return max(1, int(GRADIENT_BUDGETS * budget / total))
        return max(1, int(budget / TENSORS_HELD / largest))

    def _measured(self, chunk: Chunk) -> Tensor:
        """Return the scores of a chunk of the inputs and note the memory that they took."""
        tensors = [tensor[chunk.examples].clone() for tensor in self.inputs.tensors]
        with batching.MemoryMeter() as meter, torch.no_grad():
            scores = self(tensors, chunk)
        own = sum(tensor.nbytes for tensor in tensors) or 1
        self._meter = (max(meter.largest, own) / chunk.rows, (meter.total + own) / chunk.rows)
        return scores

    def evaluate(
        self,
        variants: int,
        vary: Vary,
        perturbations_per_eval: int | None = None,
        show_progress: bool = False,
        description: str = "",
    ) -> Tensor:
        """Run the model on variants of the inputs, without gradients.

        Parameters
        ----------
        variants
            How many there are of each example.
        vary
            Returns a chunk of them: for each input a tensor that broadcasts to ``(variants,
            examples, *features)`` of the chunk.
        perturbations_per_eval
            How many variants of the whole batch one evaluation takes; by default as many as fit
            in the memory budget, and parts of a batch where it does not fit.
        show_progress
            Show a progress bar, which counts model evaluations of one example.
        description
            What the bar is called.

        Returns
        -------
        Tensor
            Scores of shape ``(targets, variants, batch)``, or ``(targets, variants, 1)`` from a
            model that returns one number for the whole batch; in single precision at least.
        """
        clean = self.scores  # also measures memory, and finds out whether the model is coupled
        table = clean.new_empty((self.targets, variants, clean.shape[1]))
        rows = check_count(perturbations_per_eval, "perturbations_per_eval")
        limit = self.rows_that_fit() if rows is None else rows * self.inputs.batch

        @torch.no_grad()
        def work(chunk: Chunk) -> None:
            scores = self(self.flat(vary(chunk), chunk), chunk)
            self.check_rows(scores, chunk)
            examples = chunk.examples if scores.shape[1] == chunk.rows else slice(0, 1)
            table[:, chunk.variants, examples] = scores.to(table).unflatten(1, (chunk.copies, -1))

        with batching.progress(variants * self.inputs.batch, description, show_progress) as bar:
            self.run(variants, limit, work, bar)
        return table

    def run(
        self,
        variants: int,
        rows: int,
        work: Callable[[Chunk], None],
        advance: Callable[[int], Any] = lambda rows: None,
    ) -> None:
        """Do the work for all variants of all examples in chunks of at most ``rows`` rows."""
        if not self.coupled:
            try:
                batching.run(
                    batching.chunks(variants, self.inputs.batch, rows), work, advance=advance
                )
            except _Coupled:  # found out at the first chunk: nothing has been done yet
                self.coupled = True
        if self.coupled:
            one_by_one = batching.chunks(variants, self.inputs.batch, self.inputs.batch)
            batching.run(one_by_one, work, divisible=False, advance=advance)

    def check_rows(self, scores: Tensor, chunk: Chunk) -> None:
        """Start anew with coupled batches where rows turn out to share one score."""
        if scores.shape[1] != chunk.rows and not self.coupled:
            raise _Coupled

    def flat(self, tensors: Iterable[Tensor], chunk: Chunk) -> list[Tensor]:
        """Return variants ``(variants, examples, *features)`` as rows that a model may write to."""
        own = {tensor.untyped_storage().data_ptr() for tensor in self.inputs.tensors}
        shape = (chunk.copies, chunk.rows // chunk.copies)
        flat = []
        for tensor, like in zip(tensors, self.inputs.tensors, strict=True):
            rows = tensor.expand(*shape, *like.shape[1:]).flatten(0, 1).contiguous()
            flat.append(rows.clone() if rows.untyped_storage().data_ptr() in own else rows)
        return flat

    def part(self, tensor: Tensor, chunk: Chunk) -> Tensor:
        """Return what a chunk needs of a tensor with one entry for each example or for all."""
        return tensor[None] if len(tensor) != self.inputs.batch else tensor[None, chunk.examples]

    def scores_at(self, tensors: Iterable[Tensor]) -> Tensor:
        """Return the scores at other points, each of the inputs' shape or with a batch of one."""
        points = tuple(tensors)
        return self.evaluate(1, lambda chunk: tuple(self.part(p, chunk) for p in points))[:, 0]

    def baselines(self, baselines: Any = None) -> tuple[Tensor, ...]:
        """Return one baseline for each input that broadcasts to it; see `Inputs.baselines`."""
        return self.inputs.baselines(baselines)

    def pack(self, attributions: Iterable[Tensor]) -> Any:
        """Return attributions, ``(targets, batch, *features)`` for each input, as the caller's.

        The result has the form and dtype of the inputs (that of the scores, where inputs are
        integers), and no target axis where the caller asked for a lone target.
        """
        packed = []
        for attribution, tensor in zip(attributions, self.inputs.tensors, strict=True):
            dtype = tensor.dtype if tensor.is_floating_point() else attribution.dtype
            attribution = attribution.detach().to(dtype)
            packed.append(attribution if self.several else attribution[0])
        return self.inputs.pack(packed)

    def pack_scores(self, scores: Tensor) -> Tensor:
        """Return a number for each target and example as the caller's: see `pack`."""
        return scores if self.several else scores[0]


class _Coupled(Exception):  # noqa: N818 - a finding, not an error
    """The rows of one evaluation turned out to share one score."""


def at_least_single(tensor: Tensor) -> Tensor:
    """Return a tensor in float32 where it is less precise, and as it is elsewhere."""
    return tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.float()


def check_count(count: Any, what: str) -> int | None:
    """Return a count that must be None or a positive integer."""
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
        raise InputError(f"{what} must be None or an integer of at least 1, but is {count!r}")
    return count

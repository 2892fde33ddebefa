"""The model as an algorithm may see it: tensors in, scores out, nothing left behind."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack
from functools import cached_property, partial
from numbers import Integral
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor

from ascribe import batching, replay
from ascribe.batching import Chunk
from ascribe.errors import AscribeWarning, InputError
from ascribe.evaluations import Evaluations, Vary, at_least_single
from ascribe.guard import untouched, warn_if_training
from ascribe.inputs import Inputs
from ascribe.rehearsal import rehearsing
from ascribe.targets import Targets

#: Makes a progress bar, whose block is given what advances it.
Bar = Callable[[], AbstractContextManager[Callable[[int], Any]]]


class Forward(Evaluations):
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
        whole batch, or something in it mixes examples): batches are then never cut or joined.
    """

    def __init__(
        self,
        forward_func: Callable[..., Any],
        inputs: Inputs,
        target: Any = None,
        additional_forward_args: Any = None,
    ) -> None:
        super().__init__(forward_func, inputs, target, additional_forward_args)
        self.several = isinstance(target, Targets)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
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

    @cached_property
    def scores(self) -> Tensor:
        """The model's scores of the inputs: ``(targets, batch)``, or ``(targets, 1)`` if coupled.

        In single precision at least.
        """
        if self.inputs.batch == 0:
            return torch.zeros(self.targets, 0, device=self.inputs.tensors[0].device)
        small = self.small(1)
        rows = self.inputs.batch if small or self.coupled else self.rows_that_fit()
        planned = batching.chunks(1, self.inputs.batch, rows)
        parts: list[Tensor] = []
        score = self._clean if small else self._measured
        batching.run(planned, lambda chunk: parts.append(score(chunk)), divisible=not self.coupled)
        if len(parts) > len(planned):  # memory ran out: was the batch to be cut at all?
            self.probe()
        scores = torch.cat(parts, dim=1)
        if len(parts) > 1 and self.coupled:
            raise MemoryError("the rows of a batch share a score, and do not fit in memory at once")
        self.coupled = self.coupled or scores.shape[1] != self.inputs.batch
        return at_least_single(scores)

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
        recorded = self._recorded(variants, vary)
        clean = self.scores  # also finds out whether the model is coupled
        table = clean.new_empty((self.targets, variants, clean.shape[1]))
        most = check_count(perturbations_per_eval, "perturbations_per_eval")
        if rehearsing(variants * self.inputs.batch):
            return table.zero_()
        bar = partial(batching.progress, variants * self.inputs.batch, description, show_progress)
        if recorded is not None and not self.coupled:
            rows = max(self.rows_that_fit(), replay.CPU_ROWS) if most is None else most
            with bar() as advance:
                if recorded.fill(table, rows, advance):
                    return table
        self._evaluated(table, vary, most, bar)
        return table

    def _recorded(self, variants: int, vary: Vary) -> replay.Replay | None:
        """Return the model's runs, recorded, where many variants are wanted."""
        if rehearsing(0) or not replay.worthwhile(self, variants):
            return None
        batch = self.inputs.batch
        if batch > 1 and (self.scores.shape[1] != batch or self.coupled):
            return None
        recorded = replay.Replay(self, vary, variants)
        if batch == 1:  # then it has run the clean batch
            self.note_memory(recorded.memory, 1)
            self.__dict__.setdefault("scores", at_least_single(recorded.clean))
        self.coupled = self.coupled or recorded.coupled
        return recorded

    def _evaluated(self, table: Tensor, vary: Vary, most: int | None, bar: Bar) -> None:
        """Fill a table of scores by the model itself."""
        variants = table.shape[1]
        limit = self.rows_for(variants) if most is None else most * self.inputs.batch
        self.check_independence(variants, vary, limit)

        @torch.no_grad()
        def work(chunk: Chunk) -> None:
            scores = self(self.flat(vary(chunk), chunk), chunk)
            examples = chunk.examples if scores.shape[1] == chunk.rows else slice(0, 1)
            table[:, chunk.variants, examples] = scores.to(table).unflatten(1, (chunk.copies, -1))

        with bar() as advance:
            self.run(variants, limit, work, advance)

    @property
    def outer(self) -> Inputs:
        """What the model is called with: ``inputs``, unless those are a layer's activations."""
        return self.inputs

    def lift(self, points: Iterable[Tensor], chunk: Chunk) -> tuple[Tensor, ...]:
        """Return points among the model's inputs as points among what is attributed.

        Parameters
        ----------
        points
            For each of ``outer`` a tensor that broadcasts to ``(variants, examples, *features)``.
        chunk
            Which variants of which examples these are.
        """
        return tuple(points)

    def part_of_inputs(self, chunk: Chunk) -> tuple[Tensor, ...]:
        """Return what a chunk needs of the model's inputs."""
        return tuple(self.part(tensor, chunk) for tensor in self.outer.tensors)

    def watched(self, points: Iterable[Tensor], chunk: Chunk) -> tuple[list[Tensor], Tensor]:
        """Return what is attributed, in a graph, and the scores that come of it.

        Parameters
        ----------
        points
            Where among the model's inputs: as `lift` takes them.
        chunk
            Which variants of which examples these are.

        Returns
        -------
        list of Tensor
            For each tensor that is attributed ``(rows, *features)``.
        Tensor
            ``(targets, rows)``.
        """
        leaves = as_leaves(self.flat(points, chunk))
        return leaves, self([leaf.clone() for leaf in leaves], chunk)

    @property
    def whole(self) -> Forward:
        """All of the model, bound to ``outer``."""
        return self

    def outer_scores(self, variants: int, vary: Vary) -> Tensor:
        """Return the model's scores of variants of ``outer``: see `evaluate`."""
        return self.evaluate(variants, vary)

    def scores_at_baselines(self, baselines: Any = None) -> Tensor:
        """Return the model's scores of baselines of ``outer``: ``(targets, batch)``."""
        points = self.outer.baselines(baselines)

        def copies(chunk: Chunk) -> tuple[Tensor, ...]:
            # These may be the caller's own, and the model may write to them.
            return tuple(self.part(point, chunk).clone() for point in points)

        return self.outer_scores(1, copies)[:, 0]

    def baselines(self, baselines: Any = None) -> tuple[Tensor, ...]:
        """Return one baseline for each input that broadcasts to it; see `Inputs.baselines`."""
        return self.inputs.baselines(baselines)

    def pack(self, attributions: Iterable[Tensor]) -> Any:
        """Return attributions, ``(targets, batch, *features)`` for each input, as the caller's.

        The result has the form and dtype of the inputs (that of the scores, where inputs are
        integers), and no target axis where the caller asked for a lone target.
        """
        return packed(self.inputs, attributions, self.several)

    def unpack(self, attributions: Any) -> list[Tensor]:
        """Return the caller's attributions as ``(targets, batch, *features)``: undo `pack`.

        Raises
        ------
        InputError
            If they do not have the shape of the inputs.
        """
        lead = (self.targets,) if self.several else ()
        given = self.inputs.per_input(attributions, "attributions")
        for attribution, tensor in zip(given, self.inputs.tensors, strict=True):
            if tuple(attribution.shape) != (*lead, *tensor.shape):
                raise InputError(
                    f"attributions must have the shape {(*lead, *tensor.shape)} of the inputs, "
                    f"but have {tuple(attribution.shape)}"
                )
        return list(given) if self.several else [a[None] for a in given]

    def pack_scores(self, scores: Tensor) -> Tensor:
        """Return a number for each target and example as the caller's: see `pack`."""
        return scores if self.several else scores[0]


def packed(inputs: Inputs, attributions: Iterable[Tensor], several: bool) -> Any:
    """Return attributions to inputs as the caller's: see `Forward.pack`."""
    made = []
    for attribution, tensor in zip(attributions, inputs.tensors, strict=True):
        dtype = tensor.dtype if tensor.is_floating_point() else attribution.dtype
        attribution = _converted(attribution.detach(), dtype)
        made.append(attribution if several else attribution[0])
    return inputs.pack(made)


def as_leaves(tensors: Iterable[Tensor]) -> list[Tensor]:
    """Return copies of tensors as leaves of a graph, where they are floating point."""
    copies = [tensor.detach().clone() for tensor in tensors]
    return [copy.requires_grad_() if copy.is_floating_point() else copy for copy in copies]


def _converted(attribution: Tensor, dtype: torch.dtype) -> Tensor:
    converted = attribution.to(dtype)
    if bool((converted.isinf() & ~attribution.isinf()).any()):
        warnings.warn(
            f"attributions are too large for {dtype} and became infinite; use wider inputs",
            AscribeWarning,
            stacklevel=4,
        )
    return converted


def check_count(count: Any, what: str) -> int | None:
    """Return a count that must be None or a positive integer."""
    if count is None:
        return None
    if isinstance(count, bool) or not isinstance(count, Integral) or count < 1:
        raise InputError(f"{what} must be None or an integer of at least 1, but is {count!r}")
    return int(count)

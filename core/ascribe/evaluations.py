"""Evaluations of a bound model: how many rows share one, and whether they may."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ascribe import batching
from ascribe.batching import Chunk
from ascribe.binding import Binding
from ascribe.errors import AscribeWarning
from ascribe.guard import modules_in
from ascribe.inputs import Inputs
from ascribe.rehearsal import made

#: How many tensors of the largest size a pass without gradients holds at a time.
TENSORS_HELD = 4

#: Work this small is run at once, without measuring first what it takes: so few rows of so few
#: bytes in all, or so few bytes.
FEW_ROWS, FEW_ROWS_BYTES, SMALL_BYTES = 8, 2**23, 2**18

#: By what share of the largest score sharing an evaluation may change another, by bits of the
#: scores: other kernels round otherwise.
COUPLING = {32: 1e-3, 64: 1e-8}

Vary = Callable[[Chunk], tuple[Tensor, ...]]


class Evaluations:
    """Runs a bound model on rows, as many at a time as fit and as may share an evaluation.

    Parameters
    ----------
    forward_func
        The model: any callable.
    inputs
        What is attributed.
    target, additional_forward_args
        See `ascribe.binding.Binding`.
    """

    def __init__(
        self,
        forward_func: Callable[..., Any],
        inputs: Inputs,
        target: Any = None,
        additional_forward_args: Any = None,
    ) -> None:
        self.inputs = inputs
        self.binding = Binding(forward_func, inputs, target, additional_forward_args)
        self._modules = modules_in(forward_func)
        self._meter: tuple[float, float] | None = None
        self._whole: Tensor | None = None  # the scores of the inputs, once they are known
        self._probed = False
        self.coupled = any(map(_couples, self._modules))

    @property
    def modules(self) -> list[nn.Module]:
        """The model's modules, the outermost first."""
        return self._modules

    @property
    def targets(self) -> int:
        """The number of targets."""
        return self.binding.targets

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
        chunk = chunk or self.everything
        made(chunk.rows)
        return self.binding.scores(tensors, chunk)

    def output(self, tensors: Iterable[Tensor], examples: Tensor) -> Any:
        """Return what the model returns for rows of which ``examples`` tells whose they are."""
        return self.binding.output(tensors, examples)

    @property
    def everything(self) -> Chunk:
        """The chunk that holds each example once."""
        return Chunk(slice(0, 1), slice(0, self.inputs.batch))

    def small(self, variants: int) -> bool:
        """Whether so many variants of the inputs are too small to be worth measuring."""
        size = variants * sum(tensor.nbytes for tensor in self.inputs.tensors)
        few = variants * self.inputs.batch <= FEW_ROWS and size <= FEW_ROWS_BYTES
        return few or size <= SMALL_BYTES

    def rows_that_fit(self, differentiated: bool = False) -> int:
        """Return how many rows fit in the memory budget, with or without gradients."""
        if self._meter is None:
            self.probe()
        if self.coupled or self._meter is None:  # batches are not cut then
            return max(1, self.inputs.batch)
        largest, total = self._meter
        budget = batching.memory_budget(self.inputs.tensors[0].device)
        if differentiated:
            return max(1, int(budget / total))
        return max(1, int(budget / TENSORS_HELD / largest))

    def rows_for(self, variants: int, differentiated: bool = False) -> int:
        """Return how many rows one evaluation of so many variants should take."""
        everything = variants * self.inputs.batch
        return everything if self.small(variants) else self.rows_that_fit(differentiated)

    def probe(self) -> None:
        """Run two examples, to measure memory and to find out whether they are independent.

        A batch must not be cut before that is known.
        """
        if self._probed or self.coupled or not self.inputs.batch:
            return
        self._probed = True
        one, two = (Chunk(slice(0, 1), slice(0, rows)) for rows in (1, 2))
        alone = self._measured(one)
        if self.inputs.batch == 1:
            return
        try:
            self._compare(self._measured(two), alone, "examples")
        except (RuntimeError, MemoryError) as error:
            # One row at a time is all that fits: then a score of no dimension is told by that.
            if not batching.out_of_memory(error) or self.binding.scalar:
                raise

    def check_independence(self, variants: int, vary: Vary, rows: int) -> None:
        """Find out whether rows of one evaluation are independent, before any are joined or cut.

        Parameters
        ----------
        variants, vary
            What will be evaluated.
        rows
            How many rows one evaluation will take.
        """
        batch = self.inputs.batch
        if rows < batch:
            self.probe()
        elif variants > 1 and rows >= 2 * batch > 0 and not self.coupled:
            first, last = (Chunk(slice(v, v + 1), slice(0, batch)) for v in (0, variants - 1))
            both = Chunk(slice(0, 2), slice(0, batch))
            one, other = self.flat(vary(first), first), self.flat(vary(last), last)
            clean, known = self.inputs.tensors, self._whole
            if known is not None and not all(map(torch.equal, one, clean)):
                one, other = [tensor.clone() for tensor in clean], one
            else:
                known = None
            try:
                with torch.no_grad():
                    together = self(map(torch.cat, zip(one, other, strict=True)), both)
                    alone = self(one, first) if known is None else known
            except (RuntimeError, MemoryError) as error:
                if not batching.out_of_memory(error):
                    raise
                self.probe()  # nor will larger batches fit: their examples are what counts
            else:
                self._compare(together, alone, "changed copies of the batch")

    def _compare(self, together: Tensor, alone: Tensor, what: str) -> None:
        if together.shape[1] == 1:  # one score for all of them
            self.coupled = True
            return
        together = together[:, : alone.shape[1]]
        slack = COUPLING[torch.finfo(at_least_single(alone).dtype).bits] * (
            64 if alone.dtype in (torch.float16, torch.bfloat16) else 1
        )
        scale = torch.maximum(together.abs().amax(), alone.abs().amax()).nan_to_num(0, 0)
        if not torch.allclose(together, alone, rtol=0, atol=slack * float(scale), equal_nan=True):
            self.coupled = True
            warnings.warn(
                f"{what} change one another's scores when they share an evaluation, so they will "
                f"not: look for a norm over the batch, or a batch in another dimension than the "
                f"first",
                AscribeWarning,
                stacklevel=4,
            )

    def _measured(self, chunk: Chunk) -> Tensor:
        """Return the scores of a chunk of the inputs and note the memory that they took."""
        with batching.MemoryMeter() as meter:
            scores = self._clean(chunk)
        self.note_memory(meter, chunk.rows)
        return scores

    def _clean(self, chunk: Chunk) -> Tensor:
        """Return the scores of a chunk of the inputs."""
        tensors = [tensor[chunk.examples].clone() for tensor in self.inputs.tensors]
        with torch.no_grad():
            scores = self(tensors, chunk)
        if chunk.rows == self.inputs.batch:
            self._whole = scores
        return scores

    def note_memory(self, meter: batching.MemoryMeter, rows: int) -> None:
        """Remember how much memory so many rows of the inputs took."""
        own = rows * sum(tensor[:1].nbytes for tensor in self.inputs.tensors) or 1
        self._meter = (max(meter.largest, own) / rows, (meter.total + own) / rows)

    def run(
        self,
        variants: int,
        rows: int,
        work: Callable[[Chunk], None],
        advance: Callable[[int], Any] = lambda rows: None,
    ) -> None:
        """Do the work for all variants of all examples in chunks of at most ``rows`` rows."""
        rows = self.inputs.batch if self.coupled else rows
        planned = batching.chunks(variants, self.inputs.batch, rows)
        batching.run(planned, work, divisible=not self.coupled, advance=advance)

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
        return self.inputs.part(tensor, chunk.examples)


def _couples(module: nn.Module) -> bool:
    """Whether a module mixes the examples of a batch: a batch norm without running statistics."""
    return isinstance(module, _BatchNorm) and (module.training or module.running_mean is None)


def at_least_single(tensor: Tensor) -> Tensor:
    """Return a tensor in float32 at least; integers, which that may not hold, in float64."""
    if tensor.dtype in (torch.float32, torch.float64):
        return tensor
    return tensor.float() if tensor.is_floating_point() else tensor.double()

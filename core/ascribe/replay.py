"""Scores of many variants by a program in place of the model: the same numbers, sooner.

The model itself runs three rows: the clean one, which gives its activations, and the first and the
last variant, which show what the program has to be true to, and whether it is. Of each further
example it runs the last variant, for the same reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ascribe import batching
from ascribe.batching import Chunk
from ascribe.incremental import Incremental
from ascribe.notes import remark
from ascribe.prepare import gains, prepared
from ascribe.program import NoProgramError, Program
from ascribe.rehearsal import made
from ascribe.tape import Tape, program_of

if TYPE_CHECKING:
    from ascribe.evaluations import Evaluations, Vary

#: So few rows are not worth a program, and so many at a time are best on a CPU: larger batches
#: leave its caches.
FEW_ROWS, CPU_ROWS = 16, 8

#: By what share of the largest score a program may miss the model, by bits: other kernels round
#: otherwise.
ROUNDING = {torch.float32: 1e-4, torch.float64: 1e-10}

_AS_IS: ContextVar[bool] = ContextVar("as_is", default=False)


@contextmanager
def models_as_they_are() -> Iterator[None]:
    """Run the model itself for every evaluation in the block, with the kernels that it chooses.

    Elsewhere perturbation methods may run what torch did in a few of its runs, made faster:
    equal up to rounding.
    """
    token = _AS_IS.set(True)
    try:
        yield
    finally:
        _AS_IS.reset(token)


class Replay:
    """A model's runs, recorded, and run again on variants of its inputs.

    Parameters
    ----------
    evaluations
        The model, bound to its inputs.
    vary
        Returns variants, as `Forward.evaluate` takes it.
    variants
        How many there are.

    Attributes
    ----------
    clean
        The model's own scores of the first example: ``(targets, 1)``.
    memory
        How much memory its run took.
    coupled
        Whether two rows share a score.
    """

    def __init__(self, evaluations: Evaluations, vary: Vary, variants: int) -> None:
        self._evaluations, self._vary, self._variants = evaluations, vary, variants
        first = Chunk(slice(0, 1), slice(0, 1))
        last = Chunk(slice(variants - 1, variants), slice(0, 1))
        ends = zip(self._rows(first), self._rows(last), strict=True)
        with batching.MemoryMeter() as self.memory:
            self._tape, self.clean = self._recorded(self._clean(0), first)
        self.coupled = False
        self._program: Program | None = None
        if not self._tape.refusal and not gains(self._tape.kinds):
            self._tape.refusal = "it has few convolutions"
        if not self._tape.refusal:
            both = Chunk(slice(0, 2), slice(0, 1))
            leaves = [torch.cat(pair) for pair in ends]
            self._other, self._ends = self._recorded(leaves, both, keeps=False)
            self.coupled = self._ends.shape[1] == 1

    def fill(self, table: Tensor, rows: int, advance: Callable[[int], Any]) -> bool:
        """Write scores to a table: ``(targets, variants, batch)``.

        Parameters
        ----------
        table
            Where to.
        rows
            How many share a run at most.
        advance
            Told the number of rows after each run.

        Returns
        -------
        bool
            False where the program is not true to the model, and the table is not to be used.
        """
        try:
            if self._tape.refusal:
                raise NoProgramError(self._tape.refusal)
            self._program = prepared(program_of(self._tape, self._other))
            self._values: dict[int, Tensor] | None = self._tape.values
            del self._tape, self._other  # and with them what they hold
            for example in range(table.shape[2]):
                self._fill(table, example, rows, advance)
        except (NoProgramError, RuntimeError, ValueError, IndexError, TypeError) as error:
            if batching.out_of_memory(error):
                raise
            remark(f"the model itself ran on each variant of its inputs: {error}")
            return False
        return True

    def _fill(self, table: Tensor, example: int, rows: int, advance: Callable[[int], Any]) -> None:
        assert self._program is not None
        incremental = Incremental(self._program, self._clean(example), self._values)
        self._values = None  # they are of the first example

        @torch.no_grad()
        def work(chunk: Chunk) -> None:
            varied = self._rows(chunk)
            output = incremental.run(varied)
            made(chunk.rows)
            scores = self._evaluations.binding.picked(output, chunk).to(table)
            # Infinity within spreads further here than in the model.
            if not bool(scores.isfinite().all()):
                raise NoProgramError("a score is not finite")
            table[:, chunk.variants, example] = scores

        for chunk in batching.chunks(self._variants, 1, rows):
            own = Chunk(chunk.variants, slice(example, example + 1))
            batching.run([own], work, advance=advance)
            self._check(table, example, chunk.variants)
        for name in incremental.mixed:
            remark(f"from {name} on, all places were computed again: it has no rule of locality")

    def _check(self, table: Tensor, example: int, variants: slice) -> None:
        """Compare the first and the last variant with what the model itself says of them."""
        last = self._variants - 1
        if variants.start == 0 and example == 0:
            self._compare(table[:, 0, 0], self._ends[:, 0])
        if variants.stop > last:
            own = self._own(last, example) if example else self._ends[:, 1]
            self._compare(table[:, last, example], own)

    def _compare(self, found: Tensor, own: Tensor) -> None:
        scale = max(float(t.abs().max().nan_to_num(0, 0)) for t in (self.clean, self._ends, own))
        slack = ROUNDING[found.dtype] * scale
        if not torch.allclose(found, own.to(found), rtol=0, atol=slack, equal_nan=True):
            raise NoProgramError(
                "what torch did in one run does not tell what it does in others, or rows change "
                "one another's scores"
            )

    def _own(self, variant: int, example: int) -> Tensor:
        """Return the model's own scores of a variant of an example: ``(targets,)``."""
        chunk = Chunk(slice(variant, variant + 1), slice(example, example + 1))
        made(1)
        with torch.no_grad():
            output = self._evaluations.binding.run(self._rows(chunk))
        return self._evaluations.binding.picked(output, chunk)[:, 0]

    def _recorded(
        self, leaves: list[Tensor], chunk: Chunk, keeps: bool = True
    ) -> tuple[Tape, Tensor]:
        with torch.no_grad():
            with Tape(leaves, keeps) as tape:
                output = self._evaluations.binding.run(leaves)
                tape.end(output)
            made(chunk.rows)
            return tape, self._evaluations.binding.picked(output, chunk)

    def _clean(self, example: int) -> list[Tensor]:
        tensors = self._evaluations.inputs.tensors
        return self._leaves([t[example : example + 1].clone() for t in tensors], example)

    def _rows(self, chunk: Chunk) -> list[Tensor]:
        """Return all that the model takes for the variants of one example."""
        rows = self._evaluations.flat(self._vary(chunk), chunk)
        return self._leaves(rows, chunk.examples.start)

    def _leaves(self, tensors: Sequence[Tensor], example: int) -> list[Tensor]:
        examples = torch.full((len(tensors[0]),), example)
        return self._evaluations.binding.leaves(tensors, examples)


def worthwhile(evaluations: Evaluations, variants: int) -> bool:
    """Whether so many variants of the inputs are worth a program."""
    inputs = evaluations.inputs
    return (
        variants >= FEW_ROWS
        and inputs.batch > 0
        and not _AS_IS.get()
        and not evaluations.coupled
        and not evaluations.small(variants)
        and all(t.dtype in ROUNDING for t in inputs.tensors if t.is_floating_point())
        and _may_convolve(evaluations.modules)
    )


def _may_convolve(modules: Sequence[nn.Module]) -> bool:
    """Whether a model may have convolutions, whose weights have three dimensions at least."""
    weights = [weight for module in modules for weight in module.parameters(recurse=False)]
    return not weights or any(weight.dim() > 2 for weight in weights)

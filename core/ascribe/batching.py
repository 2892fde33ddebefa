"""How work is cut into model evaluations that fit in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

#: Bytes that one evaluation may take on a CPU. Larger batches are no faster there: they leave the
#: caches and pay for fresh pages.
CPU_BUDGET = 128 * 2**20

#: The share of a GPU's memory that one evaluation may take.
GPU_SHARE = 0.2


@dataclass(frozen=True)
class Chunk:
    """A rectangle of work: some variants (perturbations, steps of a path) of some examples."""

    variants: slice
    examples: slice

    @property
    def copies(self) -> int:
        """How many variants it holds."""
        return int(self.variants.stop - self.variants.start)

    @property
    def rows(self) -> int:
        """How many rows the model sees."""
        return self.copies * int(self.examples.stop - self.examples.start)

    def of_rows(self) -> Tensor:
        """Return the number of each row's example: ``(rows,)``."""
        return torch.arange(self.examples.start, self.examples.stop).repeat(self.copies)

    def halves(self) -> list[Chunk]:
        """Return two smaller chunks, or this one where it cannot be cut."""
        if self.copies > 1:
            return [Chunk(part, self.examples) for part in _halves(self.variants)]
        if self.rows > 1:
            return [Chunk(self.variants, part) for part in _halves(self.examples)]
        return [self]


def _halves(whole: slice) -> list[slice]:
    middle = (whole.start + whole.stop + 1) // 2
    return [slice(whole.start, middle), slice(middle, whole.stop)]


def chunks(variants: int, examples: int, rows: int) -> list[Chunk]:
    """Cut ``variants`` x ``examples`` into rectangles of at most ``rows`` rows (one at least)."""
    if examples == 0:
        return []
    width = max(1, min(rows, examples))
    height = max(1, rows // examples)
    return [
        Chunk(slice(v, min(v + height, variants)), slice(e, min(e + width, examples)))
        for v in range(0, variants, height)
        for e in range(0, examples, width)
    ]


def run(
    pending: list[Chunk],
    work: Callable[[Chunk], None],
    divisible: bool = True,
    advance: Callable[[int], Any] = lambda rows: None,
) -> None:
    """Do the work chunk by chunk; where memory runs out, go on with chunks of half the size.

    Parameters
    ----------
    pending
        From `chunks`.
    work
        Called with each chunk; must change nothing before it has all its numbers.
    divisible
        False where the batch is part of the question and may not be cut.
    advance
        Told the number of rows after each chunk.
    """
    queue = deque(pending)
    while queue:
        if _fits(work, queue[0], divisible):
            advance(queue.popleft().rows)
        else:
            queue = deque(half for chunk in queue for half in chunk.halves())


def _fits(work: Callable[[Chunk], None], chunk: Chunk, divisible: bool) -> bool:
    try:
        work(chunk)
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error) or not divisible or chunk.rows == 1:
            raise
    else:
        return True
    # Only here, when the exception and with it the frames that hold the tensors are gone.
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    return False


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out."""
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, MemoryError) or any(word in str(error).lower() for word in words)


class MemoryMeter(TorchDispatchMode):
    """Measures what the operations in its block write.

    Attributes
    ----------
    largest
        Bytes of the largest result: a pass that keeps nothing holds a few of this size at a time.
    total
        Bytes of all results: a pass that is to be differentiated keeps about as much.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.largest = 0
        self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        written = _bytes_written((args, kwargs), result)
        self.largest = max(self.largest, written)
        self.total += written
        return result


def _bytes_written(given: Any, result: Any) -> int:
    """Return the size of what is new in a result: a view of a weight, say, is not."""
    try:
        known = {_storage(leaf) for leaf in tree_leaves(given) if isinstance(leaf, Tensor)}
        made = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        return sum(leaf.nbytes for leaf in made if _storage(leaf) not in known)
    except (RuntimeError, NotImplementedError):  # a sparse tensor, say, has no one storage
        return 0


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def memory_budget(device: torch.device) -> float:
    """Return how many bytes one evaluation on a device may take."""
    if device.type == "cuda":
        return float(torch.cuda.get_device_properties(device).total_memory * GPU_SHARE)
    return float(CPU_BUDGET)


@contextmanager
def progress(
    total: int | None, description: str, shown: bool, unit: str = "evaluations"
) -> Iterator[Callable[[int], Any]]:
    """Yield what advances a progress bar, shown or not; of an unknown total where that is None."""
    if not shown:
        yield lambda done: None
        return
    from tqdm.auto import tqdm  # only when a bar is wanted: importing it looks for notebooks

    with tqdm(total=total, desc=description, unit=f" {unit}") as bar:
        yield bar.update

"""A model's run as a list of operations, which can be run again on other rows.

See `ascribe.tape` for how it is made.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.utils._pytree import TreeSpec, tree_unflatten


class NoProgramError(Exception):
    """A model's run cannot be recorded; the message says why."""


@dataclass(frozen=True)
class Value:
    """What an operation makes, or an input, by number."""

    number: int


@dataclass(frozen=True)
class Rows:
    """A size that is so many times the number of rows."""

    times: int


@dataclass(frozen=True)
class EachRow:
    """A constant that is the same for each row: ``(1, *features)``."""

    tensor: Tensor


@dataclass(frozen=True)
class Operation:
    """One operation.

    Attributes
    ----------
    func
        What is called. It writes to none of its arguments.
    arguments
        Its positional and keyword arguments, flat: values, tensors that are constants, and others.
    structure
        Of the arguments: ``(args, kwargs)``.
    results
        The numbers of the values that it makes; of what is no tensor, -1.
    """

    func: Callable[..., Any]
    arguments: tuple[Any, ...]
    structure: TreeSpec
    results: tuple[int, ...]

    @property
    def kind(self) -> Any:
        """Which of torch's operations it is, whatever its overload; of others the class."""
        return getattr(self.func, "overloadpacket", type(self.func))

    @property
    def values(self) -> list[int]:
        """The numbers of the values that it takes."""
        return [given.number for given in self.arguments if isinstance(given, Value)]

    def call(self, arguments: Iterable[Any]) -> list[Any]:
        """Return its results, one by one, for arguments in place of its own."""
        args, kwargs = tree_unflatten(list(arguments), self.structure)
        made = self.func(*args, **kwargs)
        return list(made) if isinstance(made, (tuple, list)) else [made]


@dataclass(frozen=True)
class Program:
    """The operations of a run.

    Attributes
    ----------
    inputs
        How many inputs there are: these are the first values.
    operations
        In order.
    outputs
        Values and constants, flat.
    structure
        Of the outputs.
    """

    inputs: int
    operations: list[Operation]
    outputs: list[Any]
    structure: TreeSpec

    @functools.cached_property
    def last_uses(self) -> list[list[int]]:
        """For each operation, the values that nothing needs after it."""
        kept = {one.number for one in self.outputs if isinstance(one, Value)}
        last: list[list[int]] = []
        for operation in reversed(self.operations):
            here = {*operation.values, *operation.results} - kept
            last.append(sorted(here))
            kept |= here
        return last[::-1]

    def run(self, inputs: Sequence[Tensor], keep: dict[int, Any] | None = None) -> Any:
        """Return what the model returns for rows.

        Parameters
        ----------
        inputs
            ``(rows, *features)`` each.
        keep
            Where to keep all values, by number, if anywhere.
        """
        rows, values = len(inputs[0]), {} if keep is None else keep
        values.update(enumerate(inputs))
        for operation, done in zip(self.operations, self.last_uses, strict=True):
            given = [resolved(one, values, rows) for one in operation.arguments]
            for number, made in zip(operation.results, operation.call(given), strict=True):
                values[number] = made
            del given
            if keep is None:
                for number in done:
                    values.pop(number, None)
        return self.output(values, rows)

    def output(self, values: dict[int, Any], rows: int) -> Any:
        """Return the model's output from the values that it consists of."""
        found = [resolved(one, values, rows) for one in self.outputs]
        return tree_unflatten(found, self.structure)


def resolved(given: Any, values: dict[int, Any], rows: int) -> Any:
    """Return what an argument stands for where there are so many rows."""
    if isinstance(given, Value):
        return values[given.number]
    if isinstance(given, Rows):
        return given.times * rows
    if isinstance(given, EachRow):
        return given.tensor.expand(rows, *given.tensor.shape[1:])
    return given

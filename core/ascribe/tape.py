"""Recording what torch does while a model runs, as a program.

Recorded is what torch does, below modules and functions, so that nothing hides; the model's code is
not looked at. What could make another run differ is found by recording two of them, with other
inputs and other numbers of rows: another order of operations, constants that come of the inputs
in ways that torch does not see, sizes that are no multiples of the number of rows. Then, and where
an operation is random, asks for a number or writes to what is not its own, there is no program.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import TreeSpec, tree_flatten

from ascribe.program import EachRow, NoProgramError, Operation, Program, Rows, Value

#: How many rows the two recorded runs have: sizes that grow with them are then told from others.
FEW, MORE = 1, 2

#: Operations whose results have the form of what they are given, and none of its numbers.
FORMS = {
    getattr(torch.ops.aten, name)
    for name in (
        *("new_empty", "new_empty_strided", "new_full", "new_ones", "new_zeros"),
        *("empty_like", "full_like", "ones_like", "zeros_like"),
    )
}


#: Where a tensor lies: its storage, dtype, and offset, shape and strides.
Place = tuple[int, torch.dtype, tuple[int, ...]]


class Tape(TorchDispatchMode):
    """Records the operations that depend on the inputs, in its block.

    Parameters
    ----------
    inputs
        ``(rows, *features)`` each. The model may write to them.
    keeps
        Whether what the operations made is kept, which takes memory.

    Attributes
    ----------
    values
        What the operations made, by number, if it is kept; what was written to later is copied
        before.
    shapes
        Of what they made, by number.
    refusal
        Why there is no program of this run; empty if there is.
    """

    def __init__(self, inputs: Sequence[Tensor], keeps: bool = True) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.inputs, self._keeps = len(inputs), keeps
        self.refusal = ""
        self.operations: list[tuple[Any, list[Any], TreeSpec, tuple[int, ...]]] = []
        self.values: dict[int, Tensor] = {}
        self.shapes: dict[int, tuple[int, ...]] = {}
        self._numbers: dict[Place, int] = {}
        self._made: set[int] = set()
        self._kept: list[Tensor] = []  # so that no other tensor takes its place
        self._alive: dict[int, StorageWeakRef] = {}
        self._sharing: dict[int, set[Place]] = {}
        self._lying: dict[int, list[int]] = {}  # what lies in a storage, by any name
        self._functions = _Functions(self)
        for tensor in inputs:
            self._number(tensor)

    def __enter__(self) -> Tape:
        super().__enter__()  # type: ignore[no-untyped-call]
        self._functions.__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: Any) -> None:
        self._functions.__exit__(*error)  # type: ignore[no-untyped-call]
        super().__exit__(*error)  # type: ignore[no-untyped-call]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given, structure = tree_flatten((args, kwargs or {}))
        arguments = [self._encoded(one) for one in given]
        self._keep(func, given)
        made = self.call(func, args, kwargs or {}, arguments)
        if not self.refusal:
            try:
                self._note(func, given, arguments, structure, made)
            except (NoProgramError, RuntimeError, NotImplementedError) as error:
                self.refusal = str(error) or type(error).__name__
        return made

    def call(self, func: Any, args: Any, kwargs: dict[str, Any], arguments: list[Any]) -> Any:
        """Return what an operation gives; of its flat arguments, those on the tape are values."""
        return func(*args, **kwargs)

    @property
    def kinds(self) -> list[Any]:
        """Which operations there are: see `Operation.kind`."""
        return [getattr(func, "overloadpacket", type(func)) for func, *_ in self.operations]

    def end(self, output: Any) -> None:
        """Take what the model returned."""
        leaves, self.structure = tree_flatten(output)
        self.outputs = [self._encoded(one) for one in leaves]
        if not any(isinstance(one, Value) for one in self.outputs):
            self.refusal = self.refusal or "the output does not come of the inputs within torch"

    def _note(
        self, func: Any, given: list[Any], arguments: list[Any], structure: TreeSpec, made: Any
    ) -> None:
        results = list(made) if isinstance(made, (tuple, list)) else [made]
        written = _written(func, given)
        depends = any(isinstance(one, Value) for one in arguments)
        if not depends or getattr(func, "overloadpacket", None) in FORMS:
            if any(_storage(tensor) not in self._made for tensor in written):
                raise NoProgramError(f"{func} writes to what the run did not make")
            if not _views(func):
                made_here = [one for one in results if isinstance(one, Tensor)]
                self._made.update(map(_storage, made_here))
                self._kept += made_here
            return
        if func is torch.ops.aten.detach.default:
            return  # lies where the same tensor lies that it comes of
        _check(func, given, arguments, results)
        if written:
            func = self._without_writing(func, written, given, results)
        numbers = [self._number(one) if isinstance(one, Tensor) else -1 for one in results]
        self.operations.append((func, arguments, structure, tuple(numbers)))

    def _without_writing(self, func: Any, written: list[Tensor], given: Any, results: Any) -> Any:
        """Return the operation that makes a new tensor instead of writing to its first argument."""
        plain = getattr(torch.ops.aten, func._schema.name.removeprefix("aten::").rstrip("_"), None)
        plain = getattr(plain, func._overloadname, None)
        own = len(results) == len(written) == 1 and results[0] is written[0] is given[0]
        if plain is None or not own:
            raise NoProgramError(f"{func} writes to its arguments")
        if len(self._sharing.get(_storage(written[0]), ())) != 1:
            raise NoProgramError(f"{func} writes to a tensor of which there are views")
        return plain

    def _keep(self, func: Any, given: list[Any]) -> None:
        """Copy what an operation is about to write to."""
        for storage in map(_storage, _written(func, given)):
            for number in self._lying.get(storage, ()):
                value = self.values.get(number)
                if value is not None and _storage(value) == storage:
                    self.values[number] = value.clone()

    def _number(self, tensor: Tensor) -> int:
        number, place, storage = len(self.shapes), _place(tensor), _storage(tensor)
        self.shapes[number] = tuple(tensor.shape)
        if self._keeps:
            self.values[number] = tensor
        self._forget(storage)
        self._alive.setdefault(storage, StorageWeakRef(tensor.untyped_storage()))
        self._numbers[place] = number
        self._sharing.setdefault(storage, set()).add(place)
        self._lying.setdefault(storage, []).append(number)
        return number

    def _forget(self, storage: int) -> None:
        """Forget what lay in a storage that is gone, as another may have taken its place."""
        if storage in self._alive and self._alive[storage].expired():
            del self._alive[storage], self._lying[storage]
            for place in self._sharing.pop(storage):
                del self._numbers[place]

    def holds(self, tensor: Any) -> bool:
        """Whether a tensor comes of the inputs."""
        return isinstance(self._encoded(tensor), Value)

    def leaves_torch(self, name: str, tensor: Tensor) -> bool:
        """Whether a function of this name takes what another run would not see from a tensor."""
        return name in ("tolist", "numpy", "__array__", "__dlpack__", "data_ptr")

    def _encoded(self, one: Any) -> Any:
        if isinstance(one, Tensor) and self._numbers and (place := _place(one)) in self._numbers:
            self._forget(place[0])
            return Value(self._numbers[place]) if place in self._numbers else one
        return one


_DATA = Tensor.data.__get__  # type: ignore[attr-defined]


class _Functions(TorchFunctionMode):
    """Sees what a tape does not: functions below which there is no operation of torch's."""

    def __init__(self, tape: Tape) -> None:
        super().__init__()
        self._tape = tape

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        tape, name = self._tape, "data" if func == _DATA else getattr(func, "__name__", "")
        asked = args[0] if args and isinstance(args[0], Tensor) else None
        if asked is not None and tape.leaves_torch(name, asked) and tape.holds(asked):
            tape.refusal = tape.refusal or f"{name} takes numbers out of a tensor"
        return func(*args, **(kwargs or {}))


def _check(func: Any, given: list[Any], arguments: list[Any], results: list[Any]) -> None:
    """Refuse what another run could do otherwise."""
    kind = getattr(func, "overloadpacket", None)
    chosen = [one.dtype for one in given[1:] if isinstance(one, Tensor)]
    whole = kind is torch.ops.aten.index and not {torch.bool, torch.uint8} & set(chosen)
    tags = [] if whole else getattr(func, "tags", [])
    varying = (
        torch.Tag.nondeterministic_seeded,
        torch.Tag.data_dependent_output,
        torch.Tag.dynamic_output_shape,
    )
    if any(tag in tags for tag in varying):
        raise NoProgramError(f"{func} is random, or its result has a size of its own")
    if any(one is not None and not isinstance(one, Tensor) for one in results):
        raise NoProgramError(f"{func} takes a number out of a tensor")
    norms = (torch.ops.aten.native_batch_norm, torch.ops.aten._native_batch_norm_legit)
    if kind in norms and True in arguments[5:6]:
        raise NoProgramError("a batch norm is in training mode")


def _written(func: Any, given: list[Any]) -> list[Tensor]:
    """Return the tensors that an operation writes to."""
    schema = func._schema
    if not schema.is_mutable:
        return []
    writes = [a for a in schema.arguments if a.alias_info is not None and a.alias_info.is_write]
    if len(writes) == 1 and writes[0] is schema.arguments[0]:
        return [one for one in given[:1] if isinstance(one, Tensor)]
    return [one for one in given if isinstance(one, Tensor)]


def _views(func: Any) -> bool:
    """Whether an operation returns what it is given, or a part of it."""
    return any(one.alias_info is not None for one in func._schema.returns)


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _place(tensor: Tensor) -> Place:
    """Return where in memory a tensor lies and how: what lies alike is the same, by any name."""
    try:
        layout = (tensor.storage_offset(), *tensor.shape, *tensor.stride())
        return _storage(tensor), tensor.dtype, layout
    except (RuntimeError, NotImplementedError):  # a sparse tensor, say
        return id(tensor), tensor.dtype, ()


def program_of(first: Tape, second: Tape) -> Program:
    """Return what two recorded runs, with other inputs of `FEW` and `MORE` rows, have in common.

    Raises
    ------
    NoProgramError
        If one of them was not recorded, or they differ in more than the number of rows.
    """
    if first.refusal or second.refusal:
        raise NoProgramError(first.refusal or second.refusal)
    if len(first.operations) != len(second.operations) or first.structure != second.structure:
        raise NoProgramError("the operations depend on the inputs")
    operations = []
    for one, other in zip(first.operations, second.operations, strict=True):
        if one[0] is not other[0] or one[2:] != other[2:]:
            raise NoProgramError("the operations depend on the inputs")
        pairs = zip(one[1], other[1], strict=True)
        operations.append(Operation(one[0], tuple(_joined(*pair) for pair in pairs), *one[2:]))
    for number, shape in first.shapes.items():
        if not shape or shape[0] * MORE != second.shapes[number][0] * FEW:
            raise NoProgramError("a result within has not its rows first")
    outputs = [_joined(*pair) for pair in zip(first.outputs, second.outputs, strict=True)]
    return Program(first.inputs, operations, outputs, first.structure)


def _joined(one: Any, other: Any) -> Any:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return _joined_tensors(one, other)
    if type(one) is not type(other):
        raise NoProgramError("the operations depend on the inputs")
    if one == other or (one != one and other != other):
        return one
    if isinstance(one, int) and one * MORE == other * FEW:
        return Rows(one // FEW)
    raise NoProgramError("a number that goes into an operation depends on the inputs")


def _joined_tensors(one: Tensor, other: Tensor) -> Any:
    if one is other or (torch.equal(one, other) and one.stride() == other.stride()):
        return one
    rows = one.dim() == other.dim() > 0 and (len(one), len(other)) == (FEW, MORE)
    if rows and torch.equal(one[:1].expand_as(other), other):
        return EachRow(one)
    raise NoProgramError("a constant of the model depends on the inputs")

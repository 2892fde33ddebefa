"""What is attributed, in one normal form that remembers the caller's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import torch
from torch import Tensor

from ascribe.errors import InputError


@dataclass(frozen=True)
class Inputs:
    """Tensors of shape ``(batch, *features)`` and the form in which the caller gave them.

    Attributes
    ----------
    tensors
        Detached from any graph; they share the caller's memory and are never written to.
    form
        ``Tensor``, ``tuple``, ``list`` or ``dict``.
    names
        The keys of a dict, which become keyword arguments of the model; else empty.
    """

    tensors: tuple[Tensor, ...]
    form: type
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, inputs: Any) -> Inputs:
        """Read inputs as a caller gives them.

        Raises
        ------
        InputError
            If they are no tensors, have no batch dimension or batches of several sizes.
        """
        tensors, form, names = _read_form(inputs, "inputs")
        if not tensors:
            raise InputError("inputs must hold at least one tensor, but hold none")
        for index, tensor in enumerate(tensors):
            _check_input(index, tensor)
        sizes = {len(tensor) for tensor in tensors}
        if len(sizes) > 1:
            shapes = [tuple(tensor.shape) for tensor in tensors]
            raise InputError(f"all inputs must have one batch size, but their shapes are {shapes}")
        return cls(tuple(tensor.detach() for tensor in tensors), form, names)

    @property
    def batch(self) -> int:
        """The number of examples."""
        return len(self.tensors[0])

    def pack(self, tensors: Iterable[Tensor]) -> Any:
        """Give tensors, one for each input, the form that the caller used."""
        if self.form is Tensor:
            (tensor,) = tensors
            return tensor
        if self.form is dict:
            return dict(zip(self.names, tensors, strict=True))
        return self.form(tensors)

    def baselines(self, baselines: Any = None) -> tuple[Tensor, ...]:
        """Return one baseline for each input, of its dtype and device, that broadcasts to it.

        Parameters
        ----------
        baselines
            None for zero, a number, a tensor of an input's shape or with a batch of one (or
            without its batch dimension), or one of these for each input in a tuple, list or dict.

        Raises
        ------
        InputError
            If a baseline does not fit its input.
        """
        given = self.per_input(baselines, "baselines")
        return tuple(map(_baseline, range(len(given)), given, self.tensors))

    def part(self, tensor: Tensor, examples: slice) -> Tensor:
        """Return what some examples need of a tensor with one entry for each of them, or for all.

        With a leading axis of one, for variants.
        """
        return tensor[None] if len(tensor) != self.batch else tensor[None, examples]

    def per_input(self, values: Any, what: str) -> tuple[Any, ...]:
        """Return one value for each input from a lone value or from a form of them.

        Parameters
        ----------
        values
            None, a lone tensor or number, or a tuple, list or dict with one value for each input.
            A lone tensor needs a lone input.
        what
            What the values are called in an error.
        """
        count = len(self.tensors)
        if isinstance(values, Mapping):
            if not self.names or set(values) != set(self.names):
                keys = list(self.names) or "no keys: they are no dict"
                raise InputError(f"{what} have the keys {list(values)}, but the inputs have {keys}")
            return tuple(values[name] for name in self.names)
        if isinstance(values, (tuple, list)):
            if len(values) != count:
                raise InputError(
                    f"{what} must hold one entry for each of the {count} inputs, "
                    f"but hold {len(values)}"
                )
            return tuple(values)
        if isinstance(values, Tensor) and count > 1:
            raise InputError(
                f"{what} must be a tuple with one entry for each of the {count} inputs, "
                f"but came as one tensor"
            )
        return (values,) * count


def _read_form(values: Any, what: str) -> tuple[tuple[Any, ...], type, tuple[str, ...]]:
    if isinstance(values, Tensor):
        return (values,), Tensor, ()
    if isinstance(values, Mapping):
        return tuple(values.values()), dict, tuple(values)
    if isinstance(values, Sequence) and not isinstance(values, str):
        return tuple(values), list if isinstance(values, list) else tuple, ()
    raise InputError(
        f"{what} must be a tensor or a tuple, list or dict of tensors, "
        f"but came as {type(values).__name__}"
    )


def _check_input(index: int, tensor: Any) -> None:
    if not isinstance(tensor, Tensor):
        raise InputError(f"input {index} must be a tensor, but is a {type(tensor).__name__}")
    if tensor.dim() == 0:
        raise InputError(f"input {index} must have a batch dimension, but has no dimension at all")
    if tensor.is_complex() or tensor.dtype == torch.bool:
        raise InputError(
            f"input {index} must hold real numbers, but is {tensor.dtype}; convert it first"
        )


def _baseline(index: int, baseline: Any, tensor: Tensor) -> Tensor:
    if baseline is None:
        baseline = 0
    if not isinstance(baseline, Tensor):
        try:
            whole = isinstance(baseline, Integral)
            baseline = torch.tensor(
                int(baseline) if whole else float(baseline),
                dtype=torch.int64 if whole else torch.float64,
            )
        except (TypeError, ValueError, OverflowError):
            raise InputError(
                f"baseline {index} must be None, a number or a tensor, but is {baseline!r}"
            ) from None
        baseline = baseline.to(tensor.device)
    _check_baseline(index, baseline, tensor)
    converted = baseline.detach().to(tensor.dtype)
    if not tensor.is_floating_point() and not torch.equal(converted.to(baseline.dtype), baseline):
        raise InputError(
            f"baseline {index} must hold whole numbers as its input does ({tensor.dtype})"
        )
    if bool((converted.isinf() & ~baseline.isinf()).any()):
        raise InputError(f"baseline {index} is too large for its input's {tensor.dtype}")
    missing = tensor.dim() - converted.dim()
    return converted.reshape((1,) * missing + tuple(converted.shape))


def _check_baseline(index: int, baseline: Tensor, tensor: Tensor) -> None:
    shape, features = tuple(baseline.shape), tuple(tensor.shape[1:])
    # The last is the form that a number has here, so that what comes from here may go in again.
    one = (1,) * tensor.dim()
    fits = shape in ((), features, (1, *features), tuple(tensor.shape), one)
    if not fits:
        raise InputError(
            f"baseline {index} must be a number or have the shape {tuple(tensor.shape)} or "
            f"{(1, *features)} of its input, but has {shape}"
        )
    if baseline.device != tensor.device:
        raise InputError(
            f"baseline {index} is on {baseline.device} and its input on {tensor.device}; "
            f"move it there with baseline.to(inputs.device)"
        )

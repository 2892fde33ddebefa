"""The form of results: shape, dtype, layout, and which result belongs to which input."""

from __future__ import annotations

from dataclasses import replace

import torch
from hypothesis import strategies as st
from torch import Tensor

from ascribe.testing import zoo
from ascribe.testing.properties import prop
from ascribe.testing.sound import any_target, sound, tolerance
from ascribe.testing.subject import Case, PropertyFailure, Subject, compare
from ascribe.testing.tolerances import rounding


@prop("contract")
def shape_and_dtype(subject: Subject, draw: st.DataObject) -> None:
    """A result has the shape (but for channels, where they are added up), dtype and device of what
    it attributes to, and no graph."""  # noqa: D209
    case = sound(subject, draw)
    dtype = draw.draw(st.sampled_from([torch.float64, torch.float32]), label="dtype")
    case = Case(case.family, case.layout, case.batch, dtype)
    inputs = case.inputs()
    found = subject.attribute(case.model(), inputs, target=any_target(draw, case))
    if not isinstance(found, Tensor):
        raise PropertyFailure(f"a tensor was given, a {type(found).__name__} came back, on {case}")
    if tuple(found.shape) != subject.shape_of_result(inputs):
        got, wanted = tuple(found.shape), subject.shape_of_result(inputs)
        raise PropertyFailure(f"the shape is {got}, but should be {wanted}, on {case}")
    for what in ("dtype", "device"):
        if getattr(found, what) != getattr(inputs, what):
            got, wanted = getattr(found, what), getattr(inputs, what)
            raise PropertyFailure(f"{what} is {got}, but the input's is {wanted}, on {case}")
    if found.requires_grad:
        raise PropertyFailure(f"the result drags a graph along, on {case}")


@prop("contract")
def half_precision(subject: Subject, draw: st.DataObject) -> None:
    """Half-precision inputs give results in half precision, near those in single precision."""
    dtype = draw.draw(st.sampled_from([torch.bfloat16, torch.float16]), label="dtype")
    case = sound(subject, draw, ("linear",))
    inputs = case.inputs().to(dtype)
    target = any_target(draw, case)
    found = subject.attribute(case.model().to(dtype), inputs, target=target)
    if found.dtype != dtype:
        raise PropertyFailure(f"{dtype} came back as {found.dtype}, on {case}")
    exact = subject.attribute(case.model().to(dtype).double(), inputs.double(), target=target)
    scale = float(exact.abs().sum() + case.model()(inputs.double()).abs().sum())
    tolerance = rounding(1 + scale, 1, dtype) / 16
    compare(found, exact, tolerance, f"in {dtype}", case)


@prop("contract")
def single_precision(subject: Subject, draw: st.DataObject) -> None:
    """Single-precision inputs give the numbers of double precision, but for rounding."""
    case = replace(sound(subject, draw, ("linear", "tanh")), dtype=torch.float32)
    model, inputs, target = case.model(), case.inputs(), any_target(draw, case)
    found = subject.attribute(model, inputs, target=target)
    exact = subject.attribute(model.double(), inputs.double(), target=target)
    scale = 1 + float(exact.abs().sum() + model(inputs.double()).abs().sum())
    compare(found, exact, rounding(scale, 1, torch.float32), "in single precision", case)


@prop("contract")
def form_of_inputs(subject: Subject, draw: st.DataObject) -> None:
    """A tuple of inputs gives a tuple of results, each of its input's shape."""
    case = sound(subject, draw, zoo.PURE_VECTOR)
    wider = torch.cat([case.inputs(1), case.inputs(3)[:, :1]], dim=1)
    inputs, scale = (case.inputs(), wider), case.inputs(2)[:, 0]
    further = (scale,) if subject.takes("additional_forward_args") else None
    found = subject.attribute(
        zoo.of_two_inputs(case.model()), inputs, target=0, additional_forward_args=further
    )
    if not isinstance(found, tuple) or len(found) != 2:
        raise PropertyFailure(f"a tuple of two was given, {type(found).__name__} came, on {case}")
    if [tuple(f.shape) for f in found] != list(map(subject.shape_of_result, inputs)):
        raise PropertyFailure(f"shapes {[tuple(f.shape) for f in found]} came back, on {case}")


@prop("contract")
def order_of_inputs(subject: Subject, draw: st.DataObject) -> None:
    """Each of several inputs gets its own attribution: exchanging inputs exchanges results."""
    case = sound(subject, draw, zoo.PURE_VECTOR)
    model, first, second = case.model(), case.inputs(), case.inputs(1)
    there = zoo.composed(lambda a, b: model(a + 2 * b), model)
    back = zoo.composed(lambda b, a: model(a + 2 * b), model)
    one = subject.attribute(there, (first, second), target=0, **subject.quiet)
    other = subject.attribute(back, (second, first), target=0, **subject.quiet)
    compare(one, other[::-1], tolerance(case, one), "after an exchange of inputs", case)


@prop("contract")
def empty_batch(subject: Subject, draw: st.DataObject) -> None:
    """A batch of none gives a result of none."""
    case = sound(subject, draw, ("linear", "relu"))
    inputs = case.inputs()[:0]
    found = subject.attribute(case.model(), inputs, target=0)
    if tuple(found.shape) != subject.shape_of_result(inputs):
        raise PropertyFailure(f"{tuple(inputs.shape)} gave {tuple(found.shape)}, on {case}")


@prop("contract")
def memory_layout(subject: Subject, draw: st.DataObject) -> None:
    """Inputs that are not contiguous, or expanded, give the numbers of a plain copy."""
    case = sound(subject, draw)
    model, plain = case.model(), case.inputs()
    padded = torch.stack([plain, plain + 1], dim=-1)[..., 0]
    expanded = plain[:1].expand_as(plain)
    for strided in (padded, expanded):
        copied = strided.clone(memory_format=torch.contiguous_format)
        expected = subject.attribute(model, copied, target=0)
        found = subject.attribute(model, strided, target=0)
        compare(found, expected, tolerance(case, expected), "laid out otherwise", case)

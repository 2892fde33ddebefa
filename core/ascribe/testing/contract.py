"""The contract of the interface: what every method must keep, whatever it computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hypothesis
import torch
from hypothesis import strategies as st
from torch import Tensor

from ascribe.attribution import GradientAttribution, PerturbationAttribution
from ascribe.errors import AscribeError
from ascribe.targets import Targets
from ascribe.testing import zoo
from ascribe.testing.properties import prop
from ascribe.testing.sound import sound, tolerance
from ascribe.testing.subject import (
    Case,
    PropertyFailure,
    Subject,
    cases,
    compare,
)
from ascribe.testing.tolerances import rounding


def _target(draw: st.DataObject, case: Case) -> int:
    return draw.draw(st.integers(0, case.layout.classes - 1), label="target")


def _tries_gradients(subject: Subject) -> bool:
    return not issubclass(subject.cls, PerturbationAttribution)


def _perturbs(subject: Subject) -> bool:
    name = "PerturbationAttribution"
    return any(base.__name__ == name for base in subject.cls.__mro__)


def _knows(*names: str) -> Callable[[Subject], bool]:
    return lambda subject: any(subject.takes(name) for name in names)


@prop("contract")
def runs_on_every_model(subject: Subject, draw: st.DataObject) -> None:
    """A model of any kind gets an attribution: none is refused with an exception."""
    case = draw.draw(cases(subject))
    subject.attribute(case.model(), case.inputs(), target=0)


@prop("contract")
def shape_and_dtype(subject: Subject, draw: st.DataObject) -> None:
    """A result has the shape, dtype and device of what it attributes to, and no graph."""
    case = sound(subject, draw)
    dtype = draw.draw(st.sampled_from([torch.float64, torch.float32]), label="dtype")
    case = Case(case.family, case.layout, case.batch, dtype)
    inputs = case.inputs()
    found = subject.attribute(case.model(), inputs, target=_target(draw, case))
    if not isinstance(found, Tensor):
        raise PropertyFailure(f"a tensor was given, a {type(found).__name__} came back, on {case}")
    for what in ("shape", "dtype", "device"):
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
    target = _target(draw, case)
    found = subject.attribute(case.model().to(dtype), inputs, target=target)
    if found.dtype != dtype:
        raise PropertyFailure(f"{dtype} came back as {found.dtype}, on {case}")
    exact = subject.attribute(case.model().to(dtype).double(), inputs.double(), target=target)
    scale = float(exact.abs().sum() + case.model()(inputs.double()).abs().sum())
    tolerance = rounding(1 + scale, 1, dtype) / 16
    compare(found, exact, tolerance, f"in {dtype}", case)


@prop("contract")
def form_of_inputs(subject: Subject, draw: st.DataObject) -> None:
    """A tuple of inputs gives a tuple of results, each of its input's shape."""
    case = sound(subject, draw, zoo.VECTOR)
    inputs, scale = (case.inputs(), case.inputs(1)), case.inputs(2)[:, 0]
    found = subject.attribute(
        zoo.of_two_inputs(case.model()), inputs, target=0, additional_forward_args=(scale,)
    )
    if not isinstance(found, tuple) or len(found) != 2:
        raise PropertyFailure(f"a tuple of two was given, {type(found).__name__} came, on {case}")
    if [f.shape for f in found] != [i.shape for i in inputs]:
        raise PropertyFailure(f"shapes {[tuple(f.shape) for f in found]} came back, on {case}")


@prop("contract")
def order_of_inputs(subject: Subject, draw: st.DataObject) -> None:
    """Each of several inputs gets its own attribution: exchanging inputs exchanges results."""
    case = sound(subject, draw, zoo.VECTOR)
    model, first, second = case.model(), case.inputs(), case.inputs(1)
    there = zoo.composed(lambda a, b: model(a + 2 * b), model)
    back = zoo.composed(lambda b, a: model(a + 2 * b), model)
    one = subject.attribute(there, (first, second), target=0)
    other = subject.attribute(back, (second, first), target=0)
    compare(one, other[::-1], tolerance(case, one), "after an exchange of inputs", case)


@prop("contract")
def examples_are_independent(subject: Subject, draw: st.DataObject) -> None:
    """One example's result does not depend on the others in its batch, nor on their order."""
    case = sound(subject, draw, batches=(2, 3))
    model, inputs, target = case.model(), case.inputs(), _target(draw, case)
    baseline = case.inputs(1)
    whole = subject.attribute(model, inputs, target=target, baselines=baseline)
    for row in range(case.batch):
        part = slice(row, row + 1)
        alone = subject.attribute(model, inputs[part], target=target, baselines=baseline[part])
        compare(whole[part], alone, tolerance(case, whole), "beside other examples", case)
    order = torch.tensor(draw.draw(st.permutations(range(case.batch)), label="order"))
    moved = subject.attribute(model, inputs[order], target=target, baselines=baseline[order])
    compare(moved, whole[order], tolerance(case, whole), "in another order", case)


CUTS = ("perturbations_per_eval", "internal_batch_size")


@prop("contract", _knows(*CUTS))
def how_work_is_cut(subject: Subject, draw: st.DataObject) -> None:
    """However the work is cut into evaluations, the numbers are the same."""
    case = sound(subject, draw)
    model, inputs, target = case.model(), case.inputs(), _target(draw, case)
    scale = case.inputs(2).flatten(1)[:, 0]
    for name in CUTS:
        if subject.takes(name):
            results = [
                subject.attribute(
                    zoo.composed(lambda x, s: model(x) * s[:, None], model),
                    inputs,
                    target=target,
                    additional_forward_args=(scale,),
                    **{name: size},
                )
                for size in (1, draw.draw(st.integers(2, 9), label=name), 10_000)
            ]
            for other in results[1:]:
                compare(
                    other, results[0], tolerance(case, results[0]), f"with another {name}", case
                )


@prop("contract")
def same_seed_same_numbers(subject: Subject, draw: st.DataObject) -> None:
    """Two calls in the same random state, with the same seed, give the same numbers."""
    case = sound(subject, draw)
    model, inputs = case.model(), case.inputs()
    with torch.random.fork_rng(devices=[]):
        results = []
        for _ in range(2):
            torch.manual_seed(case.layout.seed)
            results.append(subject.attribute(model, inputs, target=0))
    compare(results[0], results[1], 0.0, "in a second call", case)


@prop("contract")
def targets_of_each_form(subject: Subject, draw: st.DataObject) -> None:
    """A target for each example, in a list or a tensor, equals calls with a lone target."""
    case = sound(subject, draw)
    model, inputs = case.model(), case.inputs()
    chosen = [_target(draw, case) for _ in range(case.batch)]
    alone = [
        subject.attribute(model, inputs, target=target) for target in range(case.layout.classes)
    ]
    expected = torch.stack([alone[target][row] for row, target in enumerate(chosen)])
    for form in (chosen, torch.tensor(chosen)):
        found = subject.attribute(model, inputs, target=form)
        compare(found, expected, tolerance(case, expected), f"with target={form}", case)


def _takes_several(subject: Subject) -> bool:
    return bool(getattr(subject.cls, "several_targets", False))


@prop("contract", _takes_several)
def several_targets_at_once(subject: Subject, draw: st.DataObject) -> None:
    """Several targets in one pass equal a call for each."""
    case = sound(subject, draw)
    model, inputs = case.model(), case.inputs()
    chosen = [_target(draw, case) for _ in range(draw.draw(st.integers(1, 3), label="targets"))]
    together = subject.attribute(model, inputs, target=Targets(chosen))
    alone = torch.stack([subject.attribute(model, inputs, target=target) for target in chosen])
    compare(together, alone, tolerance(case, alone), "in one pass", case)


@prop("contract", _knows("baselines"))
def baselines_of_each_form(subject: Subject, draw: st.DataObject) -> None:
    """A baseline as a number, of batch one or of the whole batch means the same."""
    case = sound(subject, draw)
    model, inputs, target = case.model(), case.inputs(), _target(draw, case)
    number = draw.draw(st.sampled_from([0.5, -1, 0]), label="baseline")
    full = torch.full_like(inputs, number)
    expected = subject.attribute(model, inputs, target=target, baselines=full)
    for form in (number, full[:1]):
        found = subject.attribute(model, inputs, target=target, baselines=form)
        compare(found, expected, tolerance(case, expected), "with another form of baseline", case)
    varied = case.inputs(1)
    one = subject.attribute(model, inputs, target=target, baselines=varied[:1])
    many = subject.attribute(model, inputs, target=target, baselines=varied[:1].expand_as(inputs))
    compare(one, many, tolerance(case, many), "with a baseline of batch one", case)


@prop("contract")
def empty_batch(subject: Subject, draw: st.DataObject) -> None:
    """A batch of none gives a result of none."""
    case = sound(subject, draw, ("linear", "relu"))
    inputs = case.inputs()[:0]
    found = subject.attribute(case.model(), inputs, target=0)
    if found.shape != inputs.shape:
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


@prop("contract", lambda subject: _perturbs(subject) and subject.takes("baselines"))
def a_nan_does_not_spread(subject: Subject, draw: st.DataObject) -> None:
    """A NaN in one element of a baseline reaches no element that is replaced apart from it."""
    case = sound(subject, draw, ("linear",))
    # Only what no replacement can share with the last element: all but a window's reach.
    apart = case.layout.features[0] - max(subject.window or (1,))
    hypothesis.assume(apart > 0)
    inputs, clean = case.inputs(), case.inputs(1)[:1]
    baseline = clean.clone()
    baseline[0, -1] = float("nan")
    found, expected = (
        subject.attribute(case.model(), inputs, target=0, baselines=b) for b in (baseline, clean)
    )
    limit = tolerance(case, expected)
    compare(found[:, :apart], expected[:, :apart], limit, "with a NaN elsewhere", case)


@prop("contract")
def bad_arguments_are_refused(subject: Subject, draw: st.DataObject) -> None:
    """A target out of range, or a baseline or mask that does not fit, raises an error."""
    case = sound(subject, draw, ("linear", "relu"), batches=(2, 3))
    model, inputs = case.model(), case.inputs()
    bad: list[dict[str, Any]] = [
        {"target": case.layout.classes},
        {"target": [0] * (case.batch + 1)},
        {},
    ]
    if subject.takes("baselines"):
        bad += [{"target": 0, "baselines": torch.zeros(2, 7)}, {"target": 0, "baselines": (0, 0)}]
    if subject.takes("feature_mask"):
        shape = (1, inputs.shape[1] + 1)
        bad.append({"target": 0, "feature_mask": torch.zeros(shape, dtype=torch.long)})
        bad.append({"target": 0, "feature_mask": (torch.zeros_like(inputs).long(),) * 2})
    ours = issubclass(subject.cls, (GradientAttribution, PerturbationAttribution))
    expected: type[Exception] = AscribeError if ours else Exception
    for arguments in bad:
        try:
            subject.attribute(model, inputs, **arguments)
        except expected:
            continue
        except Exception as error:
            raise PropertyFailure(f"{arguments} raised {error!r}, no error of ours") from error
        raise PropertyFailure(f"{arguments} was taken without an error, on {case}")

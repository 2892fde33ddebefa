"""The contract of the interface: what every method must keep, whatever it computes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import hypothesis
import torch
from hypothesis import strategies as st

from ascribe.attribution import GradientAttribution, PerturbationAttribution
from ascribe.errors import AscribeError
from ascribe.parameters import inner_of
from ascribe.targets import Targets
from ascribe.testing import zoo
from ascribe.testing.properties import prop
from ascribe.testing.sound import any_target, of_every_family, sound, tolerance
from ascribe.testing.subject import PropertyFailure, Subject, compare, seed_everything


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
    for case in of_every_family(subject, draw):
        try:
            subject.attribute(case.model(), case.inputs(), target=0)
        except Exception as error:
            told = str(error).partition("\n")[0]
            kind = type(error).__name__
            raise PropertyFailure(f"raised {kind}: {told}, on {case}") from error


@prop("contract", lambda subject: subject.takes_vectors)
def whole_numbers(subject: Subject, draw: st.DataObject) -> None:
    """Whole numbers, such as a table of embeddings takes, get what the same numbers in floating
    point get, or an error: never numbers that a gradient or noise of whole numbers gave."""  # noqa: D209
    case = replace(sound(subject, draw, ("linear",)), family="words")
    words, ids, base = case.model(), case.inputs(), subject.baselines(case)
    table = zoo.composed(lambda x: words(x.round().long()), words)
    try:
        found = subject.attribute(words, ids, target=0, baselines=base)
    except Exception:
        return
    expected = subject.attribute(table, ids.double(), target=0, baselines=base.double())
    compare(found, expected, tolerance(case, expected), "of whole numbers", case)


def _example_by_example(subject: Subject) -> bool:
    return not getattr(subject.cls, "over_the_batch", False)


@prop("contract", _example_by_example)
def examples_are_independent(subject: Subject, draw: st.DataObject) -> None:
    """One example's result does not depend on the others in its batch, nor on their order."""
    case = sound(subject, draw, batches=(2, 3))
    model, inputs, target = case.model(), case.inputs(), any_target(draw, case)
    baseline = subject.baselines(case)
    whole = subject.attribute(model, inputs, target=target, baselines=baseline)
    for row in range(case.batch):
        part = slice(row, row + 1)
        alone = subject.attribute(model, inputs[part], target=target, baselines=baseline[part])
        compare(whole[part], alone, tolerance(case, whole), "beside other examples", case)
    order = torch.tensor(draw.draw(st.permutations(range(case.batch)), label="order"))
    moved = subject.attribute(model, inputs[order], target=target, baselines=baseline[order])
    compare(moved, whole[order], tolerance(case, whole), "in another order", case)


CUTS = ("perturbations_per_eval", "internal_batch_size", "nt_samples_batch_size")


@prop("contract", _knows(*CUTS))
def how_work_is_cut(subject: Subject, draw: st.DataObject) -> None:
    """However the work is cut into evaluations, the numbers are the same."""
    case = sound(subject, draw)
    model, inputs, target = case.model(), case.inputs(), any_target(draw, case)
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
    """Two calls give the same numbers: with the same ``seed`` where one is taken, whatever the
    global random state; else in the same state."""  # noqa: D209
    case = sound(subject, draw)
    model, inputs = case.model(), case.inputs()
    seed = case.layout.seed if subject.takes("seed") else None
    results = []
    for turn in range(2):
        seed_everything(case.layout.seed if seed is None else turn)
        results.append(subject.call(subject.make(model), inputs, target=0, seed=seed))
    compare(results[0], results[1], 0.0, "in a second call", case)


@prop("contract")
def calls_are_independent(subject: Subject, draw: st.DataObject) -> None:
    """A method that is made once gives in every call what one made anew gives."""
    case = sound(subject, draw)
    model, inputs = case.model(), case.inputs()
    method = subject.make(model)

    def check(when: str) -> None:
        results = []
        for one in (method, subject.make(model)):
            seed_everything(case.layout.seed)
            results.append(subject.call(one, inputs, target=0))
        compare(results[0], results[1], tolerance(case, results[1]), when, case)

    check("in a first call")
    check("in a second call")
    inputs.copy_(case.inputs(1))
    check("in a call after the inputs changed in place")
    inputs = case.inputs(2)
    check("in a call with other inputs")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
    check("in a call after the weights changed")


def _chooses_scores(subject: Subject) -> bool:
    return subject.takes("target") and not subject.takes("neuron_selector")


@prop("contract", _chooses_scores)
def targets_of_each_form(subject: Subject, draw: st.DataObject) -> None:
    """A target for each example, in a list or a tensor, equals calls with a lone target."""
    case = sound(subject, draw)
    model, inputs = case.model(), case.inputs()
    chosen = [any_target(draw, case) for _ in range(case.batch)]
    alone = [
        subject.attribute(model, inputs, target=target) for target in range(case.layout.classes)
    ]
    expected = torch.stack([alone[target][row] for row, target in enumerate(chosen)])
    for form in (chosen, torch.tensor(chosen)):
        found = subject.attribute(model, inputs, target=form)
        compare(found, expected, tolerance(case, expected), f"with target={form}", case)


def _takes_several(subject: Subject) -> bool:
    return bool(getattr(subject.cls, "several_targets", False)) and _chooses_scores(subject)


@prop("contract", _takes_several)
def several_targets_at_once(subject: Subject, draw: st.DataObject) -> None:
    """Several targets in one pass equal a call for each."""
    case = sound(subject, draw)
    model, inputs = case.model(), case.inputs()
    chosen = [any_target(draw, case) for _ in range(draw.draw(st.integers(1, 3), label="targets"))]
    together = subject.attribute(model, inputs, target=Targets(chosen))
    alone = torch.stack([subject.attribute(model, inputs, target=target) for target in chosen])
    compare(together, alone, tolerance(case, alone), "in one pass", case)


@prop("contract", _knows("baselines"))
def baselines_of_each_form(subject: Subject, draw: st.DataObject) -> None:
    """A baseline as a number, of batch one or of the whole batch means the same."""
    case = sound(subject, draw)
    model, inputs, target = case.model(), case.inputs(), any_target(draw, case)
    number = draw.draw(st.sampled_from([0.5, -1, 0]), label="baseline")
    full = torch.full_like(inputs, number)
    expected = subject.attribute(model, inputs, target=target, baselines=full)
    forms = (full[:1],) if subject.draws_baselines else (number, full[:1])
    for form in forms:
        found = subject.attribute(model, inputs, target=target, baselines=form)
        compare(found, expected, tolerance(case, expected), "with another form of baseline", case)
    varied = case.inputs(1)
    one = subject.attribute(model, inputs, target=target, baselines=varied[:1])
    many = subject.attribute(model, inputs, target=target, baselines=varied[:1].expand_as(inputs))
    compare(one, many, tolerance(case, many), "with a baseline of batch one", case)


def _tells_delta(subject: Subject) -> bool:
    # What is around another method tells of noisy inputs, not of these.
    told = subject.takes("return_convergence_delta") and inner_of(subject.parameters) is None
    # Without baselines it tells of conservation, less what biases absorb.
    multiplied = bool(subject.parameters.get("multiply_by_inputs", True))
    return told and multiplied and subject.takes("baselines")


@prop("contract", _tells_delta)
def convergence_delta(subject: Subject, draw: st.DataObject) -> None:
    """The convergence delta is the sum of the attributions less the change of the score."""
    case = sound(subject, draw)
    model, x, target = case.model(), case.inputs(), any_target(draw, case)
    b = subject.baselines(case)
    found, delta = subject.attribute(
        model, x, target=target, baselines=b, return_convergence_delta=True, **subject.quiet
    )
    with torch.no_grad():
        at_x, at_b = (model(point.clone())[:, target] for point in (x, b))
    expected = found.flatten(1).sum(1) - (at_x - at_b)
    if delta.numel():  # one for each example, or for each sample of it
        delta = delta.reshape(case.batch, -1).mean(1)
    compare(delta, expected, tolerance(case, found, at_x, at_b), "convergence delta", case)


@prop("contract", lambda subject: _perturbs(subject) and subject.takes("baselines"))
def a_nan_does_not_spread(subject: Subject, draw: st.DataObject) -> None:
    """A NaN in one element of a baseline reaches that element, and none replaced apart from it."""
    case = sound(subject, draw, ("linear",))
    # Only what no replacement can share with the last element: all but a window's reach.
    jointly = getattr(subject.cls, "jointly", False)
    apart = 0 if jointly else case.layout.features[0] - max(subject.window or (1,))
    hypothesis.assume(apart > 0 or jointly)
    inputs, clean = case.inputs(), case.inputs(1)[:1]
    baseline = clean.clone()
    baseline[0, -1] = float("nan")
    found, expected = (
        subject.attribute(case.model(), inputs, target=0, baselines=b) for b in (baseline, clean)
    )
    limit = tolerance(case, expected)
    compare(found[:, :apart], expected[:, :apart], limit, "with a NaN elsewhere", case)
    if not bool(found[:, -1].isnan().all()):
        raise PropertyFailure(f"a NaN in the baseline is passed over in silence, on {case}")


@prop("contract", _knows("return_standard_errors"))
def standard_errors(subject: Subject, draw: st.DataObject) -> None:
    """Attributions are the same with and without standard errors, which have their form and are
    not negative."""  # noqa: D209
    case = sound(subject, draw)
    model, inputs, target = case.model(), case.inputs(), any_target(draw, case)
    alone = subject.attribute(model, inputs, target=target)
    found, errors = subject.attribute(model, inputs, target=target, return_standard_errors=True)
    compare(found, alone, 0.0, "with standard errors", case)
    if errors.shape != found.shape or not bool((errors >= 0).all()):
        raise PropertyFailure(f"standard errors are {errors}, on {case}")


@prop("contract", lambda subject: hasattr(subject.cls, "cost"))
def cost(subject: Subject, draw: st.DataObject) -> None:
    """The cost that is told before a call is that of the call: evaluations of one example, but for
    those that find out whether examples may share one."""  # noqa: D209
    case = sound(subject, draw, ("linear", "relu", "flat linear"))
    model, inputs, seen = case.model(), case.inputs(), [0]

    def counted(x: torch.Tensor) -> torch.Tensor:
        seen[0] += len(x)
        return torch.as_tensor(model(x))

    told = subject.cost(zoo.composed(counted, model), inputs, target=0)
    seen[0] = 0
    subject.attribute(zoo.composed(counted, model), inputs, target=0)
    # To find out takes a few for each set of changed inputs, however small.
    if not told <= seen[0] <= 2 * told + 4 * case.batch:
        raise PropertyFailure(f"{told} evaluations were told, {seen[0]} were made, on {case}")


@prop("contract")
def bad_arguments_are_refused(subject: Subject, draw: st.DataObject) -> None:
    """A target out of range, or a baseline or mask that does not fit, raises an error."""
    case = sound(subject, draw, ("linear", "relu"), batches=(2, 3))
    model, inputs = case.model(), case.inputs()
    bad: list[dict[str, Any]] = []
    if subject.takes("target") or subject.takes("neuron_selector"):
        bad += [{"target": case.layout.classes}, {"target": [0] * (case.batch + 1)}]
    if _chooses_scores(subject):
        bad.append({})
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

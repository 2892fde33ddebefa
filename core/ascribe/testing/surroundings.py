"""What a method does to all around it, and what all around does to a method."""

from __future__ import annotations

import contextlib
import random
import threading
import warnings
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from ascribe.testing import zoo
from ascribe.testing.properties import prop
from ascribe.testing.sound import sound, tolerance
from ascribe.testing.subject import PropertyFailure, Subject, cases, compare, seed_everything


def _snapshot(model: nn.Module, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """Return all that a call must leave alone, in a form that can be compared."""
    state: dict[str, Any] = {"torch's random state": torch.get_rng_state().numpy().tobytes()}
    state["Python's random state"] = random.getstate()
    state["numpy's random state"] = str(np.random.get_state())
    state["autograd's mode"] = torch.is_grad_enabled()
    state["torch's default dtype"] = torch.get_default_dtype()
    state["the filters of warnings"] = list(warnings.filters)
    for index, tensor in enumerate(inputs):
        state[f"input {index}"] = tensor.detach().numpy().tobytes()
        state[f"input {index}'s requires_grad"] = tensor.requires_grad
        state[f"input {index}'s grad"] = _content(tensor.grad)
        state[f"input {index}'s version"] = tensor._version
    # Not of `state_dict`: that leaves out buffers that are not persistent.
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        state[f"the model's {name}"] = tensor.detach().numpy().tobytes()
    for name, parameter in model.named_parameters():
        state[f"{name}'s grad"] = _content(parameter.grad)
        state[f"{name}'s requires_grad"] = parameter.requires_grad
    for name, module in model.named_modules():
        for key, value in vars(module).items():
            state[f"attribute {key} of module {name!r}"] = (
                list(value)
                if isinstance(value, dict)
                else value
                if key == "training"
                else id(value)
            )
    return state


def _content(tensor: Tensor | None) -> bytes | None:
    return None if tensor is None else tensor.detach().numpy().tobytes()


def _use(draw: st.DataObject, model: nn.Module, inputs: Tensor) -> None:
    """Give a model and inputs marks of use, and generators a state that no seed of 0 gives."""
    if draw.draw(st.booleans(), label="training"):
        model.train()
    if draw.draw(st.booleans(), label="frozen"):
        model.requires_grad_(False)
    if draw.draw(st.booleans(), label="with gradients"):
        inputs.requires_grad_().grad = torch.ones_like(inputs)
        for parameter in model.parameters():
            parameter.grad = torch.ones_like(parameter)
    seed_everything(20_231)


def _require_untouched(before: dict[str, Any], after: dict[str, Any], when: str) -> None:
    changed = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    if changed:
        raise PropertyFailure(f"{when}, this was changed: {', '.join(changed)}")


@prop("contract")
def leaves_no_trace(subject: Subject, draw: st.DataObject) -> None:
    """A call leaves inputs, model, gradients, hooks, flags and random states as they were."""
    # By chance any; and always one that writes to what it is given, and one with buffers.
    every = [sound(subject, draw)]
    if subject.takes_vectors:
        every.append(draw.draw(cases(subject, ("first in place",))))
    if subject.takes_pictures:
        every.append(draw.draw(cases(subject, ("convolutional",))))
    for case in every:
        model, inputs = case.model(), case.inputs()
        _use(draw, model, inputs)
        before = _snapshot(model, (inputs,))
        with contextlib.suppress(Exception):  # `runs_on_every_model` tells of what it raises
            subject.call(subject.make(model), inputs, target=0)
        _require_untouched(before, _snapshot(model, (inputs,)), f"after a call on {case}")


class Bang(Exception):  # noqa: N818 - what a model raises, not what we do
    """What a model raises in the middle of an attribution."""


@prop("contract")
def leaves_no_trace_after_an_exception(subject: Subject, draw: st.DataObject) -> None:
    """Nor does a call in which the model raises, or the user interrupts, at any evaluation."""
    case = sound(subject, draw, ("relu", "convolutional"))
    kind = draw.draw(st.sampled_from([Bang, KeyboardInterrupt]), label="exception")
    last = draw.draw(st.integers(1, 3), label="raised at evaluation")
    model, inputs, seen = case.model(), case.inputs(), [0]

    def count(*_: Any) -> None:
        seen[0] += 1
        if seen[0] == last:
            raise kind

    model.register_forward_pre_hook(count)
    _use(draw, model, inputs)
    before = _snapshot(model, (inputs,))
    with contextlib.suppress(Bang, KeyboardInterrupt):
        subject.call(subject.make(model), inputs, target=0)
    after = _snapshot(model, (inputs,))
    _require_untouched(before, after, f"after a {kind.__name__} at evaluation {last} on {case}")


@prop("contract")
def where_gradients_are_off(subject: Subject, draw: st.DataObject) -> None:
    """Under ``no_grad`` and ``inference_mode`` a call gives the same numbers."""
    case = sound(subject, draw)
    model, inputs = case.model(), case.inputs()
    expected = subject.attribute(model, inputs, target=0)
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            found = subject.attribute(model, case.inputs(), target=0)
        compare(found, expected, tolerance(case, expected), f"under {mode.__name__}", case)


@prop("contract")
def beside_another_thread(subject: Subject, draw: st.DataObject) -> None:
    """Another thread that runs the same model meanwhile finds it as it was, and does no harm."""
    case = sound(subject, draw, ("relu", "relu in place"))
    inner, inputs, caller, wrong = case.model(), case.inputs(), threading.get_ident(), list[str]()

    def interrupted(x: Tensor) -> Tensor:
        if threading.get_ident() == caller:  # in the middle of the call: the other thread's turn
            other = threading.Thread(target=run)
            other.start()
            other.join()
        return torch.as_tensor(inner(x))

    model = zoo.composed(interrupted, inner)
    model.train(draw.draw(st.booleans(), label="training"))
    answer, flags = inner(inputs.clone()).detach(), _flags(model)

    def run() -> None:
        try:
            given = model(inputs.clone())
            if _flags(model) != flags or not given.requires_grad:
                wrong.append("it found training or requires_grad changed")
            elif not torch.equal(given.detach(), answer):
                wrong.append("its answer changed")
        except Exception as error:
            wrong.append(repr(error))

    expected = subject.attribute(inner, inputs, target=0)
    found = subject.attribute(model, inputs, target=0)
    if wrong:
        raise PropertyFailure(f"another thread felt it: {wrong[0]}, on {case}")
    compare(found, expected, tolerance(case, expected), "beside another thread", case)


def _flags(model: nn.Module) -> list[bool]:
    modes = [module.training for module in model.modules()]
    return modes + [parameter.requires_grad for parameter in model.parameters()]

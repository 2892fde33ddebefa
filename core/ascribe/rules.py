"""A model run with an algorithm's own rule for each operation.

A mode of torch's sees every operation that a model runs: functions, methods and modules alike, in
place or not, made anew in each pass or used twice. For each, `Rules` says what its value is and how
what comes back from above goes on to its operands. The model itself is not touched, and other
threads see nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ascribe import calls, decompositions, operations
from ascribe.calls import Call, Pull, call_of
from ascribe.detached import FixedBatchNorm
from ascribe.errors import InputError, UnsupportedOperation
from ascribe.layers import saving_is_hooked
from ascribe.notes import note


class Rules(TorchFunctionMode):
    """Sees each operation that depends on what is attributed, and gives it its rule.

    A subclass says by `treat` what a rule is, and by `native` which operations need none.

    Parameters
    ----------
    table
        Rules by an operation's name: see `ascribe.operations.name_of`.
    modules
        The model's, for errors to name.
    given
        Rules of the user's own, by name or by function: they come before all others.
    decomposed
        Decompositions of the algorithm's own, beside `ascribe.decompositions.DECOMPOSED`.
    on_unsupported
        What becomes of an operation without a rule: ``error``, or ``gradient``.
    """

    def __init__(
        self,
        table: Mapping[Any, Any],
        modules: Sequence[nn.Module] = (),
        given: Mapping[Any, Any] | None = None,
        decomposed: Mapping[str, Callable[..., Any]] | None = None,
        on_unsupported: str = "error",
    ) -> None:
        super().__init__()
        check_on_unsupported(on_unsupported)
        self._table, self._given = table, given or {}
        self._decomposed = {**decompositions.DECOMPOSED, **(decomposed or {})}
        self._modules, self._on_unsupported = modules, on_unsupported

    def concerns(self, name: str) -> bool:
        """Whether an operation of this name may need more than what torch does."""
        return True

    def treat(self, call: Call, rule: Any) -> Any:
        """Return the value of an operation, with its rule attached; see `substitute`."""
        raise NotImplementedError

    def native(self, call: Call) -> bool:
        """Whether torch's own gradient of an operation is what the algorithm wants."""
        return operations.is_linear(call)

    def passed(self, call: Call) -> Any:
        """Return the value of an operation that is `native`."""
        return call.run()

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = operations.name_of(func)
        if name in operations.ACCESS or not self.concerns(name):
            return func(*args, **(kwargs or {}))
        call = call_of(func, args, kwargs or {})
        if not call.places or not torch.is_grad_enabled():
            return call.run()
        if saving_is_hooked():
            raise InputError(
                "a checkpoint runs the model again in the backward pass, where no rule reaches; "
                "turn checkpointing off (of a transformer: model.gradient_checkpointing_disable())"
            )
        own = self._given.get(call.func, self._given.get(call.name))
        if own is None:
            if operations.is_random(call):
                return self.refuse(call, "draws at random: call model.eval() first")
            if self.native(call):
                return self.passed(call)
        written = call.aside()
        value = self._ruled(call, own)
        return value if written is None else written.copy_(value)

    def _ruled(self, call: Call, own: Any) -> Any:
        simpler = None if own else operations.simpler(call)
        rule = own or self._table.get(call.name)
        if simpler is None and rule is not None:
            return self.treat(call, rule)
        simpler = simpler or self._decomposed.get(call.name) or operations.opened(call.func)
        if simpler is not None:
            args, kwargs = call.arguments()
            with self:
                return simpler(*args, **kwargs)
        value = call.run()
        return self.refuse(call) if any(map(calls.depends, calls.leaves_of(value))) else value

    def refuse(
        self, call: Call, why: str = "is not linear, and has no rule", ways_out: str = ""
    ) -> Any:
        """Raise `UnsupportedOperation`, or return the operation's value with its own gradient."""
        where = calls.place(self._modules)
        if self._on_unsupported == "gradient":
            note(
                f"{call.name}, {where}, {why}: its gradient stands in, and the attributions may be "
                f"off"
            )
            return call.run()
        ways_out = ways_out or (
            f"make the method with rules={{{call.name!r}: ...}} to give it one, or with "
            f"on_unsupported='gradient' to let its gradient stand in"
        )
        raise UnsupportedOperation(f"{call.name}, {where}, {why}; {ways_out}")

    def check_hidden(self, output: Tensor) -> None:
        """Refuse a custom autograd function in the graph: what it computes is not seen."""
        name = _custom_function(output)
        if name is None:
            return
        told = f"the custom autograd function {name} hides what it computes"
        if self._on_unsupported == "gradient":
            note(f"{told}: its gradient stands in, and the attributions may be off")
            return
        raise UnsupportedOperation(
            f"{told}; write it with torch's operations, or make the method with "
            f"on_unsupported='gradient' to let its gradient stand in"
        )


def check_on_unsupported(choice: Any) -> None:
    """Refuse what `Rules` does not take as ``on_unsupported``."""
    if choice not in ("error", "gradient"):
        raise InputError(f"on_unsupported must be 'error' or 'gradient', but is {choice!r}")


def substitute(call: Call, value: Tensor, pull: Pull) -> Tensor:
    """Return a value that depends on an operation's operands by a rule instead of its gradient."""
    return torch.as_tensor(_Substitute.apply([value], pull, *call.operands))  # type: ignore[no-untyped-call]


class _Substitute(torch.autograd.Function):
    ours = True

    @staticmethod
    def forward(ctx: Any, held: list[Tensor], pull: Pull, *operands: Tensor) -> Tensor:
        ctx.pull = pull
        value = held[0].detach()
        kept = {operand.untyped_storage().data_ptr() for operand in operands}
        # A view of an operand would be written to where the model writes to that.
        return value.clone() if value.untyped_storage().data_ptr() in kept else value

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> Any:
        pulled = ctx.pull(cotangents[0])
        return None, None, *((pulled,) if isinstance(pulled, Tensor) else pulled)


def _custom_function(output: Tensor) -> str | None:
    seen, queue = set(), [output.grad_fn]
    while queue:
        node = queue.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        made_by = getattr(type(node), "_forward_cls", None)
        if made_by not in (None, FixedBatchNorm) and not getattr(made_by, "ours", False):
            return str(made_by.__name__)
        queue += [next_node for next_node, _ in node.next_functions]
    return None

"""What a row of the benchmark is: a job that both libraries can do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

Value = TypeVar("Value")

CPU = torch.device("cpu")

#: The sides of a row, as results name them.
SIDES = ("ascribe", "captum", "tuned")


@dataclass(frozen=True)
class Setting:
    """Where a row runs, and how large it is.

    Attributes
    ----------
    device
        ``cpu`` or ``cuda``.
    small
        Run a variant of the row that takes a second or so, to see that it works.
    """

    device: torch.device = CPU
    small: bool = False

    def pick(self, full: Value, small: Value) -> Value:
        """Return what is for the full size, or what is for the small one."""
        return small if self.small else full


@dataclass(frozen=True)
class Case:
    """A row, built: a model, and calls that attribute its score.

    Attributes
    ----------
    model
        Whose evaluations are counted; None where there is no one model.
    ascribe, captum
        The calls that are compared: Captum as it is by default.
    tuned
        Captum told by hand to do better, where it can be.
    check
        Calls of Ascribe and Captum whose results must agree, where those of the job itself are
        random or known to differ; None for the job's own.
    seen
        What of the results is compared.
    clocked
        True where calls return seconds that they measured themselves.
    """

    model: nn.Module | None
    ascribe: Callable[[], Tensor]
    captum: Callable[[], Tensor]
    tuned: Callable[[], Tensor] | None = None
    check: tuple[Callable[[], Tensor], Callable[[], Tensor]] | None = None
    seen: Callable[[Tensor], Tensor] = lambda result: result
    clocked: bool = False

    @property
    def calls(self) -> dict[str, Callable[[], Tensor]]:
        """The calls by side, without those that there are not."""
        given = dict(zip(SIDES, (self.ascribe, self.captum, self.tuned), strict=True))
        return {side: call for side, call in given.items() if call is not None}


@dataclass(frozen=True)
class Row:
    """A job that both libraries can do.

    Attributes
    ----------
    name
        What the command line calls it.
    build
        Makes the case for a setting; raises `Skipped` where something is missing.
    tolerance
        By how much the results may differ, relative to the largest attribution.
    what
        The job, in a few words.
    agreement
        What is compared, where that is not the job's own result.
    """

    name: str
    build: Callable[[Setting], Case]
    tolerance: float
    what: str = ""
    agreement: str = "attributions"


class Skipped(Exception):  # noqa: N818 - no error
    """Says why a row cannot be run here."""

"""One row, measured: first whether the numbers agree, then what they cost."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from benchmarks.memory import growth_in_a_process
from benchmarks.row import Case, Row, Setting, Skipped
from benchmarks.timing import Times, in_turns, quiet, rows_seen, spread


@dataclass
class Measured:
    """What a row came to; each dict has an entry for each side that there is.

    Attributes
    ----------
    name, what, agreement, tolerance
        The row's.
    status
        ``ok``, ``disagrees`` (then nothing is timed) or ``skipped``.
    why
        Of what is not ``ok``.
    difference
        From Ascribe, relative to the largest attribution.
    evaluations
        How many rows the model saw.
    times
        Seconds by round.
    ratio, cpu_ratio
        Quartiles, by side of Captum's, of how many times longer it took than Ascribe.
    megabytes
        By how much memory grew.
    """

    name: str
    what: str
    agreement: str
    tolerance: float
    status: str = "ok"
    why: str = ""
    difference: dict[str, float] = field(default_factory=dict)
    evaluations: dict[str, int] = field(default_factory=dict)
    times: dict[str, Times] = field(default_factory=dict)
    ratio: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    cpu_ratio: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    megabytes: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain numbers and words."""
        return asdict(self)

    @classmethod
    def from_json(cls, held: dict[str, Any]) -> Measured:
        """Return what `as_json` told."""
        times = {side: Times(**seconds) for side, seconds in held["times"].items()}
        return cls(**{**held, "times": times})


def measure(row: Row, setting: Setting, rounds: int, memory: bool = True) -> Measured:
    """Return what a row comes to.

    Parameters
    ----------
    row, setting
        What to run, where.
    rounds
        How often each side has its turn; 0 to see only whether the numbers agree.
    memory
        Measure memory, too.
    """
    measured = Measured(row.name, row.what, row.agreement, row.tolerance)
    try:
        case = row.build(setting)
    except Skipped as skipped:
        measured.status, measured.why = "skipped", str(skipped)
        return measured
    _compare(case, measured)
    off = {s: d for s, d in measured.difference.items() if not d <= row.tolerance}
    if off:
        measured.status = "disagrees"
        measured.why = ", ".join(f"{side} is off by {by:.2g}" for side, by in off.items())
        return measured
    if rounds:
        _time(case, measured, rounds, setting)
    if memory and not case.clocked:
        for side in case.calls:
            threads = torch.get_num_threads()
            measured.megabytes[side] = growth_in_a_process(row, side, setting, threads)
    return measured


def _compare(case: Case, measured: Measured) -> None:
    """Note how far Captum is from Ascribe, and how often either runs the model."""
    results: dict[str, Any] = {}
    for side, call in case.calls.items():
        with quiet(), rows_seen(case.model) as seen:
            results[side] = call()
        if case.model is not None:
            measured.evaluations[side] = sum(seen)
    if case.clocked:
        return
    if case.check is not None:
        with quiet():
            results = {side: call() for side, call in zip(results, case.check, strict=False)}
    for side in list(results)[1:]:
        measured.difference[side] = difference(
            case.seen(results["ascribe"]), case.seen(results[side])
        )


def _time(case: Case, measured: Measured, rounds: int, setting: Setting) -> None:
    times = in_turns(case.calls, rounds, setting.device, case.clocked)
    measured.times = times
    for side in list(times)[1:]:
        ours, theirs = times["ascribe"], times[side]
        measured.ratio[side] = spread(ours.wall, theirs.wall)
        measured.cpu_ratio[side] = spread(ours.cpu, theirs.cpu)


def difference(ours: Tensor, theirs: Tensor) -> float:
    """Return the largest difference, relative to the largest magnitude of either."""
    ours, theirs = ours.detach().double(), theirs.detach().double()
    if ours.shape != theirs.shape:
        return float("inf")
    largest = torch.maximum(ours.abs().max(), theirs.abs().max())
    return float((ours - theirs).abs().max() / largest) if largest else 0.0

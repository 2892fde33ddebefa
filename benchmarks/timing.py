"""Time in turns: what one machine does at one time can be compared, even where others use it."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

#: A measurement takes at least so many seconds: shorter calls are made several times.
SHORTEST = 0.03


@dataclass
class Times:
    """Seconds of one call in each round, as a clock on the wall and as the processors count.

    Attributes
    ----------
    wall, cpu
        One entry for each round.
    """

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def in_turns(
    calls: Mapping[str, Callable[[], Any]], rounds: int, device: torch.device, clocked: bool = False
) -> dict[str, Times]:
    """Return the times of calls that take turns; the order changes from round to round.

    Parameters
    ----------
    calls
        By side. Each has run before.
    rounds
        How often each has its turn.
    device
        What is waited for before a clock is read.
    clocked
        The calls return seconds that they measured themselves.
    """
    once = {side: Times() for side in calls}
    for side, call in calls.items():
        _measure(call, 1, device, clocked, once[side])
    repeats = {side: max(1, int(SHORTEST / max(t.wall[0], 1e-6))) for side, t in once.items()}
    times = {side: Times() for side in calls}
    for number in range(rounds):
        order = list(calls) if number % 2 == 0 else list(calls)[::-1]
        for side in order:
            _measure(calls[side], 1 if clocked else repeats[side], device, clocked, times[side])
    return times


def _measure(
    call: Callable[[], Any], repeats: int, device: torch.device, clocked: bool, times: Times
) -> None:
    with quiet():
        _wait(device)
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(repeats):
            told = call()
        _wait(device)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    times.wall.append(float(told) if clocked else wall / repeats)
    times.cpu.append(float(told) if clocked else cpu / repeats)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep warnings of either library out of the way."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def spread(ours: list[float], theirs: list[float]) -> tuple[float, float, float]:
    """Return the quartiles of the ratios of theirs to ours, round by round: the median is second.

    Parameters
    ----------
    ours, theirs
        One entry for each round.
    """
    low, middle, high = np.percentile(np.divide(theirs, ours), [25, 50, 75])
    return float(low), float(middle), float(high)


@contextmanager
def rows_seen(model: nn.Module | None) -> Iterator[list[int]]:
    """Collect, in a list, how many rows the model sees in each forward pass of the block.

    A library that runs a copy of the model, or parts of it, is not seen.
    """
    seen: list[int] = []

    def note(module: nn.Module, args: Any, output: Tensor) -> None:
        seen.append(len(output))

    handle = None if model is None else model.register_forward_hook(note)
    try:
        yield seen
    finally:
        if handle is not None:
            handle.remove()

"""Results as a table in Markdown, and as JSON."""

from __future__ import annotations

import platform
import statistics
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

import torch

from benchmarks.measuring import Measured
from benchmarks.row import SIDES, Setting

HEADINGS = (
    "row", "Ascribe, s", "Captum, s", "tuned, s", "Captum / Ascribe", "tuned / Ascribe",
    "CPU time", "memory, MB", "evaluations", "difference",
)  # fmt: skip


def surroundings(setting: Setting, rounds: int) -> dict[str, Any]:
    """Return what the numbers were measured on."""
    cuda = setting.device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(setting.device) if cuda else "cpu",
        "machine": f"{platform.machine()}, {platform.system()}",
        "threads": torch.get_num_threads(),
        "rounds": rounds,
        "small": setting.small,
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "torchvision", "captum", "ascribe")},
    }


#: What a brief table shows.
BRIEF = ("row", "Captum / Ascribe", "tuned / Ascribe", "memory, MB")


def as_markdown(around: Mapping[str, Any], rows: Iterable[Measured], brief: bool = False) -> str:
    """Return a table of all rows, below a line that says what they were measured on."""
    shown = [HEADINGS.index(heading) for heading in (BRIEF if brief else HEADINGS)]
    table = [HEADINGS, ["---"] * len(HEADINGS), *map(cells, rows)]
    lines = [_line(line[place] for place in shown) for line in table]
    return "\n".join([told(around), "", *lines])


def told(around: Mapping[str, Any]) -> str:
    """Return in a line what the numbers were measured on."""
    return ", ".join(f"{key} {value}" for key, value in around.items())


def cells(row: Measured) -> list[str]:
    """Return the cells of a row of the table."""
    title = f"`{row.name}`: {row.what}"
    if row.status != "ok":
        return [title, f"{row.status}: {row.why}", *[""] * (len(HEADINGS) - 2)]
    seconds = {side: statistics.median(t.wall) for side, t in row.times.items()}
    return [
        title,
        *(_significant(seconds.get(side)) for side in SIDES),
        *(_ratio(row.ratio.get(side)) for side in SIDES[1:]),
        " / ".join(f"{row.cpu_ratio[side][1]:.2f}" for side in SIDES[1:] if side in row.cpu_ratio),
        " / ".join(f"{row.megabytes[side]:.0f}" for side in SIDES if side in row.megabytes),
        " / ".join(str(row.evaluations[side]) for side in SIDES if side in row.evaluations),
        _differences(row),
    ]


def _differences(row: Measured) -> str:
    if not row.difference:
        return ""
    return f"{max(row.difference.values()):.1g} of {row.tolerance:g} ({row.agreement})"


def _ratio(quartiles: tuple[float, float, float] | None) -> str:
    if quartiles is None:
        return ""
    low, middle, high = quartiles
    return f"**{middle:.2f}** ({low:.2f} to {high:.2f})"


def _significant(number: float | None) -> str:
    return "" if number is None else f"{number:.3g}"


def _line(parts: Iterable[str]) -> str:
    return f"| {' | '.join(parts)} |"

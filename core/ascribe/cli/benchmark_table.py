"""What methods were found to be, as a table and as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ascribe.metrics.scene_benchmark import Results


def sorted_rows(rows: Mapping[str, Results], sort: str) -> dict[str, Results]:
    """Return rows with the best first, and those without a number last."""
    from ascribe.metrics import METRICS

    if sort == "name":
        return dict(sorted(rows.items()))

    def key(item: tuple[str, Results]) -> float:
        found = item[1]
        if sort == "seconds":
            return _seconds(found)
        if sort not in found.numbers:
            return math.inf
        return (
            -found.mean(sort) if METRICS[sort].higher_is_better is not False else found.mean(sort)
        )

    return dict(sorted(rows.items(), key=key))


def _seconds(found: Results) -> float:
    return sum(found.seconds) / len(found.seconds) if found.seconds else math.inf


def table(
    rows: Mapping[str, Results], columns: list[str], controls: set[str], markdown: bool
) -> list[str]:
    """Return the lines of a table: means and standard errors, and arrows to the better side."""
    from ascribe.metrics import METRICS

    arrows = {True: " ↑", False: " ↓", None: ""}
    head = [f"{METRICS[c].title}{arrows[METRICS[c].higher_is_better]}" for c in columns]
    cells = [["method", *head, "s / picture"]]
    for name, found in rows.items():
        numbers = [_cell(found, column) for column in columns]
        seconds = f"{_seconds(found):.3f}" if found.seconds else ""
        cells.append([f"({name})" if name in controls else name, *numbers, seconds])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    padded = [[c.ljust(w) for c, w in zip(row, widths, strict=True)] for row in cells]
    if not markdown:
        return ["  ".join(row).rstrip() for row in padded]
    lines = [f"| {' | '.join(row)} |" for row in padded]
    return [lines[0], f"| {' | '.join('-' * width for width in widths)} |", *lines[1:]]


def _cell(found: Results, column: str) -> str:
    if column not in found.numbers:
        return ""
    error = found.standard_error(column)
    return f"{found.mean(column):.2f}" + ("" if math.isnan(error) else f" ± {error:.2f}")


def as_json(
    rows: Mapping[str, Results], controls: set[str], parameters: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return rows as plain values: means, standard errors and what they are of."""
    made = []
    for name, found in rows.items():
        metrics = {}
        for metric, groups in found.numbers.items():
            error = found.standard_error(metric)
            metrics[metric] = {
                "mean": found.mean(metric),
                "standard_error": None if math.isnan(error) else error,
                "targets": sum(map(len, groups)),
                "pictures": len(groups),
            }
        seconds = _seconds(found) if found.seconds else None
        shown = {key: repr(value) for key, value in parameters.get(name, {}).items()}
        made.append(
            {
                "name": name,
                "control": name in controls,
                "parameters": shown,
                "seconds": seconds,
                "metrics": metrics,
            }
        )
    return made

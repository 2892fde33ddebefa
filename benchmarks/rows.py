"""All rows of the benchmark by name."""

from __future__ import annotations

from benchmarks import gradient_rows, overhead_rows, perturbation_rows, rule_rows
from benchmarks.row import Row

ROWS: dict[str, Row] = {
    row.name: row
    for module in (perturbation_rows, gradient_rows, rule_rows, overhead_rows)
    for row in module.ROWS
}

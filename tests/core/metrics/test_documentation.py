"""The examples of docs/metrics.md run, one after the other."""

import re
from pathlib import Path

from ascribe.models import load_classifier

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "metrics.md"


def test_examples_run_and_every_metric_is_described():
    text = DOCUMENT.read_text(encoding="utf-8")
    names = {"model": load_classifier().model, "print": lambda *values: None}
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) > 5
    for block in blocks:
        exec(compile(block, str(DOCUMENT), "exec"), names)
    for name, metric in names["METRICS"].items():
        assert f"| `{name.removesuffix('_morf').removesuffix('_lerf')}`" in text, name
        assert callable(metric.function)

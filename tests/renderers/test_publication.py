"""Figures that are to be printed: nothing overlaps or is cut, and text stays text."""

import re
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from ascribe import registry

#: Names that would be cut, read as formulas or left out by a careless figure.
NAMES = (
    "income of the whole household, before taxes, in euro and of the last year",
    "a_name_with_underscores_and_without_any_space_to_break_it_at",
    "$x$",
    "_hidden",
    "age",
)


def tables(kind, count):
    generator = np.random.default_rng(0)
    values = generator.normal(size=(30, count))
    return {"mixed": values, "negative": -np.abs(values), "zero": 0 * values}[kind]


@pytest.mark.parametrize("renderer", ["bar", "waterfall", "beeswarm"])
@pytest.mark.parametrize(
    ("kind", "count"), [("mixed", 1), ("mixed", 5), ("mixed", 35), ("negative", 5), ("zero", 5)]
)
def test_rows_are_legible(renderer, kind, count, legible):
    values = tables(kind, count)
    names = [*NAMES, *(f"feature {i}" for i in range(30))][:count]
    draw = registry.renderers.get(renderer)().render
    rows = {} if renderer == "beeswarm" else {"example": 3}
    title = "why"
    shown = legible(
        draw(values, tables("mixed", count), names=names, title=title, max_features=25, **rows)
    )
    assert title in shown
    read = re.sub(r"\s", "", "".join(shown))
    weights = np.abs(values[3]) if rows else np.abs(values).mean(0)
    for index in np.argsort(-weights, kind="stable")[:25]:
        assert re.sub(r"\s", "", names[index]) in read


def test_bars_of_a_data_set_are_legible(legible):
    assert "5 others, summed" in legible(
        registry.renderers.get("bar")().render(tables("mixed", 25), max_features=20, title="all")
    )


@pytest.mark.parametrize("method", ["overlay_individual", "overlay_combined", "colored_graph"])
@pytest.mark.parametrize(
    ("kind", "channels"), [("mixed", 1), ("mixed", 5), ("mixed", 9), ("negative", 2), ("zero", 2)]
)
def test_series_are_legible(method, kind, channels, legible):
    labels = [*NAMES, *(f"channel {i}" for i in range(4))][:channels]
    values = tables(kind, 50)[:channels]
    figure = registry.renderers.get("time_series")().render(
        values, tables("mixed", 50)[:channels], method=method, channel_labels=labels, title="why"
    )
    read = re.sub(r"\s", "", "".join(legible(figure)))
    if channels > 1 or method != "overlay_combined":
        assert all(re.sub(r"\s", "", label) in read for label in labels)


def test_figures_side_by_side_are_legible(legible):
    figure = Figure(figsize=(20, 4), layout="constrained")
    first, second, third, fourth = figure.subplots(1, 4)
    values = tables("mixed", 30)
    for name, ax in (("bar", first), ("waterfall", second), ("beeswarm", third)):
        registry.renderers.get(name)().render(values[:, :6], values[:, :6], max_features=5, ax=ax)
    registry.renderers.get("time_series")().render(values[:3], values[:3], ax=fourth)
    assert len(legible(figure)) > 40


@pytest.mark.parametrize("renderer", ["bar", "waterfall", "beeswarm", "time_series"])
@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_a_figure_can_be_published(renderer, ending, tmp_path):
    values = tables("mixed", 5)
    figure = registry.renderers.get(renderer)().render(values, values)
    path = tmp_path / f"figure.{ending}"
    with matplotlib.rc_context({"svg.fonttype": "none", "pdf.fonttype": 42}):
        figure.savefig(path)
    start = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[ending]
    assert path.read_bytes().startswith(start)
    if ending == "svg":
        told = "channel 0" if renderer == "time_series" else "feature 0"
        assert re.search(rf"<text[^>]*>{told}", path.read_text())
    if ending == "pdf":
        assert b"/Type3" not in path.read_bytes()


def test_the_examples_of_the_documentation_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (Path(__file__).resolve().parents[2] / "docs" / "renderers.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) >= 6
    names = {}
    for block in blocks:
        exec(block, names)
    assert (tmp_path / "why.svg").exists()


def test_no_figure_belongs_to_a_window():
    from matplotlib import pyplot as plt

    values, before = tables("mixed", 5), plt.get_fignums()
    for renderer in ("bar", "waterfall", "beeswarm", "time_series"):
        registry.renderers.get(renderer)().render(values, values)
    assert plt.get_fignums() == before

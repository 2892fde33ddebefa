from types import SimpleNamespace

import numpy as np
import pytest
import torch

import ascribe
from ascribe.choosing import renderer_for


def of(*shape, original=None):
    return SimpleNamespace(values=torch.zeros(shape), original=original)


@pytest.mark.parametrize(
    ("explanation", "renderer"),
    [
        (of(2, 1, 3, 8, 8), "heat_map"),
        (of(2, 1, 8, 8), "heat_map"),
        (of(2, 1, 28, 90), "heat_map"),
        (of(2, 1, 3, 100), "time_series"),
        (of(2, 1, 100, 3), "time_series"),
        (of(2, 1, 3, 12), "time_series"),
        (of(2, 1, 3, 11), "heat_map"),
        (of(2, 1, 3, 100, original=torch.zeros(1, 3, 100)), "time_series"),
        (of(2, 1, 3, 100, original=np.zeros((1, 3, 100, 3))), "heat_map"),
        (of(2, 1, 9), "bar"),
        (of(2, 1, 9, original=[["a"] * 9]), "text_html"),
        (of(2, 1), None),
        (of(2, 1, 3, 4, 4, 4), None),
    ],
)
def test_the_kind_of_data_chooses_the_renderer(explanation, renderer):
    assert renderer_for(explanation) == renderer


@pytest.mark.parametrize(
    ("shapes", "renderer"),
    [
        ([(1, 2, 3, 8, 8), (1, 2, 5)], "heat_map"),
        ([(1, 2, 3, 50), (1, 2, 5)], "time_series"),
        ([(1, 2, 5), (1, 2)], "bar"),
        ([(1, 2, 5), (1, 2, 6)], None),
        ([(1, 2, 3, 8, 8), (1, 2, 3, 8, 8), (1, 2, 5)], None),
        ([(1, 2)], None),
    ],
)
def test_the_only_picture_of_several_inputs_is_drawn(shapes, renderer):
    parts = [torch.zeros(shape) for shape in shapes]
    assert renderer_for(SimpleNamespace(values=tuple(parts), original=None)) == renderer
    named = {f"input {i}": part for i, part in enumerate(parts)}
    assert renderer_for(SimpleNamespace(values=named, original=None)) == renderer


@pytest.mark.parametrize("shape", [(4,), (2, 30), (30, 2), (3, 6, 6), (6, 6)])
def test_an_explanation_draws_itself_by_what_suits_it(shape):
    x = torch.rand(2, *shape)
    found = ascribe.explain(lambda x: x.flatten(1).cumsum(1)[:, -2:], x, "saliency", [0, 1])
    assert "<img" in found._repr_html_()
    assert found._repr_png_().startswith(b"\x89PNG")


def test_one_series_beside_a_table_draws_itself():
    inputs = {"series": torch.rand(2, 3, 30), "row": torch.rand(2, 4)}
    found = ascribe.explain(
        lambda series, row: series.sum((1, 2)) + row.sum(1), inputs, "input_x_gradient"
    )
    drawn = [ax for ax in found.figure().axes if ax.lines]
    assert len(drawn) == 3

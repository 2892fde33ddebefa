from itertools import pairwise

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from ascribe import InputError, ParameterError, explain
from ascribe.colours import AGAINST, FOR
from ascribe_renderers.waterfall import Waterfall


def steps(figure):
    """Return where each bar begins and ends, from the top down."""
    patches = sorted(figure.axes[0].patches, key=lambda patch: patch.get_y())
    return [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in patches]


def names(figure):
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


def numbers(figure):
    return {text.xy[1]: text.get_text() for text in figure.axes[0].texts}


def test_bars_lead_from_the_base_value_to_the_score(explanation):
    given = explanation(targets=2, batch=3, features=(4,))
    figure = Waterfall().render(given, target=1, example=2)
    score, values = float(given.scores[1, 2]), given.values[1, 2].numpy()
    found = steps(figure)
    assert found[0][1] == pytest.approx(score)
    assert found[-1][0] == pytest.approx(score - values.sum())
    for above, below in pairwise(found):
        assert above[0] == pytest.approx(below[1])
    lengths = [end - start for start, end in found]
    np.testing.assert_allclose(lengths, values[np.argsort(-np.abs(values))], rtol=1e-6)
    assert names(figure)[0] == "score"
    assert names(figure)[-1] == "base value"
    assert figure.axes[0].get_title() == f"tiger cat, score {score:.3g}"
    assert figure.axes[0].get_xlabel() == "score"


def test_the_rest_is_one_step():
    figure = Waterfall().render(np.array([1.0, -4.0, 0.5, 0.25]), max_features=2, score=3)
    assert names(figure) == ["score", "feature 1", "feature 0", "2 others, summed", "base value"]
    assert steps(figure) == [(7, 3), (6, 7), (5.25, 6)]
    assert numbers(figure) == {0: "3", 1: "−4", 2: "+1", 3: "+0.75", 4: "5.25"}


def test_without_a_score_it_leads_from_nothing_to_the_sum():
    figure = Waterfall().render(np.array([0.1, 0.2, 0.3]))
    assert names(figure)[0] == "sum"
    assert numbers(figure)[4] == "0"  # and not the 1e-17 that adding up loses
    assert steps(figure)[0][1] == pytest.approx(0.6)


def test_colours_tell_for_from_against(pixel):
    figure = Waterfall().render(np.array([2.0, -1.0]))
    (ax,) = figure.axes
    shown = pixel(ax, [(0, 1), (-0.5, 2), (-0.5, 0)])
    np.testing.assert_allclose(shown, [to_rgb(FOR), to_rgb(AGAINST), (1, 1, 1)], atol=0.02)
    assert len(ax.get_legend().get_texts()) == 2


def test_the_base_value_is_the_score_of_the_baseline_but_for_the_gap_that_is_named():
    model = lambda x: torch.stack([torch.sin(x).sum(1), (x**2).sum(1)], 1)  # noqa: E731
    x = torch.linspace(0.1, 2, 8).double().reshape(2, 4)
    parameters = {"n_steps": 2, "method": "riemann_left"}
    found = explain(model, x, "integrated_gradients", [0, 1], parameters)
    figure = Waterfall().render(found, target=1, example=1)
    gap = float(found.delta[1, 1])
    assert abs(gap) > 0.1
    told = f"{gap:+.3g}".replace("-", "−")
    assert figure.axes[0].get_xlabel().endswith(f"(the attributions miss completeness by {told})")
    assert steps(figure)[-1][0] == pytest.approx(0 - gap)


def test_the_other_inputs_of_a_model_are_one_step():
    model = lambda x, y: x.sum(1) + 2 * y.sum((1, 2))  # noqa: E731
    x, y = torch.ones(2, 3).double(), torch.ones(2, 2, 2).double()
    found = explain(model, (x, y), "integrated_gradients")
    figure = Waterfall().render(found)
    assert names(figure)[-2] == "other inputs, summed"
    assert steps(figure)[-1] == pytest.approx((0, 8))
    assert figure.axes[0].get_title() == "score 11"


def test_what_does_not_fit_is_refused(explanation):
    for given, options, message in (
        (np.array([np.inf]), {}, "NaN or infinite"),
        (np.ones(2), {"example": 1}, "example"),
        (np.ones(2), {"score": np.nan}, "score"),
        (np.ones(2), {"score": "high"}, "score"),
        (np.ones(2), {"max_features": 0}, "max_features"),
        (explanation(features=(3,)), {"score": 1}, "left out"),
        (explanation(), {}, "table"),
    ):
        with pytest.raises(InputError, match=message):
            Waterfall().render(given, **options)
    with pytest.raises(ParameterError, match="did you mean score"):
        Waterfall().render(np.ones(2), scor=1)


def test_an_axes_of_the_caller_s_own_is_drawn_into():
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert Waterfall().render(torch.ones(2), ax=right) is figure
    assert not left.patches
    assert len(right.patches) == 2

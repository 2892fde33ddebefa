import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from ascribe import InputError, ParameterError, explain
from ascribe.colours import AGAINST, EITHER, FOR
from ascribe_renderers.bar import Bar


def bars(figure):
    """Return the lengths of the bars from the top down."""
    ax = figure.axes[0]
    assert ax.yaxis_inverted()
    patches = sorted(ax.patches, key=lambda patch: patch.get_y())
    return [patch.get_width() for patch in patches]


def names(figure):
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


@pytest.fixture
def sampled():
    table = torch.randn(9, 2).double()
    return explain(lambda x: torch.tanh(x @ table), torch.rand(2, 9).double(),
                   "shapley_value_sampling", target=[0, 1], n_samples=5)  # fmt: skip


def test_the_greatest_is_at_the_top_and_the_rest_share_a_bar():
    figure = Bar().render(np.array([0.5, -3.0, 1.0, 0.25]), names=list("abcd"), max_features=2)
    assert bars(figure) == [-3, 1, 0.75]
    assert names(figure) == ["b", "c", "2 others, summed"]
    assert [text.get_text() for text in figure.axes[0].texts] == ["−3", "+1", "+0.75"]
    one = Bar().render(np.array([0.5, -3.0, 1.0]), max_features=2)
    assert names(one)[-1] == "1 other, summed"


def test_red_is_for_and_blue_is_against(pixel):
    figure = Bar().render(np.array([2.0, -1.0]))
    (ax,) = figure.axes
    shown = pixel(ax, [(1, 0), (-0.5, 1), (-1, 0), (1, 1)])
    wanted = [to_rgb(FOR), to_rgb(AGAINST), (1, 1, 1), (1, 1, 1)]
    np.testing.assert_allclose(shown, wanted, atol=0.02)
    legend = ax.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == [
        "against: lowers the score",
        "for: raises the score",
    ]
    colours = [patch.get_facecolor()[:3] for patch in legend.get_patches()]
    assert colours == [to_rgb(AGAINST), to_rgb(FOR)]


def test_an_explanation_tells_its_score_values_and_errors(sampled):
    figure = Bar().render(sampled, target=1, example=1)
    assert sorted(bars(figure)) == sorted(sampled.values[1, 1].tolist())
    score = f"{float(sampled.scores[1, 1]):.3g}".replace("-", "−")
    assert figure.axes[0].get_title() == f"1, score {score}"
    assert names(figure)[0].startswith("feature ")
    assert " = 0." in names(figure)[0]
    (errors,) = figure.axes[0].collections
    order = np.argsort(-sampled.values[1, 1].abs().numpy(), kind="stable")
    spans = [segment[1, 0] - segment[0, 0] for segment in errors.get_segments()]
    np.testing.assert_allclose(spans, 2 * sampled.standard_errors[1, 1].numpy()[order])
    assert "<img" in sampled._repr_html_()
    assert sampled._repr_png_().startswith(b"\x89PNG")


def test_a_sum_of_others_has_no_error_that_is_not_known(sampled):
    figure = Bar().render(sampled, example=0, max_features=3)
    assert len(figure.axes[0].collections[0].get_segments()) == 3


def test_many_examples_share_bars_of_mean_magnitudes(explanation, pixel):
    values = np.array([[1.0, -4.0, 0.5], [-3.0, 4.0, 0.5]])
    figure = Bar().render(values, names=["a", "b", "c"], max_features=2)
    assert bars(figure) == [4, 2, 0.5]
    assert names(figure) == ["b", "a", "1 other, summed"]
    (ax,) = figure.axes
    assert ax.get_xlabel() == "mean |attribution| of 2 examples, be they for or against"
    assert ax.get_legend() is None
    np.testing.assert_allclose(pixel(ax, [(2, 0)]), [to_rgb(EITHER)], atol=0.02)
    given = explanation(features=(4,))
    figure = Bar().render(given, target=1)
    np.testing.assert_allclose(
        bars(figure), sorted(given.values[1].abs().mean(0).tolist(), reverse=True)
    )
    assert figure.axes[0].get_title() == "target tiger cat"


def test_one_of_many_examples_can_be_drawn():
    values = np.array([[1.0, -4.0], [-3.0, 2.0]])
    assert bars(Bar().render(values, example=1)) == [-3, 2]
    assert names(Bar().render(values, [[5, 6], [7, 8]], example=1)) == [
        "feature 0 = 7",
        "feature 1 = 8",
    ]


def test_what_does_not_fit_is_refused(explanation):
    for given, options, message in (
        (np.ones((2, 2, 2)), {}, "shape"),
        (np.ones(0), {}, "at least one"),
        (np.array([np.nan]), {}, "1 of 1 values are NaN"),
        (np.ones(2), {"names": ["a"]}, "names"),
        (np.ones(2), {"names": "ab"}, "list of strings"),
        (np.ones(2), {"original": [1, 2, 3]}, "original"),
        (np.ones(2), {"max_features": 0}, "max_features"),
        (np.ones(2), {"max_features": True}, "max_features"),
        (np.ones(2), {"example": 1}, "example"),
        (np.ones(2), {"ax": 3}, "ax"),
        (["a", "b"], {}, "numbers"),
        (explanation(features=(3,)), {"target": 5}, "target"),
        (explanation(features=(3,)), {"example": -1}, "example"),
        (explanation(), {}, "table"),
    ):
        with pytest.raises(InputError, match=message):
            Bar().render(given, **options)
    with pytest.raises(ParameterError, match="names"):
        Bar().render(np.ones(2), nams=["a", "b"])
    with pytest.raises(InputError, match="max_features"):
        Bar().check(max_features="many")


def test_an_axes_of_the_caller_s_own_is_drawn_into():
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert Bar().render(torch.ones(2), ax=right) is figure
    assert not left.patches
    assert len(right.patches) == 2

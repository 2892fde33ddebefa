import numpy as np
import pytest
import torch

from ascribe import InputError, ParameterError, explain
from ascribe_renderers.bar import Bar


def bars(figure):
    return [patch.get_width() for patch in figure.axes[0].patches]


def names(figure):
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


def test_the_greatest_is_at_the_top_and_the_rest_share_a_bar():
    figure = Bar().render(np.array([0.5, -3.0, 1.0, 0.25]), names=list("abcd"), max_features=2)
    assert bars(figure) == [-3, 1, 0.75]
    assert names(figure) == ["b", "c", "2 others, summed"]
    tops = [patch.get_y() for patch in figure.axes[0].patches]
    assert tops == sorted(tops, reverse=True)


def test_an_explanation_tells_its_score_values_and_errors():
    table = torch.randn(9, 2).double()
    found = explain(lambda x: torch.tanh(x @ table), torch.rand(2, 9).double(),
                    "shapley_value_sampling", target=[0, 1], n_samples=5)  # fmt: skip
    figure = Bar().render(found, target=1, example=1)
    assert sorted(bars(figure)) == sorted(found.values[1, 1].tolist())
    assert figure.axes[0].get_title() == f"1, score {float(found.scores[1, 1]):.3g}"
    assert names(figure)[0].startswith("feature ")
    assert len(figure.axes[0].collections) == 1  # the errors
    assert found.figure().axes[0].get_xlabel() == figure.axes[0].get_xlabel()
    assert "<img" in found._repr_html_()
    assert found._repr_png_().startswith(b"\x89PNG")


def test_what_does_not_fit_is_refused(explanation):
    for given, options in (
        (np.ones((2, 2)), {}),
        (np.array([np.nan]), {}),
        (np.ones(2), {"names": ["a"]}),
        (np.ones(2), {"max_features": 0}),
        (explanation(features=(3,)), {"target": 5}),
        (explanation(), {}),
    ):
        with pytest.raises(InputError):
            Bar().render(given, **options)
    with pytest.raises(ParameterError, match="names"):
        Bar().render(np.ones(2), nams=["a", "b"])


def test_an_axes_of_the_caller_s_own_is_drawn_into():
    from matplotlib.figure import Figure

    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert Bar().render(torch.ones(2), ax=right) is figure
    assert not left.patches
    assert len(right.patches) == 2

import base64
import re
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import ascribe
from ascribe import Explanation, InputError, ParameterError, Targets, UnknownPluginError
from ascribe.attribution import Attribution
from ascribe.registry import attributions, renderers


@pytest.fixture
def model():
    return nn.Sequential(nn.Flatten(), nn.Linear(48, 5)).eval()


@pytest.fixture
def x():
    return torch.rand(2, 3, 4, 4)


def test_a_list_of_targets_shares_one_pass_and_equals_single_calls(model, x):
    rows = []
    model.register_forward_hook(lambda m, i, output: rows.append(len(output)))
    explanation = ascribe.explain(model, x, "feature_ablation", target=[3, 1], baselines=0.5)
    assert explanation.values.shape == (2, 2, 3, 4, 4)
    # The scores; the clean pass; whether a copy may share its evaluation; every perturbation.
    assert sum(rows) == 2 + 2 + 4 + 2 * 48
    for row, target in enumerate([3, 1]):
        alone = attributions.get("feature_ablation")(model).attribute(x, 0.5, target=target)
        torch.testing.assert_close(explanation.values[row], alone)
    torch.testing.assert_close(explanation.scores, model(x)[:, [3, 1]].T.detach())
    assert explanation.targets == [3, 1]
    assert explanation.labels == ["3", "1"]
    assert explanation.parameters == {"baselines": 0.5}
    assert explanation.method == "FeatureAblation"
    assert explanation.delta is None


@pytest.mark.parametrize(
    ("target", "targets"),
    [(3, [3]), ([3], [3]), (Targets([3, (2,)]), [3, (2,)]), ((1,), [(1,)])],
)
def test_targets_of_every_form(model, x, target, targets):
    explanation = ascribe.explain(model, x, "saliency", target)
    assert explanation.targets == targets
    assert explanation.values.shape == (len(targets), *x.shape)


def test_without_a_target_each_example_s_top_prediction_is_explained(model, x):
    explanation = ascribe.explain(model, x, "saliency")
    (target,) = explanation.targets
    assert torch.equal(target, model(x).argmax(1))
    torch.testing.assert_close(explanation.scores[0], model(x).max(1).values.detach())
    assert ascribe.explain(model, x[:1], "saliency").targets == [int(model(x[:1]).argmax())]
    assert ascribe.explain(lambda x: x.sum((1, 2, 3)), x, "saliency").targets == [None]


def test_the_convergence_delta_and_what_a_method_is_made_with(model, x):
    explanation = ascribe.explain(
        model, x, "integrated_gradients", [0, 1], n_steps=8, multiply_by_inputs=False
    )
    assert explanation.delta.shape == (2, 2)
    assert float(explanation.delta.abs().max()) < 1e-5
    torch.testing.assert_close(
        explanation.values[1], model[1].weight[1].detach().reshape(3, 4, 4).expand(2, 3, 4, 4)
    )


class OneByOne(Attribution):
    """An algorithm that knows nothing of several targets."""

    def attribute(self, inputs, target=None):
        assert isinstance(target, int)
        return {key: value * target for key, value in inputs.items()}


def test_an_algorithm_without_several_targets_is_called_for_each():
    inputs = {"a": torch.ones(2, 3), "b": torch.ones(2, 1)}
    explanation = ascribe.explain(
        lambda a, b: torch.cat([a, b], 1), inputs, OneByOne, target=[1, 3]
    )
    assert explanation.values["a"].shape == (2, 2, 3)
    assert explanation.values["b"].flatten().tolist() == [1, 1, 3, 3]


@pytest.mark.parametrize(
    ("method", "parameters", "error", "message"),
    [
        ("oclusion", {}, UnknownPluginError, "did you mean occlusion"),
        ("saliency", {"n_steps": 3}, ParameterError, "Saliency takes no n_steps.*abs"),
        ("saliency", {"inputs": 3}, TypeError, "multiple values"),
        ("occlusion", {"strides": 9}, InputError, "larger"),
        ("saliency", {"target": 7}, InputError, "out of range"),
    ],
)
def test_bad_calls_say_what_is_needed(model, x, method, parameters, error, message):
    with pytest.raises(error, match=message):
        ascribe.explain(model, x, method, **{"target": 0, **parameters})


def test_a_parameter_that_is_needed_and_missing_is_named(model, x):
    class Needy(Attribution):
        def attribute(self, inputs, strength, target=None):
            return inputs

    with pytest.raises(ParameterError, match="Needy needs strength; its parameters are strength"):
        ascribe.explain(model, x, Needy, target=0)


DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_saving_and_loading_keeps_every_bit(tmp_path, dtype):
    inputs = {"a": torch.randn(2, 3).to(dtype), "b": torch.tensor([[1], [2]])}
    explanation = Explanation(
        values={"a": torch.full((2, 2, 3), float("nan")).to(dtype), "b": torch.rand(2, 2, 1)},
        inputs=inputs,
        targets=[3, torch.tensor([1, 0])],
        scores=torch.rand(2, 2),
        method="Occlusion",
        parameters={"strides": (3, 9), "baselines": inputs, "target": [1, (2,)], "call": len},
        delta=torch.rand(2, 2),
        seconds=1.25,
        versions={"torch": "2"},
        labels=["dög", "<cat>"],
        original=np.random.rand(2, 4, 4, 3),
    )
    explanation.save(tmp_path / "e.npz")
    loaded = Explanation.load(tmp_path / "e.npz")
    for key in "ab":
        before, after = explanation.values[key], loaded.values[key]
        assert after.dtype == before.dtype
        assert (
            after.numpy(force=True).tobytes() == before.numpy(force=True).tobytes()
            if (dtype != torch.bfloat16)
            else torch.equal(after.view(torch.uint8), before.view(torch.uint8))
        )
        assert torch.equal(loaded.inputs[key], inputs[key])
    assert torch.equal(loaded.targets[1], torch.tensor([1, 0]))
    assert torch.equal(loaded.scores, explanation.scores)
    assert torch.equal(loaded.delta, explanation.delta)
    assert loaded.parameters["strides"] == (3, 9)
    assert loaded.parameters["target"] == [1, (2,)]
    assert loaded.parameters["call"] == repr(len)
    assert torch.equal(loaded.parameters["baselines"]["b"], inputs["b"])
    assert (loaded.labels, loaded.seconds, loaded.versions) == (
        ["dög", "<cat>"],
        1.25,
        {"torch": "2"},
    )
    assert np.array_equal(loaded.original, explanation.original)


def test_what_is_nearly_a_tuple_or_a_number_is_saved_as_one(tmp_path, model, x):
    shape = {"sliding_window_shapes": x.shape[1:], "strides": (3, np.int64(4), 4)}
    explanation = ascribe.explain(model, x, "occlusion", np.int64(1), shape)
    explanation.save(tmp_path / "e.npz")
    loaded = Explanation.load(tmp_path / "e.npz")
    assert loaded.parameters == {"sliding_window_shapes": (3, 4, 4), "strides": (3, 4, 4)}
    assert loaded.targets == [1]


def test_an_explanation_keeps_its_own_copy_of_the_inputs(model, x):
    explanation = ascribe.explain(model, x, "saliency", 1)
    x.zero_()
    assert float(explanation.inputs.abs().sum()) > 0


def test_a_score_for_a_whole_batch_can_be_drawn(x):
    for method in ("saliency", "feature_ablation"):
        explanation = ascribe.explain(lambda x: x.pow(2).mean(), x, method)
        assert explanation.figure().axes
        assert "<img" in explanation._repr_html_()


def test_each_example_of_a_batch_is_titled_by_its_own_target(model, x):
    explanation = ascribe.explain(model, x, "saliency", torch.tensor([3, 1]))
    titles = [ax.get_title() for ax in explanation.figure().axes]
    assert [title.partition(",")[0] for title in titles if "score" in title] == ["3", "1"]


def test_what_is_no_algorithm_is_refused(model, x):
    for method in (3, int, None):
        with pytest.raises(InputError, match="method must be an algorithm"):
            ascribe.explain(model, x, method)


def test_a_real_explanation_survives_saving(tmp_path, model, x):
    explanation = ascribe.explain(model, x, "integrated_gradients", [1, 2])
    explanation.save(tmp_path / "e.npz")
    assert repr(Explanation.load(tmp_path / "e.npz")) == repr(explanation)


def test_what_was_not_saved_by_us_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", a=np.ones(3))
    np.savez(tmp_path / "json.npz", json=np.array('{"$dict": [["a", 1]]}'))
    np.savez(tmp_path / "pickled.npz", json=np.array([{}], dtype=object))
    (tmp_path / "text.npz").write_text("nothing")
    (tmp_path / "empty.npz").touch()
    (tmp_path / "cut.npz").write_bytes((tmp_path / "other.npz").read_bytes()[:60])
    for name in ("other", "json", "pickled", "text", "empty", "cut"):
        with pytest.raises(InputError, match=name):
            Explanation.load(tmp_path / f"{name}.npz")
    with pytest.raises(FileNotFoundError):
        Explanation.load(tmp_path / "none.npz")


def test_draws_itself_and_says_what_it_is(model, x):
    explanation = ascribe.explain(model, x, "integrated_gradients", [1, 2])
    assert re.fullmatch(
        r"Explanation\(IntegratedGradients of 1, 2; values \(2, 2, 3, 4, 4\), "
        r"\|delta\| <= [\d.e-]+; \d+\.\d\d s\)",
        repr(explanation),
    )
    figure = explanation.figure("heat_map", sign="positive")
    assert len(figure.axes) == 2 * 3
    shown = explanation._repr_html_()
    png = base64.b64decode(re.search(r"base64,([^\"]+)", shown).group(1))
    assert Image.open(BytesIO(png)).format == "PNG"


def test_text_of_the_user_s_is_escaped_in_html(model, x):
    explanation = ascribe.explain(model, x, "saliency", [1])
    labelled = Explanation(**{**vars(explanation), "labels": ["<script>alert(1)</script>"]})
    assert "<script>" not in labelled._repr_html_()


def test_rows_of_a_table_draw_themselves():
    explanation = ascribe.explain(nn.Linear(5, 3), torch.rand(2, 5), "saliency", [1])
    assert explanation._repr_html_().startswith("<div><img")
    assert explanation._repr_png_().startswith(b"\x89PNG")


def test_what_no_renderer_suits_is_told_in_words():
    explanation = ascribe.explain(lambda x: x**2, torch.rand(2), "saliency")
    assert explanation._repr_html_().startswith("<div><p>Explanation(Saliency; values")
    assert explanation._repr_png_() is None
    unknown = ascribe.explain(nn.Linear(5, 3), torch.full((2, 5), torch.nan), "input_x_gradient", 1)
    assert unknown._repr_html_().startswith("<div><p>Explanation(InputXGradient of 1")


def test_one_target_and_one_example_are_taken_out(model, x):
    whole = ascribe.explain(model, x, "integrated_gradients", target=[3, torch.tensor([1, 2])])
    part = whole.only(target=-1, example=1)
    assert torch.equal(part.values, whole.values[1:, 1:])
    assert torch.equal(part.inputs, x[1:])
    assert torch.equal(part.scores, whole.scores[1:, 1:])
    assert torch.equal(part.delta, whole.delta[1:, 1:])
    assert part.label(0, 0) == "[2]"
    assert part.figure("heat_map", show_colorbar=True).axes
    assert whole.only(target=0).values.shape == (1, 2, 3, 4, 4)
    assert whole.only(example=0).labels == ["3", "[1]"]
    for given in ({"target": 2}, {"example": -3}):
        with pytest.raises(InputError, match="there is no"):
            whole.only(**given)


def test_one_score_of_a_batch_and_several_inputs_are_taken_out():
    inputs = {"a": torch.rand(3, 4), "b": torch.rand(3, 2)}
    found = ascribe.explain(lambda a, b: a.sum() + b.sum(), tuple(inputs.values()), "saliency")
    part = found.only(example=2)
    assert [tuple(one.shape) for one in part.values] == [(1, 1, 4), (1, 1, 2)]
    assert part.scores.shape == (1, 1)


def test_what_people_see_may_be_given(x):
    tokens = [["a", "fine", "day"], ["a", "long", "night"]]
    found = ascribe.explain(
        lambda x: x.sum((1, 2)), torch.rand(2, 3, 5), "saliency", original=tokens
    )
    assert found.original == tokens
    assert "night" in found.render()
    assert found.only(example=1).original == [["a", "long", "night"]]
    alone = ascribe.explain(lambda x: x.sum(1), torch.rand(1, 2), "saliency", original=["a", "b"])
    assert alone.only(example=0).original == ["a", "b"]
    with pytest.raises(InputError, match="text_html makes text or HTML"):
        found.figure()


def test_a_renderer_may_return_html(model, x):
    class Words(ascribe.Renderer):
        def render(self, attribution, original=None, **options):
            return f"<p>{attribution.method}</p>"

    renderers.register(Words)
    try:
        explanation = ascribe.explain(model, x, "saliency", [1])
        assert explanation.render("words") == "<p>Saliency</p>"
        with pytest.raises(InputError, match="words makes text or HTML"):
            explanation.figure("words")
    finally:
        renderers.unregister("words")


def test_showing_opens_a_viewer_and_labels_are_checked(model, x, monkeypatch):
    shown = []
    monkeypatch.setattr(Image.Image, "show", lambda self: shown.append(self.size))
    explanation = ascribe.explain(model, x, "saliency", [1])
    explanation.show()
    assert len(shown) == 1
    with pytest.raises(InputError, match="labels must name the 1 targets"):
        Explanation(**{**vars(explanation), "labels": ["a", "b"]})


def test_versions_name_what_made_it(model, x):
    versions = ascribe.explain(model, x, "saliency", [1]).versions
    assert versions["torch"] == torch.__version__
    assert versions["ascribe"]

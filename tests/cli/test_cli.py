import json
import sys
import types

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from torch import nn

from ascribe import Attribution, Explanation, registry, scenes
from ascribe.cli import main
from ascribe.discovery import Plugin
from ascribe.models import ImageClassifier


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command in an empty folder and return its result."""
    monkeypatch.chdir(tmp_path)

    def call(*args):
        return CliRunner().invoke(main, [str(arg) for arg in args])

    return call


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "scene.png"
    scenes.sample_scene("dog_and_cat").image.save(path)
    return path


@pytest.fixture
def user_model(monkeypatch):
    module = types.ModuleType("user_model")
    net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 3))
    module.make = lambda: ImageClassifier(
        net, preprocess=lambda p: torch.zeros(3, 8, 8), categories=("one", "two", "three")
    )
    monkeypatch.setitem(sys.modules, "user_model", module)


def test_demo_writes_a_picture_and_says_what_it_found(run, tmp_path):
    result = run("demo")
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "ascribe_demo.png") as drawn:
        assert min(drawn.size) > 300
    dog, cat, wrote = result.output.splitlines()
    for line, animal in ((dog, "dog"), (cat, "cat")):
        assert line.startswith(f"{animal}: score ")
        inside = int(line.partition("; ")[2].partition("%")[0])
        covered = int(line.partition("covers ")[2].partition("%")[0])
        assert inside >= 60 > covered
    assert wrote.endswith("wrote ascribe_demo.png")
    assert [path.name for path in tmp_path.iterdir()] == ["ascribe_demo.png"]


def test_explain_draws_and_saves_for_several_targets_by_name_and_number(run, picture, tmp_path):
    result = run(
        "explain", picture, "--target", "dog", "--target", "0", "--set", "strides=3,16,16",
        "--set", "sliding_window_shapes=3,32,32", "--renderer", "blended_heat_map",
        "--option", "sign=positive", "-o", "out.svg", "--save", "out.npz",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "dog: score" in result.output
    assert "cat: score" in result.output
    assert "wrote out.svg and out.npz" in result.output
    assert (tmp_path / "out.svg").read_text().startswith("<?xml")
    explanation = Explanation.load(tmp_path / "out.npz")
    assert explanation.labels == ["dog", "cat"]
    assert explanation.parameters["strides"] == (3, 16, 16)
    assert explanation.values.shape == (2, 1, 3, 128, 128)


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_explain_writes_what_can_be_published(run, picture, tmp_path, ending):
    result = run(
        "explain", picture, "--method", "saliency", "--target", "dog", "--option",
        "show_colorbar=true", "-o", f"x.{ending}",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    written = (tmp_path / f"x.{ending}").read_bytes()
    assert written.startswith({"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[ending])
    # Text is text, and no font of type 3, which publishers refuse.
    assert ending != "svg" or b">dog, score" in written
    assert ending != "pdf" or b"/CIDFontType2" in written
    assert ending != "pdf" or b"/Type3" not in written


def test_explain_without_a_target_explains_the_top_prediction(run, picture, tmp_path):
    result = run("explain", picture, "--method", "integrated_gradients", "--set", "n_steps=8")
    assert result.exit_code == 0, result.output
    assert result.output.split(":")[0] in ("dog", "cat")
    assert "completeness gap: " in result.output
    assert (tmp_path / "scene_integrated_gradients.png").is_file()


def test_explain_reaches_every_parameter_whatever_its_name(run, picture, tmp_path):
    result = run("explain", picture, "--method", "integrated_gradients", "--set", "n_steps=4",
                 "--set", "method=riemann_trapezoid", "--save", "out.npz")  # fmt: skip
    assert result.exit_code == 0, result.output
    parameters = Explanation.load(tmp_path / "out.npz").parameters
    assert parameters == {"n_steps": 4, "method": "riemann_trapezoid"}


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.Conv2d(1, 2, 3), "the model fails on this picture"),
        (nn.Sequential(nn.Flatten(0), nn.Linear(192, 1)), "must return (batch, categories)"),
    ],
)
def test_a_model_that_does_not_fit_is_a_clear_line(run, picture, user_model, model, message):
    sys.modules["user_model"].odd = ImageClassifier(model, lambda p: torch.zeros(3, 8, 8))
    result = run("explain", picture, "--model", "user_model:odd", "--method", "saliency")
    assert result.exit_code == 2
    assert message in result.output
    assert len(result.output.splitlines()) == 1


def test_explain_uses_a_model_of_the_user_s_own(run, picture, user_model, tmp_path):
    result = run("explain", picture, "--model", "user_model:make", "--target", "two",
                 "--method", "saliency", "-o", "out.png")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "two: score" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.png"], "there is no file none.png"),
        (["text.png"], "text.png is not an image"),
        (["scene.png", "--method", "oclusion"], "did you mean occlusion"),
        (["scene.png", "--renderer", "heatmap"], "did you mean heat_map"),
        (["scene.png", "--model", "torchvision:resnet81"], "did you mean resnet18"),
        (["scene.png", "--model", "nothing"], "no model is called 'nothing'"),
        (["scene.png", "--model", "torchvision:alexnet", "--weights", "x.pt"], "no weights 'x.pt'"),
        (["scene.png", "--target", "dgo"], "did you mean dog"),
        (["scene.png", "--target", "6"], "target 6 is out of range"),
        (["scene.png", "--set", "stride=3"], "Occlusion takes no stride; its parameters are"),
        (["scene.png", "--set", "strides"], "NAME=VALUE"),
        (["scene.png", "--set", "sliding_window_shapes=3,9,9", "--set", "strides=3,10,10"],
         "strides (3, 10, 10) of input 0 must not be larger than its window (3, 9, 9)"),
        (["scene.png", "--set", "sliding_window_shapes=3,x,9"], "positive integers"),
        (["scene.png", "--option", "colour=red"], "colour"),
        (["scene.png", "-o", "none/out.png"], "there is no folder none"),
        (["scene.png", "--method", "saliency", "-o", "out.xyz"], "must end in one of"),
        (["scene.png", "--save", "."], "is a folder"),
        (["scene.png", "-o", "a.png", "--save", "a.png"], "cannot both be written"),
        (["scene.png", "--method", "saliency", "--set", "abs=no"], "abs must be true or false"),
        (["scene.png", "--option", "outlier_perc=abc"], "outlier_perc must be from 0"),
        (["scene.png", "--option", "alpha_overlay=abc"], "alpha_overlay must be from 0 to 1"),
        (["scene.png", "--option", "fig_size=3"], "fig_size must be a width and a height"),
        (["scene.png", "--option", "cmap=3"], "cmap"),
        (["scene.png", "--option", "ax=3"], "ax must be an Axes"),
        (["scene.png", "--option", "show_colorbar=maybe"], "show_colorbar must be true or false"),
    ],
)  # fmt: skip
def test_bad_input_is_answered_by_one_clear_line_and_exit_code_2(
    run, picture, tmp_path, arguments, message
):
    (tmp_path / "text.png").write_text("no picture")
    result = run("explain", *arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert result.output.startswith("Error: ")
    assert len(result.output.splitlines()) == 1
    assert not (tmp_path / "scene_occlusion.png").exists()


def test_weights_that_cannot_be_reached_are_a_clear_line(run, picture, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def fail(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    result = run("explain", picture, "--model", "torchvision:alexnet")
    assert result.exit_code == 2
    assert "cannot be fetched (no route to host); give a file of weights" in result.output


def test_list_names_every_plugin_its_description_and_where_it_comes_from(run):
    text = run("list").output
    rows = json.loads(run("list", "--json").output)
    assert {"occlusion", "saliency"} <= {row["name"] for row in rows["algorithms"]}
    assert {"heat_map", "masked_image"} <= {row["name"] for row in rows["renderers"]}
    for row in rows["algorithms"] + rows["renderers"]:
        assert row["description"]
        assert row["error"] is None
        assert any(row["name"] in line and row["description"] in line for line in text.splitlines())


def test_list_shows_parameters_and_defaults(run):
    text = run("list", "occlusion").output
    assert "strides = None" in text
    assert "show_progress = False" in text
    assert "outlier_perc = 2.0" in run("list", "heat_map").output
    inside = "LayerIntegratedGradients, NeuronIntegratedGradients"
    assert f"also here: {inside}" in run("list", "IntegratedGradients").output
    one = json.loads(run("list", "IntegratedGradients", "--json").output)
    assert one["parameters"]["method"] == "'gausslegendre'"
    assert one["parameters"]["multiply_by_inputs"] == "True"
    assert run("list", "nothing").exit_code == 2
    assert "options" not in run("list", "HeatMap").output
    assert "outlier_perc" in run("list", "ascribe:heat_map").output


def test_list_shows_broken_plugins_with_their_reason(run, monkeypatch):
    def broken():
        raise ImportError("needs a thing")

    made = Plugin("shaky", "shaky_module", "shaky-dist", "0.3", broken)
    listed = registry.attributions.plugins
    monkeypatch.setattr(registry.attributions, "plugins", lambda: [*listed(), made])
    line = next(line for line in run("list").output.splitlines() if "shaky" in line)
    for part in ("broken: ", "ImportError: needs a thing", "shaky-dist 0.3"):
        assert part in line


class AlwaysDropping(nn.Dropout):
    """A module that will not leave training mode."""

    def train(self, mode=True):
        return super().train(True)


@pytest.mark.filterwarnings("default")
def test_warnings_of_ours_are_shown_as_one_line(run, picture, user_model):
    model = ImageClassifier(
        nn.Sequential(nn.Flatten(), nn.Linear(192, 3), AlwaysDropping()),
        preprocess=lambda p: torch.zeros(3, 8, 8),
    )
    sys.modules["user_model"].dropping = model
    result = run("explain", picture, "--model", "user_model:dropping", "--method", "saliency",
                 "--target", "1")  # fmt: skip
    assert result.exit_code == 0, result.output
    warned = [line for line in result.output.splitlines() if "training mode" in line]
    assert warned[0].startswith("Warning: the model is in training mode (AlwaysDropping)")


@pytest.mark.parametrize("name", ["my-method", "MyMethod", "my_method"])
def test_new_plugin_writes_a_package_whose_names_fit(run, tmp_path, name):
    result = run("new-plugin", name)
    assert result.exit_code == 0, result.output
    package = tmp_path / "ascribe-my-method"
    written = {str(p.relative_to(package)) for p in package.rglob("*") if p.is_file()}
    assert written == {
        "pyproject.toml",
        "README.md",
        "src/ascribe_my_method/__init__.py",
        "src/ascribe_my_method/my_method.py",
        "tests/test_my_method.py",
    }
    assert 'my_method = "ascribe_my_method.my_method"' in (package / "pyproject.toml").read_text()
    for path in package.rglob("*.*"):
        if path.is_file():
            assert "$" not in path.read_text()


def test_what_new_plugin_writes_is_a_plugin(run, tmp_path):
    run("new-plugin", "my_method")
    source = (tmp_path / "ascribe-my-method/src/ascribe_my_method/my_method.py").read_text()
    module = types.ModuleType("my_method")
    exec(compile(source, "my_method.py", "exec"), vars(module))
    registry.attributions.register(module, "my_method")
    try:
        assert issubclass(registry.attributions.get("MyMethod"), Attribution)
        found = registry.attributions.get("my_method")(lambda x: x.square().sum(1)).attribute(
            torch.tensor([[1.0, 3.0]]), 1
        )
        assert found.tolist() == [[0, 12]]
    finally:
        registry.attributions.unregister("my_method")


@pytest.mark.parametrize(
    "name",
    [
        "occlusion",
        "Occlusion",
        "9lives",
        "a b!",
        "",
        "a_b_c",
        "lime_2",
        "attributions",
        "renderers",
    ],
)
def test_new_plugin_refuses_names_that_will_not_do(run, tmp_path, name):
    result = run("new-plugin", name)
    assert result.exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_new_plugin_overwrites_nothing(run, tmp_path):
    run("new-plugin", "my_method")
    before = sorted((p, p.stat().st_mtime_ns) for p in tmp_path.rglob("*"))
    assert run("new-plugin", "my_method").exit_code == 2
    assert sorted((p, p.stat().st_mtime_ns) for p in tmp_path.rglob("*")) == before


def test_numbers_of_the_shell_are_those_of_python(run, picture, tmp_path):
    from ascribe.attr import Occlusion
    from ascribe.models import load_classifier

    run("explain", picture, "--target", "cat", "--set", "strides=3,16,16",
        "--set", "sliding_window_shapes=3,32,32", "--save", "out.npz")  # fmt: skip
    classifier = load_classifier()
    inputs = classifier.read(Image.open(picture))
    expected = Occlusion(classifier.model).attribute(inputs, (3, 32, 32), (3, 16, 16), target=0)
    found = Explanation.load(tmp_path / "out.npz").values[0]
    assert np.array_equal(found.numpy(), expected.numpy())

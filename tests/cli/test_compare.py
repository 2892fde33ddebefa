import pytest
from click.testing import CliRunner

from ascribe import scenes
from ascribe.cli import main
from ascribe.metrics import METRICS


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command in a folder with a picture and return its result."""
    monkeypatch.chdir(tmp_path)
    scenes.sample_scene("dog_and_cat").image.save(tmp_path / "scene.png")
    return lambda *args: CliRunner().invoke(main, [str(arg) for arg in args])


QUICK = ("--set", "occlusion.sliding_window_shapes=3,32,32", "--set", "occlusion.strides=3,32,32")


def test_methods_are_compared_in_one_report(run, tmp_path):
    methods = ("--method", "occlusion", "--method", "deep_lift", "--method", "saliency")
    result = run("compare", "scene.png", *methods, *QUICK, "--target", "dog", "--target", "cat")
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[-1] == "wrote scene_compared.html"
    html = (tmp_path / "scene_compared.html").read_text(encoding="utf-8")
    for told in ("Occlusion", "DeepLift", "Saliency", "dog", "cat", "(3, 32, 32)", "scene.png"):
        assert told in html


def test_methods_are_judged_where_that_is_wanted(run, tmp_path):
    methods = ("--method", "saliency", "--method", "input_x_gradient")
    plain, judged = ("compare", "scene.png", *methods, "-o", "report.html"), ("--judge",)
    for arguments, wanted in ((plain, False), ((*plain, *judged), True)):
        assert run(*arguments).exit_code == 0
        html = (tmp_path / "report.html").read_text(encoding="utf-8")
        assert all((METRICS[name].title in html) == wanted for name in ("insertion", "deletion"))


def test_a_method_that_cannot_do_it_leaves_the_others_their_report(run, tmp_path):
    methods = ("--method", "grad_cam", "--method", "saliency", "--set", "grad_cam.layer=nowhere")
    result = run("compare", "scene.png", *methods, "-o", "report.html")
    assert result.exit_code == 2
    assert "Error: grad_cam: " in result.output
    assert "wrote report.html" in result.output
    assert "Saliency" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_superpixels_are_features_of_those_that_have_some(run, tmp_path):
    methods = ("--method", "feature_ablation", "--method", "saliency")
    result = run("compare", "scene.png", *methods, "--superpixels", 9, "-o", "report.html")
    assert result.exit_code == 0, result.output
    assert "feature_mask" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--method", "saliency", "--set", "abs=false"), "METHOD.NAME=VALUE"),
        (("--method", "saliency", "--set", "lime.n_samples=3"), "a METHOD among saliency"),
        (("--method", "salience"), "did you mean"),
        (("--method", "saliency", "-o", "report.png"), "must end in one of .html"),
        (("--method", "saliency", "--superpixels", 5), "takes no feature_mask"),
    ],
)
def test_what_cannot_work_is_refused_before_the_work(arguments, said, run, tmp_path):
    result = run("compare", "scene.png", *arguments)
    assert result.exit_code == 2
    assert said in result.output
    assert list(tmp_path.glob("*.html")) == []


def test_explain_writes_a_report_too(run, tmp_path):
    result = run(
        "explain", "scene.png", "--method", "saliency", "--renderer", "html_report",
        "--option", "metrics={'infidelity': [0.125]}", "-o", "report.html",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "0.125" in (tmp_path / "report.html").read_text(encoding="utf-8")

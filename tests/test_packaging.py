"""The wheel, and packages of other people's, installed as pip installs them."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def run(*command, path=(), cwd=None):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, env=environment, cwd=cwd
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def install(package, target):
    """Install a package beside the environment, so that the environment stays as it is."""
    run(
        sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation",
        "--disable-pip-version-check", "--target", target, package,
    )  # fmt: skip
    return target


def ascribe(*arguments, path):
    return run(sys.executable, "-m", "ascribe", *arguments, path=path, cwd=path[0])


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", folder, ROOT)
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_all_that_is_needed_and_no_more(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    packages = {name.partition("/")[0] for name in names if ".dist-info" not in name}
    assert packages == {"ascribe", "ascribe_attributions", "ascribe_renderers"}
    for name in (
        "ascribe/py.typed",
        "ascribe_attributions/py.typed",
        "ascribe_renderers/py.typed",
        "ascribe/scenes/classifier.npz",
        "ascribe_renderers/html_report.html",
        "ascribe_renderers/html_report.css",
        "ascribe_renderers/html_report.js",
        "ascribe/templates/plugin/pyproject.toml.in",
    ):
        assert name in names
    assert any(name.endswith("LICENSE") for name in names)
    data = [i for i in zipfile.ZipFile(wheel).infolist() if "/scenes/" in i.filename]
    assert sum(info.file_size for info in data) < 1.5e6


def test_the_installed_wheel_runs_the_main_job(wheel, tmp_path):
    target = install(wheel, tmp_path)
    output = ascribe("demo", "-o", "demo.png", path=[target])
    assert "wrote demo.png" in output
    assert (tmp_path / "demo.png").stat().st_size > 10_000
    where = run(sys.executable, "-c", "import ascribe; print(ascribe.__file__)", path=[target])
    assert where.startswith(str(target))


def test_the_example_package_is_found_once_it_is_installed(tmp_path):
    target = install(ROOT / "examples" / "ascribe-smooth-taylor", tmp_path / "smooth_taylor")
    rows = json.loads(ascribe("list", "--json", path=[target]))
    for kind, name in (("algorithms", "smooth_taylor"), ("renderers", "hot_spot")):
        (row,) = [row for row in rows[kind] if row["name"] == name]
        assert (row["distribution"], row["error"]) == ("ascribe-smooth-taylor", None)
    run(sys.executable, "-c", "from ascribe.attr import SmoothTaylor", path=[target])
    tests = ROOT / "examples" / "ascribe-smooth-taylor" / "tests"
    assert " passed" in run(
        sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tests, path=[target]
    )


def test_what_new_plugin_writes_installs_is_found_and_passes_its_own_test(tmp_path):
    ascribe("new-plugin", "bright_idea", path=[tmp_path])
    package = tmp_path / "ascribe-bright-idea"
    target = install(package, tmp_path / "installed")
    assert "BrightIdea: " in ascribe("list", "bright_idea", path=[target])
    told = run(sys.executable, "-m", "pytest", "-q", path=[target], cwd=package)
    assert " passed" in told
    assert "failed" not in told
    assert "0 of " in ascribe("check", "bright_idea", "--examples", "10", path=[target])


def test_a_third_party_algorithm_and_renderer_work_in_the_main_job(tmp_path):
    target = install(ROOT / "examples" / "ascribe-smooth-taylor", tmp_path / "smooth_taylor")
    draw = "from ascribe import scenes; scenes.sample_scene('dog_and_cat').image.save('p.png')"
    run(sys.executable, "-c", draw, path=[target], cwd=target)
    ascribe("explain", "p.png", "--method", "smooth_taylor", "--set", "n_samples=5",
            "--renderer", "hot_spot", "--target", "dog", "--target", "cat", "-o", "out.png",
            path=[target])  # fmt: skip
    assert (target / "out.png").stat().st_size > 10_000


def test_the_recipe_runs_on_real_data(shared, tmp_path):
    run(
        sys.executable, ROOT / "examples" / "recipe.py", shared / "dog_and_cat.png",
        "--model", "squeezenet1_0", "--weights", shared / "squeezenet1_0_imagenet.npz",
        "--folder", tmp_path,
    )  # fmt: skip
    assert {path.name for path in tmp_path.iterdir()} == {"recipe_243.png", "recipe_282.png"}


def test_the_guide_followed_literally_gives_a_plugin_that_conforms(tmp_path):
    """docs/write-an-algorithm.md, step by step."""
    text = (ROOT / "docs" / "write-an-algorithm.md").read_text()
    commands = [
        line for block in re.findall(r"```sh\n(.*?)```", text, re.S) for line in block.splitlines()
    ]
    assert commands[0] == "ascribe new-plugin mean_ablation"
    ascribe("new-plugin", "mean_ablation", path=[tmp_path])
    package = tmp_path / "ascribe-mean-ablation"
    code = re.search(r"```python\n(.*?)```", text, re.S).group(1)
    (package / "src/ascribe_mean_ablation/mean_ablation.py").write_text(code)
    target = install(package, tmp_path / "installed")
    assert commands[2] == "ascribe list mean_ablation"
    assert "spread = 0.1" in ascribe("list", "mean_ablation", path=[target])
    assert commands[3] == "ascribe check mean_ablation"
    told = ascribe("check", "mean_ablation", "--examples", "10", path=[target])
    assert "MeanAblation: 0 of " in told
    run(sys.executable, "-c", "from ascribe.attr import MeanAblation", path=[target])

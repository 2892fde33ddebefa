import json

import pytest
from click.testing import CliRunner

from ascribe import registry
from ascribe.cli import main
from ascribe.cli.benchmark_methods import METHODS


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*args):
        return CliRunner().invoke(main, ["benchmark-methods", *map(str, args)])

    return call


def test_a_table_has_methods_and_controls_the_best_first(run):
    result = run("--method", "saliency", "--method", "grad_cam", "--scenes", 2, "--steps", 4,
                 "--sort", "relevance_mass_accuracy")  # fmt: skip
    assert result.exit_code == 0, result.output
    head, *rows = result.output.splitlines()[:7]
    assert head.split()[:3] == ["method", "pointing", "game"]
    assert "deletion ↓" in head
    names = [row.split("  ")[0] for row in rows]
    assert names[0] == "(the mask itself)"
    assert set(names) == {
        "(the mask itself)", "(edges)", "(random)", "(uniform)", "saliency", "grad_cam",
    }  # fmt: skip
    assert names.index("saliency") < names.index("(edges)")
    assert "4 animals in 2 pictures" in result.output
    assert "grad_cam: layer='features', relu_attributions=True" in result.output


def test_numbers_of_the_json_are_those_of_the_markdown(run, tmp_path):
    result = run("--method", "saliency", "--scenes", 2, "--steps", 4, "--markdown",
                 "--json", "out.json", "--sort", "name")  # fmt: skip
    assert result.exit_code == 0, result.output
    lines = [line for line in result.output.splitlines() if line.startswith("|")]
    assert set(lines[1]) <= set("| -")
    content = json.loads((tmp_path / "out.json").read_text())
    assert (content["pictures"], content["targets"], content["seed"]) == (2, 4, 0)
    for line, row in zip(lines[2:], content["rows"], strict=True):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert cells[0].strip("()") == row["name"]
        assert row["control"] is cells[0].startswith("(")
        mass = row["metrics"]["relevance_mass_accuracy"]
        assert cells[2] == f"{mass['mean']:.2f} ± {mass['standard_error']:.2f}"
        assert (mass["targets"], mass["pictures"]) == (4, 2)


def test_settings_reach_the_method_and_superpixels_are_given(run, tmp_path):
    result = run("--method", "kernel_shap", "--set", "kernel_shap.n_samples=104", "--scenes", 1,
                 "--steps", 2, "--json", "out.json")  # fmt: skip
    assert result.exit_code == 0, result.output
    rows = json.loads((tmp_path / "out.json").read_text())["rows"]
    row = next(row for row in rows if row["name"] == "kernel_shap")
    assert row["parameters"] == {"baselines": "0.5", "n_samples": "104"}
    assert row["metrics"]["sparseness"]["mean"] < 0.99  # regions, not single pixels


def test_a_method_that_does_not_suit_is_left_out_with_a_word(run):
    arguments = ("--scenes", 1, "--steps", 2)
    result = run("--method", "saliency", "--method", "attention_rollout", *arguments)
    assert result.exit_code == 0, result.output
    assert "Warning: attention_rollout is left out: " in result.output
    alone = run("--method", "attention_rollout", *arguments)
    assert alone.exit_code == 2
    assert "no method could be judged" in alone.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sort", "beauty"], "--sort must be one of"),
        (["--method", "salience"], "did you mean"),
        (["--method", "lime", "--set", "rise.n_samples=1"], "METHOD.NAME=VALUE"),
        (["--method", "lime", "--set", "lime.colour=1"], "takes no colour"),
        (["--json", "none/out.json"], "there is no folder"),
    ],
)
def test_bad_arguments_are_a_clear_line(run, arguments, message):
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_all_methods_of_the_default_list_exist():
    assert set(METHODS) <= set(registry.attributions.names())

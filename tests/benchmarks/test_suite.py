"""The benchmarks run, and compare numbers before they time anything. Nothing here is timed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

pytest.importorskip("captum", reason="needs captum: pip install ascribe[bench]")

from benchmarks import __main__ as command
from benchmarks import memory, models, scaling
from benchmarks.measuring import difference, measure
from benchmarks.pictures import of_groups, pictures, superpixels
from benchmarks.row import Case, Row, Setting, Skipped
from benchmarks.rows import ROWS
from benchmarks.timing import in_turns, rows_seen, spread

SMALL = Setting(small=True)
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", ROWS)
def test_every_row_runs_and_its_numbers_agree(name):
    measured = measure(ROWS[name], SMALL, rounds=0, memory=False)
    if measured.status == "skipped":
        pytest.skip(measured.why)
    assert (measured.status, measured.why) == ("ok", "")
    assert "captum" in measured.difference or name.startswith("import")


def test_rows_have_names_of_their_own_and_say_what_they_do():
    modules = (command.ROWS.values(), scaling.rows())
    rows = [row for some in modules for row in some]
    assert len({row.name for row in rows}) >= len(ROWS) + 4 * 4 - 3  # the usual line comes often
    assert all(row.what and row.tolerance >= 0 for row in rows)


def made_up(ours, theirs, **more):
    model = nn.Linear(2, 1)
    return Row("made_up", lambda setting: Case(model, ours, theirs, **more), 1e-3, what="a test")


def test_where_numbers_disagree_nothing_is_timed():
    row = made_up(lambda: torch.ones(3), lambda: torch.tensor([1.0, 1.0, 1.01]))
    measured = measure(row, SMALL, rounds=3, memory=False)
    assert measured.status == "disagrees"
    assert "captum is off by 0.0099" in measured.why
    assert not measured.times


def test_the_tuned_setting_must_agree_too():
    row = made_up(torch.ones(3).clone, torch.ones(3).clone, tuned=lambda: torch.zeros(3))
    assert "tuned is off" in measure(row, SMALL, rounds=0, memory=False).why


def test_nan_and_other_shapes_disagree():
    nan = made_up(lambda: torch.ones(2), lambda: torch.tensor([1.0, torch.nan]))
    assert measure(nan, SMALL, rounds=0, memory=False).status == "disagrees"
    assert difference(torch.ones(2), torch.ones(1)) == float("inf")


def test_a_check_is_compared_in_place_of_the_job():
    same = (lambda: torch.ones(2), lambda: torch.ones(2))
    row = made_up(lambda: torch.rand(2), lambda: -torch.rand(2), check=same)
    measured = measure(row, SMALL, rounds=0, memory=False)
    assert measured.difference == {"captum": 0.0}


def test_what_is_missing_skips_the_row(monkeypatch):
    monkeypatch.setattr(models, "SHARED", Path("nowhere"))
    with pytest.raises(Skipped, match="nowhere"):
        models.squeezenet(SMALL)
    measured = measure(ROWS["recipe_squeezenet"], SMALL, rounds=1)
    assert (measured.status, measured.times) == ("skipped", {})


def test_calls_take_turns_and_the_order_changes():
    called: list[str] = []
    calls = {side: lambda side=side: called.append(side) for side in ("ascribe", "captum")}
    times = in_turns(calls, 3, CPU)
    turns = [side for before, side in zip([None, *called], called, strict=False) if side != before]
    assert turns == ["ascribe", "captum", "ascribe", "captum", "ascribe", "captum"]
    assert all(len(t.wall) == len(t.cpu) == 3 and min(t.wall) > 0 for t in times.values())


def test_what_clocks_itself_is_believed():
    times = in_turns({"ascribe": lambda: torch.tensor(2.0)}, 2, CPU, clocked=True)
    assert times["ascribe"].wall == [2.0, 2.0]


def test_the_spread_is_of_ratios_in_the_same_round():
    assert spread([1, 2, 4], [2, 8, 12]) == (2.5, 3.0, 3.5)


def test_rows_that_a_model_sees_are_counted_and_the_hook_goes():
    model = nn.Linear(2, 1)
    with rows_seen(model) as seen:
        model(torch.ones(3, 2))
        model(torch.ones(4, 2))
    model(torch.ones(5, 2))
    assert seen == [3, 4]


HOLDING = """
import torch
from benchmarks.memory import growth
from benchmarks.row import Case, Row, Setting

def build(setting):
    torch.ones(100 * 2**18)  # what loading takes, and gives back, is not to be counted
    return Case(None, lambda: torch.ones(60 * 2**18), lambda: torch.ones(10 * 2**18))

print([growth(Row("holding", build, 0.0), side, Setting()) for side in ("ascribe", "captum")])
"""


def test_memory_grows_by_what_a_call_holds():
    inherited = torch.ones(200 * 2**18)  # what started a process is not to be counted either
    done = subprocess.run(
        [sys.executable, "-c", HOLDING], check=True, capture_output=True, text=True, cwd=memory.ROOT
    )
    sixty, ten = json.loads(done.stdout)
    assert 55 < sixty < 80
    assert 8 < ten < 30
    assert len(inherited)


def test_a_row_is_measured_in_a_process_of_its_own():
    row = ROWS["tiny_integratedgradients_1000"]
    assert 0 < memory.growth_in_a_process(row, "captum", SMALL, 1) < 100


def test_models_do_not_change_from_run_to_run_and_norms_do_something():
    model, other = (models.classifier("resnet18", SMALL) for _ in range(2))
    inputs = pictures(SMALL)
    assert torch.equal(model(inputs), other(inputs))
    assert not model.training
    assert model.bn1.running_var.std() > 0
    assert model.bn1.weight.std() > 0.1


def test_superpixels_and_their_numbers():
    mask = superpixels(torch.zeros(1, 3, 20, 20), 5, 10)
    assert mask.unique().tolist() == list(range(50))
    values = torch.arange(50.0)[mask].expand(1, 3, 20, 20)
    assert of_groups(values, mask).tolist() == [list(range(50))]


def test_the_command_writes_json_and_a_table(tmp_path, capsys):
    written = tmp_path / "numbers.json"
    arguments = ["--row", "tiny_saliency_10", "--small", "--rounds", "2", "--no-memory"]
    assert command.main([*arguments, "--markdown", "--json", str(written)]) == 0
    held = json.loads(written.read_text())
    assert held["surroundings"]["rounds"] == 2
    (saliency,) = held["rows"]
    assert len(saliency["times"]["captum"]["wall"]) == 2
    low, middle, high = saliency["ratio"]["captum"]
    assert low <= middle <= high
    assert saliency["evaluations"] == {"ascribe": 10, "captum": 10}
    table = capsys.readouterr().out.split("\n\n")[-1].splitlines()
    rows = [line for line in table if line.startswith("|")]
    assert len(rows) == 3
    assert len({line.count("|") for line in rows}) == 1
    assert re.search(r"\*\*[\d.]+\*\* \([\d.]+ to [\d.]+\)", rows[2])


def test_the_command_fails_where_numbers_disagree(monkeypatch, capsys):
    wrong = made_up(lambda: torch.ones(1), lambda: -torch.ones(1))
    monkeypatch.setitem(command.ROWS, "made_up", wrong)
    assert command.main(["--row", "made_up", "--rounds", "1", "--no-memory"]) == 1
    assert "disagrees: captum is off by 2" in capsys.readouterr().out


def test_what_was_written_is_shown_again(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(command.ROWS, "made_up", made_up(torch.ones(1).clone, torch.ones(1).clone))
    path = tmp_path / "numbers.json"
    given = ["--row", "made_up", "--rounds", "1", "--no-memory", "--json", str(path), "--markdown"]
    assert command.main(given) == 0
    full = capsys.readouterr().out.split("\n\n", 1)[1]
    assert command.main(["--read", str(path), str(path), "--markdown"]) == 0
    again = capsys.readouterr().out
    assert again.endswith(full + full.splitlines()[-1] + "\n")
    assert command.main(["--read", str(path), "--markdown", "brief"]) == 0
    assert "| row | Captum / Ascribe | tuned / Ascribe | memory, MB |" in capsys.readouterr().out


def test_an_unknown_row_gets_a_suggestion(capsys):
    with pytest.raises(SystemExit):
        command.main(["--row", "recipe_resnet"])
    assert "did you mean recipe_resnet18" in capsys.readouterr().err


@pytest.mark.parametrize("quantity", scaling.VARIED)
def test_scaling_rows_agree(quantity):
    name = "windows" if quantity == "along" else quantity
    row = next(row for row in scaling.rows() if row.name.startswith(f"scaling_{name}_"))
    assert measure(row, SMALL, rounds=0, memory=False).status == "ok"

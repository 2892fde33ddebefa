"""The kit catches what it must, by the check meant for it, and never cries wolf."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
import torch

from ascribe.attr import FeatureAblation, InputXGradient, IntegratedGradients, Occlusion, Saliency
from ascribe.testing import PROPERTIES, check_method
from ascribe.testing.runner import EXAMPLES, run, subject_of


def _tables(name):
    """Yield the entries of a table in the files of mutants that lie beside this one."""
    for path in sorted(Path(__file__).parent.glob("mutants_of_*.py")):
        yield from getattr(_loaded(path), name, [])


def _loaded(path, known={}):  # noqa: B006 - each file once
    if path not in known:
        spec = importlib.util.spec_from_file_location(path.stem, path)
        known[path] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(known[path])
    return known[path]


def _case(mutant, parameters, name, says):
    return pytest.param(mutant, parameters, name, says, id=f"{mutant.__name__}-{name}")


MUTANTS = [_case(*entry) for entry in _tables("MUTANTS")]


@pytest.fixture(autouse=True)
def _the_rest_of_the_program():
    """Keep what mutants do to the whole program from the tests that follow."""
    dtype = torch.get_default_dtype()
    with torch.enable_grad():
        yield
    torch.set_default_dtype(dtype)


@pytest.mark.parametrize(("mutant", "parameters", "name", "says"), MUTANTS)
def test_mutant_is_caught(mutant, parameters, name, says):
    outcome = run(subject_of(mutant, parameters), PROPERTIES[name], examples=EXAMPLES, seed=0)
    assert outcome.status == "fails"
    assert says in outcome.message
    assert re.search("a model '|was changed|raised ", outcome.message)


@pytest.mark.parametrize(("method", "parameters", "name"), list(_tables("HOLDS")))
def test_what_is_right_is_not_caught(method, parameters, name):
    outcome = run(subject_of(method, parameters), PROPERTIES[name], examples=EXAMPLES, seed=0)
    assert outcome.status == "holds"


GOOD = [
    (Saliency, {}),
    (Saliency, {"abs": False}),
    (InputXGradient, {}),
    (IntegratedGradients, {}),
    (IntegratedGradients, {"method": "riemann_middle", "n_steps": 100}),
    (FeatureAblation, {}),
    (Occlusion, {}),
    (Occlusion, {"sliding_window_shapes": (1,)}),
    (Occlusion, {"sliding_window_shapes": (3,)}),
    *_tables("GOOD"),
]


@pytest.mark.parametrize(("method", "parameters"), GOOD)
def test_good_method_passes_at_every_seed(method, parameters):
    for seed in range(20):
        report = check_method(method, parameters, examples=2, seed=seed, unclaimed=False)
        assert not report.failures, f"seed {seed}: {report}"

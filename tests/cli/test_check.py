import json
import sys
import types

import pytest
from click.testing import CliRunner

from ascribe.attr import Saliency
from ascribe.cli import main


def run(*arguments):
    return CliRunner().invoke(main, ["check", *arguments])


@pytest.fixture
def foreign(monkeypatch):
    """A class of somebody's, which knows nothing of Ascribe but has the interface."""

    class Foreign:
        def __init__(self, model):
            self.model = model

        def attribute(self, inputs, target=None):
            found = Saliency(self.model).attribute(inputs, target)
            return tuple(-f for f in found) if isinstance(found, tuple) else -found

    module = types.ModuleType("foreign_module")
    module.Foreign, module.thing = Foreign, 3
    monkeypatch.setitem(sys.modules, "foreign_module", module)


def test_what_conforms_exits_with_0_and_a_table():
    result = run("saliency", "--examples", "5")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert any(line.split() == ["dummy", "holds"] for line in lines)
    assert lines[-1].startswith("Saliency: 0 of ")
    assert "examples in" in lines[-1]


def test_parameters_decide_what_is_claimed():
    result = run("saliency", "--set", "abs=false", "--examples", "3", "--json")
    rows = {row["name"]: row for row in json.loads(result.output)["properties"]}
    assert rows["linear_gradient"]["status"] == "holds"
    assert rows["linear_gradient"]["kind"] == "oracle"
    assert rows["linear_magnitude"]["status"] == "not claimed"


def test_a_class_from_any_module_is_held_to_the_claims_that_are_named(foreign):
    alone = run("foreign_module:Foreign", "--examples", "3")
    assert alone.exit_code == 0, alone.output
    assert "linear_magnitude" not in alone.output
    claimed = run("foreign_module:Foreign", "--examples", "3", "--claims", "dummy,linear_magnitude")
    assert claimed.exit_code == 1
    assert any(
        line.split()[:2] == ["linear_magnitude", "fails"] for line in claimed.output.splitlines()
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["salienci"], "did you mean saliency"),
        (["saliency", "--claims", "complete"], "no property is called complete"),
        (["saliency", "--claims", "dummy=much"], "NAME=NUMBER"),
        (["saliency", "--examples", "0"], "nothing would be tried"),
        (["saliency", "--set", "n_steps=3"], "takes no n_steps"),
        (["no_such_module:Thing"], "ModuleNotFoundError"),
        (["foreign_module:thing"], "must be a class with a method 'attribute'"),
    ],
)
def test_bad_usage_is_answered_by_one_clear_line_and_exit_code_2(foreign, arguments, message):
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert len(result.output.splitlines()) == 1

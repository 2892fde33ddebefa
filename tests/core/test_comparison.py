import pytest
import torch

from ascribe import Explanation, InputError
from ascribe.comparison import diagnostics, method_names, parameters_told


def made(method="Saliency", **more):
    x = torch.ones(1, 2)
    return Explanation(x[None], x, [0], torch.ones(1, 1), method, **more)


def test_a_method_is_called_by_its_name_and_twins_by_what_they_differ_in():
    assert method_names([made("Lime"), made("Saliency")]) == ["Lime", "Saliency"]
    twins = [made("Lime", parameters={"n": n, "seed": 1}) for n in (10, 20)]
    assert method_names([*twins, made("Rise")]) == ["Lime, n=10", "Lime, n=20", "Rise"]
    more = made("Lime", parameters={"n": 10, "seed": 1, "alpha": 2})
    assert method_names([more, twins[0]]) == ["Lime, alpha=2", "Lime"]
    assert method_names([made("Lime"), made("Rise"), made("Lime")]) == ["Lime 1", "Rise", "Lime 2"]


def test_parameters_are_told_in_short():
    parameters = {
        "steps": 50,
        "baselines": torch.zeros(1, 3, 8, 8),
        "few": torch.tensor([1.0, 2.0]),
        "function": torch.relu,
        "long": "x" * 1000,
    }
    told = dict(parameters_told(made(parameters=parameters)))
    assert told["steps"] == "50"
    assert told["baselines"] == "Tensor of shape (1, 3, 8, 8)"
    assert told["few"] == "[1.0, 2.0]"
    assert told["function"] == "relu"
    assert len(told["long"]) == 200


def test_diagnostics_are_the_largest_gap_the_cost_and_what_is_known():
    exact = made(delta=torch.tensor([[0.1, -0.3]]), seconds=2.0, evaluations=7)
    unknown = made(seconds=1.0)
    assert diagnostics([exact, unknown]) == {
        "completeness gap": [pytest.approx(0.3), None],
        "seconds": [2.0, 1.0],
        "model evaluations": [7, None],
    }
    sampled = made(standard_errors=(torch.tensor([0.5]), torch.tensor([2.0, 1.0])))
    assert diagnostics([sampled])["standard error"] == [2.0]


@pytest.mark.parametrize(
    "metrics",
    [
        {"infidelity": [0.5, None]},
        {"infidelity": {"Lime": 0.5}},
        [{"infidelity": torch.tensor([[0.25, 0.75]])}, {}],
    ],
)
def test_metrics_are_given_by_order_by_method_or_by_explanation(metrics):
    found = diagnostics([made("Lime"), made("Rise")], metrics)
    (name,) = (name for name in found if name.startswith("infidelity"))
    assert found[name] == [0.5, None]
    assert (name != "infidelity") == isinstance(metrics, list)  # the mean of two


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ({"m": [1.0]}, "one number for each of the 2"),
        ({"m": 1.0}, "holds 1"),
        ({"m": {"Limes": 1.0}}, "'Limes', but the methods are Lime, Rise"),
        ({"m": ["good", 1]}, "must hold numbers"),
        ([{"m": 1}], "one for each of the 2"),
    ],
)
def test_metrics_that_do_not_fit_are_refused(metrics, said):
    with pytest.raises(InputError, match=said):
        diagnostics([made("Lime"), made("Rise")], metrics)

import numpy as np
import pytest
import torch
from torch import nn

from ascribe import InputError, explain
from ascribe.metrics import METRICS, deletion, judge, pointing_game, road, sparseness


@pytest.fixture
def net():
    layers = (nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 25, 3))
    return nn.Sequential(*layers).eval()


@pytest.fixture
def pictures():
    return torch.rand(2, 3, 10, 10)


@pytest.fixture
def mask():
    return torch.rand(2, 2, 10, 10) > 0.5


def test_without_truth_and_model_there_is_sparseness(net, pictures):
    explanation = explain(net, pictures, "saliency", [0, 2])
    found = judge(explanation)
    assert list(found) == ["sparseness"]
    torch.testing.assert_close(
        found["sparseness"], sparseness(explanation.values, several_targets=True)
    )


def test_with_all_there_is_each_metric_in_its_order(net, pictures, mask):
    explanation = explain(net, pictures, "saliency", [0, 2])
    found = judge(explanation, mask, net, baselines=0.5, steps=7)
    assert list(found) == [name for name in METRICS if name in found]
    assert all(one.shape == (2, 2) for one in found.values())
    for row, target in enumerate((0, 2)):
        values = explanation.values[row]
        torch.testing.assert_close(
            found["deletion"][row], deletion(net, pictures, values, 0.5, target, steps=7)
        )
        torch.testing.assert_close(found["pointing_game"][row], pointing_game(values, mask[row]))


def test_names_choose_and_road_is_among_them(net, pictures):
    explanation = explain(net, pictures, "saliency", [0])
    found = judge(explanation, None, net, metrics=["road_lerf", "sparseness"])
    assert list(found) == ["road_lerf", "sparseness"]
    alone = road(net, pictures, explanation.values[0], 0, order="lerf")
    torch.testing.assert_close(found["road_lerf"][0], alone)


def test_maps_of_a_layer_are_brought_to_the_size_of_inputs_or_picture(net, pictures, mask):
    explanation = explain(net, pictures, "grad_cam", [0, 2], layer="0")
    assert explanation.values.shape[-2:] == (5, 5)
    found = judge(explanation, mask, net, inputs=pictures)
    assert set(found) >= {"pointing_game", "insertion"}
    seen = np.zeros((2, 10, 10, 3))
    shown = type(explanation)(**{**vars(explanation), "original": seen})
    torch.testing.assert_close(judge(shown, mask)["pointing_game"], found["pointing_game"])
    with pytest.raises(InputError, match="bring attributions to the size of the mask"):
        judge(explanation, mask)


def test_arguments_of_the_model_are_those_of_the_explanation(pictures):
    def scaled(x, factor):
        return (x * factor).flatten(1)[:, :3]

    given = {"additional_forward_args": (2.0,)}
    explanation = explain(scaled, pictures, "saliency", [0], given)
    found = judge(explanation, None, scaled, metrics=["deletion"], steps=100)
    once = judge(
        explain(lambda x: scaled(x, 1), pictures, "saliency", [0]),
        None,
        lambda x: scaled(x, 1),
        metrics=["deletion"],
        steps=100,
    )
    torch.testing.assert_close(found["deletion"], 2 * once["deletion"])


def test_explanations_of_rows_and_of_several_inputs():
    rows = (torch.rand(2, 4), torch.rand(2, 3))
    explanation = explain(lambda a, b: a.sum(1) + b.sum(1), rows, "input_x_gradient")
    found = judge(explanation, (torch.ones(4), None), lambda a, b: a.sum(1) + b.sum(1))
    assert found["relevance_mass_accuracy"].shape == (1, 2)
    share = rows[0].sum(1) / (rows[0].sum(1) + rows[1].sum(1))
    torch.testing.assert_close(found["relevance_mass_accuracy"][0], share.double())


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        (["pointing_game"], "needs masks"),
        (["deletion"], "needs the model"),
        (["sensitivity_max"], "not by 'sensitivity_max'"),
        (["speed"], "not by 'speed'"),
    ],
)
def test_what_there_is_not_enough_for_is_refused(net, pictures, metrics, message):
    explanation = explain(net, pictures, "saliency", [0])
    with pytest.raises(InputError, match=message):
        judge(explanation, metrics=metrics)


def test_a_neuron_has_no_score_to_follow(net, pictures):
    explanation = explain(net, pictures, "NeuronGradient", layer="0", neuron_selector=(0, 1, 1))
    assert list(judge(explanation)) == ["sparseness"]
    with pytest.raises(InputError, match="an explanation of a neuron"):
        judge(explanation, None, net)

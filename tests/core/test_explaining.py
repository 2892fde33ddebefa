"""Explaining layers, neurons and methods around methods: from Python and from the shell."""

import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from torch import nn

import ascribe
from ascribe import InputError, ParameterError, scenes
from ascribe.attr import (
    LayerConductance,
    NeuronConductance,
    NeuronIntegratedGradients,
    NoiseTunnel,
    Saliency,
)
from ascribe.cli import main


@pytest.fixture
def model():
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(36, 5)
    ).eval()


@pytest.fixture
def x():
    return torch.rand(2, 3, 8, 8)


def test_a_method_to_a_layer_explains_its_activations(model, x):
    explanation = ascribe.explain(model, x, "layer_conductance", target=[3, 1], layer="1")
    assert explanation.values.shape == (2, 2, 4, 6, 6)
    torch.testing.assert_close(explanation.inputs, model[:2](x).detach())
    alone = LayerConductance(model, model[1]).attribute(x, target=1)
    torch.testing.assert_close(explanation.values[1], alone)
    torch.testing.assert_close(explanation.scores, model(x)[:, [3, 1]].T.detach())
    assert explanation.delta.shape == (2, 2)


def test_the_top_prediction_is_that_of_the_model_and_not_of_the_layer(model, x):
    explanation = ascribe.explain(model, x, "activation", layer="0")
    (targets,) = explanation.targets
    assert torch.equal(targets, model(x).argmax(1))
    torch.testing.assert_close(explanation.values[0], model[0](x).detach())
    neuron = ascribe.explain(model, x, "NeuronConductance", layer="1", neuron_selector=(1, 2, 2))
    assert torch.equal(neuron.targets[0], model(x).argmax(1))
    expected = NeuronConductance(model, "1").attribute(x, (1, 2, 2), target=model(x).argmax(1))
    torch.testing.assert_close(neuron.values[0], expected)


def test_what_a_layer_is_given_is_explained_as_well(model, x):
    explanation = ascribe.explain(
        model, x, "LayerConductance", target=2, layer="2", attribute_to_layer_input=True
    )
    assert explanation.values.shape == (1, 2, 4, 6, 6)


def test_the_score_of_a_neuron_is_its_activation(model, x):
    explanation = ascribe.explain(
        model, x, "neuron_integrated_gradients", layer="1", neuron_selector=(2, 1, 1)
    )
    assert explanation.targets == [(2, 1, 1)]
    assert explanation.labels == ["neuron (2, 1, 1)"]
    torch.testing.assert_close(explanation.scores[0], model[:2](x)[:, 2, 1, 1].detach())
    expected = NeuronIntegratedGradients(model, model[1]).attribute(x, (2, 1, 1))
    torch.testing.assert_close(explanation.values[0], expected)
    with pytest.raises(InputError, match="takes no target"):
        ascribe.explain(model, x, "gradient", target=1, layer="1", neuron_selector=(2, 1, 1))
    with pytest.raises(ParameterError, match="NeuronGradient needs layer"):
        ascribe.explain(model, x, "gradient", neuron_selector=(2, 1, 1))


@pytest.mark.parametrize("inner", ["saliency", Saliency, "instance"])
def test_a_method_around_another_takes_its_parameters(model, x, inner):
    given = Saliency(model) if inner == "instance" else inner
    explanation = ascribe.explain(
        model, x, "noise_tunnel", target=[3, 1], attribution_method=given, nt_samples=3, abs=False
    )
    expected = NoiseTunnel(Saliency(model)).attribute(x, nt_samples=3, target=1, abs=False)
    torch.testing.assert_close(explanation.values[1], expected)
    with pytest.raises(ParameterError, match="takes no n_steps"):
        ascribe.explain(model, x, "noise_tunnel", attribution_method=given, n_steps=3)
    with pytest.raises(ParameterError, match="needs attribution_method"):
        ascribe.explain(model, x, "noise_tunnel", nt_samples=3)


def test_noise_around_a_neuron(model, x):
    explanation = ascribe.explain(
        model,
        x,
        "noise_tunnel",
        attribution_method="NeuronGradient",
        layer="1",
        neuron_selector=(2, 1, 1),
    )
    assert explanation.values.shape == (1, *x.shape)
    torch.testing.assert_close(explanation.scores[0], model[:2](x)[:, 2, 1, 1].detach())


def test_several_layers_are_saved_and_loaded(model, x, tmp_path):
    explanation = ascribe.explain(model, x, "gradient_x_activation", target=1, layer=["0", "2"])
    assert [tuple(value.shape) for value in explanation.values] == [
        (1, 2, 4, 6, 6),
        (1, 2, 4, 3, 3),
    ]
    explanation.save(tmp_path / "numbers.npz")
    loaded = ascribe.Explanation.load(tmp_path / "numbers.npz")
    assert all(map(torch.equal, loaded.values, explanation.values))


def shell(folder, *arguments):
    scenes.sample_scene("dog_and_cat").image.save(folder / "scene.png")
    return CliRunner().invoke(main, ["explain", str(folder / "scene.png"), *arguments])


@pytest.mark.parametrize(
    ("method", "settings", "says"),
    [
        ("layer_gradient_x_activation", ["layer=features.4"], ": score "),
        ("activation", ["layer=features.4"], ": score "),
        ("neuron_gradient", ["layer=evidence", "neuron_selector=0,9,9"], "neuron (0, 9, 9): score"),
        ("noise_tunnel", ["attribution_method=saliency", "nt_samples=3"], ": score "),
        ("gradient_shap", ["baselines=0.5"], "completeness gap"),
    ],
)
def test_the_shell_draws_them_over_the_picture(tmp_path, method, settings, says):
    given = [part for setting in settings for part in ("--set", setting)]
    for renderer in ("heat_map", "blended_heat_map"):
        out = tmp_path / f"{renderer}.png"
        done = shell(tmp_path, "--method", method, *given, "--renderer", renderer, "-o", str(out))
        assert done.exit_code == 0, done.output
        assert says in done.output
        with Image.open(out) as drawn:
            assert min(drawn.size) > 300


def test_an_unknown_layer_is_a_clear_line(tmp_path):
    done = shell(tmp_path, "--method", "layer_conductance", "--set", "layer=featurs.4")
    assert done.exit_code == 2
    assert "no layer 'featurs.4'" in done.output
    assert "features.4" in done.output

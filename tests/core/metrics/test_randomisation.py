import copy

import numpy as np
import pytest
import torch
from torch import nn

from ascribe import InputError, Targets
from ascribe.attr import LayerGradCam, Saliency
from ascribe.metrics import randomisation, randomisation_similarity
from ascribe.metrics.map_similarity import SIMILARITIES


@pytest.fixture
def net():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 4, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(4 * 144, 3),
    ).eval()


@pytest.fixture
def pictures():
    return torch.randn(2, 1, 12, 12)


def gradient(pictures, target=1):
    return lambda net: Saliency(net).attribute(pictures, target=target)


@pytest.mark.parametrize("mode", ["cascading", "independent"])
def test_layers_come_from_the_output_to_the_input(net, pictures, mode):
    found = randomisation(net, gradient(pictures), mode)
    assert list(found) == ["6", "3", "1", "0"]
    assert all(one.shape == (2,) for one in found.values())
    assert all(bool((one.abs() <= 1).all()) for one in found.values())
    assert float(found["0"].mean()) < 0.5
    mean = randomisation_similarity(net, gradient(pictures), mode)
    torch.testing.assert_close(mean, torch.stack(list(found.values())).mean(0))


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_what_does_not_depend_on_a_layer_stays_as_it_is(net, pictures, similarity):
    def explain(net):  # of the first layer alone
        return net[0](pictures).detach().abs().sum(1, keepdim=True)

    found = randomisation(net, explain, "independent", similarity, layers=["6", "3", "0"])
    torch.testing.assert_close(found["6"], torch.ones(2).double())
    torch.testing.assert_close(found["3"], torch.ones(2).double())
    assert bool((found["0"] < 0.99).all())


def test_cascading_keeps_what_was_randomised_and_independent_does_not(net, pictures):
    weights = {}

    def explain(net):
        weights[len(weights)] = copy.deepcopy(net.state_dict())
        return gradient(pictures)(net)

    def changed(mode):
        weights.clear()
        randomisation(net, explain, mode, layers=["6", "0"])
        trained = net.state_dict()
        return [
            [name for name in ("0.weight", "6.weight") if not torch.equal(one[name], trained[name])]
            for one in weights.values()
        ]

    assert changed("cascading") == [[], ["6.weight"], ["0.weight", "6.weight"]]
    assert changed("independent") == [[], ["6.weight"], ["0.weight"]]


def test_random_weights_have_the_scale_of_those_that_were_learnt(pictures):
    net = nn.Sequential(nn.Flatten(), nn.Linear(144, 200))
    nn.init.normal_(net[1].weight, 3.0, 0.5)
    seen = []

    def explain(net):
        seen.append(net[1].weight.detach().clone())
        return gradient(pictures)(net)

    randomisation(net, explain)
    assert not torch.equal(seen[0], seen[1])
    assert float(seen[1].mean()) == pytest.approx(3.0, abs=0.05)
    assert float(seen[1].std()) == pytest.approx(0.5, rel=0.05)


def test_the_model_and_the_random_state_are_as_before(net, pictures):
    before, state = copy.deepcopy(net.state_dict()), torch.get_rng_state()
    inside = {name: dict(vars(module)) for name, module in net.named_modules()}
    with pytest.raises(RuntimeError, match="the method fails"):
        randomisation(net, _failing(pictures))
    randomisation(net, gradient(pictures))
    assert torch.equal(torch.get_rng_state(), state)
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name])
    for name, module in net.named_modules():
        assert vars(module) == inside[name]
        assert not module._forward_pre_hooks


def _failing(pictures):
    calls = []

    def explain(net):
        calls.append(net)
        if len(calls) > 2:
            raise RuntimeError("the method fails")
        return gradient(pictures)(net)

    return explain


def test_the_seed_decides(net, pictures):
    one, same, other = (randomisation(net, gradient(pictures), seed=s)["6"] for s in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_layers_by_name_and_several_targets(net, pictures):
    def explain(net):
        return LayerGradCam(net, "3").attribute(pictures, target=Targets([0, 2]))

    found = randomisation(net, explain, several_targets=True)
    assert all(one.shape == (2, 2) for one in found.values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "both"}, "mode must be one of"),
        ({"similarity": "mse"}, "similarity must be one of"),
        ({"layers": ["2"]}, "layers must be names of modules with parameters"),
        ({"layers": []}, "layers must be names of modules with parameters"),
    ],
)
def test_bad_parameters_are_refused(net, pictures, options, message):
    with pytest.raises(InputError, match=message):
        randomisation(net, gradient(pictures), **options)


def test_what_cannot_be_randomised_is_refused(net, pictures):
    with pytest.raises(InputError, match="none of its layers ran"):
        randomisation(net, lambda copy: gradient(pictures)(net))
    with pytest.raises(InputError, match=r"an nn\.Module"):
        randomisation(lambda x: x, gradient(pictures))
    net.kept = torch.ones(2, requires_grad=True) * 2
    with pytest.raises(InputError, match="cannot be copied"):
        randomisation(net, gradient(pictures))


@pytest.mark.parametrize("name", SIMILARITIES)
def test_similarities_of_known_maps(name):
    one = torch.rand(2, 3, 144).double() + 0.1
    other = torch.rand(2, 3, 144).double()
    similarity, ones = SIMILARITIES[name], torch.ones(2, 3).double()
    torch.testing.assert_close(similarity(one, one, (12, 12)), ones)
    torch.testing.assert_close(similarity(one, 2 * one, (12, 12)), ones)
    torch.testing.assert_close(similarity(0 * one, 0 * one, (12, 12)), ones)
    found = similarity(one, other, (12, 12))
    torch.testing.assert_close(found, similarity(other, one, (12, 12)))
    assert bool((found < 0.95).all())
    assert bool((similarity(one, 0 * one, (12, 12)) < 0.2).all())
    expected = -ones if name == "cosine" else ones
    torch.testing.assert_close(similarity(one, -one, (12, 12)), expected)


def test_spearman_has_mean_ranks_for_ties():
    one = torch.tensor([[[1.0, 2.0, 2.0, 5.0, -7.0]]]).double()
    other = torch.tensor([[[3.0, 1.0, 4.0, 4.0, 4.0]]]).double()
    ranks = np.corrcoef([0, 1.5, 1.5, 3, 4], [1, 0, 3, 3, 3])[0, 1]
    assert float(SIMILARITIES["spearman"](one, other, ())) == pytest.approx(ranks)


def test_ssim_is_that_of_scikit_image():
    from skimage.metrics import structural_similarity

    one, other = torch.rand(1, 1, 20 * 30).double(), torch.rand(1, 1, 20 * 30).double()
    scaled = [(v / v.max()).reshape(20, 30).numpy() for v in (one, other)]
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    expected = structural_similarity(*scaled, data_range=1.0, **options)
    assert float(SIMILARITIES["ssim"](one, other, (20, 30))) == pytest.approx(expected, rel=1e-9)
    with pytest.raises(InputError, match="ssim needs maps"):
        SIMILARITIES["ssim"](one, other, (600,))

import pytest
import torch
from torch import nn

from ascribe import InputError
from ascribe.attr import LayerRise, NeuronRise, Rise
from ascribe.draws import generator_of
from ascribe_attributions.rise import Masks


def test_masks_are_seen_with_the_asked_probability():
    # Shifted and smoothed, each place still sees a cell with probability p; with n masks the
    # standard error is at most sqrt(p (1 - p) / n).
    n, p = 4000, 0.3
    masks = Masks(torch.zeros(1, 3, 20, 12), n, 5, p, torch.Generator().manual_seed(0))
    assert (masks[0:n].mean(0) - p).abs().max() < 6 * (p * (1 - p) / n) ** 0.5


def test_of_a_constant_score_nothing_matters():
    inputs = torch.rand(2, 3, 16, 16, dtype=torch.float64)
    result, error = Rise(lambda x: x.new_full((len(x),), 3.0)).attribute(
        inputs, n_samples=50, return_standard_errors=True
    )
    assert result.shape == error.shape == inputs.shape
    assert result.dtype == torch.float64
    assert float(result.abs().max()) == float(error.max()) == 0


def test_is_the_mean_score_where_a_place_is_seen_less_that_of_all():
    inputs, n, p = torch.rand(1, 1, 6, 6, dtype=torch.float64), 20, 0.4
    found = Rise(lambda x: x.square().sum((1, 2, 3))).attribute(
        inputs, n_samples=n, grid=3, probability=p, seed=5
    )
    masks = Masks(inputs, n, 3, p, generator_of(5))[0:n][:, 0]
    scores = (inputs * masks).square().sum((1, 2, 3))
    rest = (scores - scores.mean())[:, None, None, None]
    torch.testing.assert_close(found, (rest * masks).sum(0, keepdim=True) / (p * (n - 1)))


def test_finds_the_only_pixel_that_counts():
    inputs = torch.ones(1, 1, 21, 21)
    result = Rise(lambda x: x[:, 0, 5, 14]).attribute(inputs, n_samples=2000)
    row, column = divmod(int(result[0, 0].argmax()), 21)
    assert abs(row - 5) <= 1
    assert abs(column - 14) <= 1


def test_same_seed_same_numbers_and_global_random_state_untouched():
    inputs = torch.rand(1, 3, 10, 10)
    before = torch.get_rng_state()
    first, second = (
        Rise(lambda x: x.sum((1, 2, 3))).attribute(inputs, n_samples=50, seed=3) for _ in range(2)
    )
    assert torch.equal(first, second)
    assert torch.equal(before, torch.get_rng_state())


def test_how_work_is_cut_changes_nothing():
    inputs = torch.rand(2, 3, 10, dtype=torch.float64)
    one, many = (
        Rise(lambda x: x.square().sum((1, 2))).attribute(
            inputs, n_samples=20, perturbations_per_eval=n
        )
        for n in (1, 7)
    )
    torch.testing.assert_close(one, many)


def test_at_a_layer_it_masks_the_activations_and_sees_what_they_are_made_into():
    lower = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True)).double()
    upper = nn.Sequential(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(100, 2)).double()
    x = torch.rand(2, 3, 12, 12, dtype=torch.float64)
    found = LayerRise(nn.Sequential(lower, upper), lower).attribute(x, target=1, n_samples=30)
    expected = Rise(upper).attribute(
        lower(x).detach(), baselines=lower(torch.zeros_like(x)).detach(), target=1, n_samples=30
    )
    torch.testing.assert_close(found, expected)


def test_up_to_a_neuron_its_activation_is_the_score():
    model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 2)).double()
    x = torch.rand(2, 6, dtype=torch.float64)
    found = NeuronRise(model, "1").attribute(x, 3, n_samples=30)
    expected = Rise(model[:2]).attribute(x, target=3, n_samples=30)
    torch.testing.assert_close(found, expected)


def test_standard_errors_are_those_that_many_seeds_show():
    x = torch.rand(1, 1, 8, 8, dtype=torch.float64)
    runs = [
        Rise(lambda x: x.sum((1, 2, 3))).attribute(
            x, n_samples=50, grid=3, seed=seed, return_standard_errors=True
        )
        for seed in range(80)
    ]
    found, errors = (torch.stack(part) for part in zip(*runs, strict=True))
    ratio = found.std(0) / errors.square().mean(0).sqrt()
    assert 0.85 < float(ratio.mean()) < 1.15


@pytest.mark.parametrize("options", [{"grid": 0}, {"probability": 0}, {"n_samples": 0}])
def test_what_is_out_of_range_is_refused(options):
    with pytest.raises(InputError):
        Rise(lambda x: x.sum(1)).attribute(torch.rand(1, 5), **options)

import pytest
import torch
from torch import nn

from ascribe import InputError, Targets
from ascribe.attr import FeatureAblation, IntegratedGradients, Saliency
from ascribe.metrics import default_perturb_func, sensitivity_max


def test_of_attributions_that_do_not_change_it_is_zero(x):
    linear = nn.Linear(4, 3).double()
    assert torch.equal(
        sensitivity_max(Saliency(linear).attribute, x, target=1), torch.zeros(3).double()
    )
    assert torch.equal(sensitivity_max(lambda x: 0 * x, x), torch.zeros(3).double())


def test_attributions_that_come_from_nothing_are_infinitely_sensitive():
    found = sensitivity_max(lambda x: (x != 0).double(), torch.zeros(2, 3, dtype=torch.float64))
    assert torch.equal(found, torch.full((2,), torch.inf).double())


@pytest.mark.parametrize(("order", "power"), [("fro", 2), (1, 1), (torch.inf, torch.inf)])
def test_is_that_of_the_paper(model, x, order, power):
    explain = Saliency(model).attribute
    found = sensitivity_max(explain, x, target=2, norm_ord=order, n_perturb_samples=4)
    still, worst = explain(x, target=2), torch.zeros(3).double()
    for seed in range(4):
        change = explain(default_perturb_func(x, 0.02, seed), target=2) - still
        ratio = change.norm(p=power, dim=1) / still.norm(p=power, dim=1)
        worst = torch.maximum(worst, ratio)
    torch.testing.assert_close(found, worst)


@pytest.mark.parametrize("most", [1, 4, 1000])
def test_how_work_is_cut_changes_nothing(model, x, most):
    explain = IntegratedGradients(model).attribute
    given = {"target": [2, 0, 1], "baselines": x + 1, "n_steps": 5}
    found = sensitivity_max(explain, x, max_examples_per_batch=most, **given)
    torch.testing.assert_close(found, sensitivity_max(explain, x, **given))


def test_what_belongs_to_an_example_follows_it(model, x):
    mask = torch.tensor([[0, 0, 1, 1], [0, 1, 1, 0], [0, 1, 2, 3]])
    explain, targets = FeatureAblation(model).attribute, torch.tensor([2, 0, 1])
    together = sensitivity_max(explain, x, _turn, target=targets, feature_mask=mask)
    for row in range(3):
        alone = sensitivity_max(
            explain, x[row : row + 1], _turn, target=int(targets[row]), feature_mask=mask[[row]]
        )
        torch.testing.assert_close(together[row], alone[0])


def _turn(inputs, radius):
    return inputs * (1 + radius)


def test_several_inputs_are_one_and_several_targets_are_apart(model, x):
    def two(a, b):
        return model(a + b)

    found = sensitivity_max(Saliency(two).attribute, (x, x), _both, target=Targets([0, 2]))
    assert found.shape == (2, 3)
    for row, target in enumerate((0, 2)):
        alone = sensitivity_max(Saliency(two).attribute, (x, x), _both, target=target)
        torch.testing.assert_close(found[row], alone)


def _both(inputs, radius):
    return tuple(_turn(one, radius) for one in inputs)


def test_noise_stays_within_the_radius_and_is_no_matter_of_the_global_state(x):
    before = torch.get_rng_state()
    moved = default_perturb_func((x, x.float()), 0.5)
    assert torch.equal(torch.get_rng_state(), before)
    for one, other in zip(moved, (x, x.float()), strict=True):
        assert one.dtype == other.dtype
        assert 0.2 < float((one - other).abs().max()) <= 0.5
    assert not torch.equal(default_perturb_func(x, seed=1), default_perturb_func(x, seed=2))


def test_what_does_not_fit_is_refused(model, x):
    with pytest.raises(InputError, match="n_perturb_samples must be"):
        sensitivity_max(Saliency(model).attribute, x, n_perturb_samples=0, target=1)
    with pytest.raises(InputError, match="in floating point"):
        sensitivity_max(lambda x: x.long(), x)

import pytest
import torch
from torch import nn

from ascribe import InputError, Targets
from ascribe.attr import IntegratedGradients, Saliency
from ascribe.metrics import infidelity, infidelity_perturb_func_decorator

EPS = torch.finfo(torch.float64).eps


def steps(inputs):
    """Perturbations that differ from row to row, and are no matter of chance."""
    rows = torch.arange(len(inputs), dtype=inputs.dtype)[:, None]
    moved = 0.1 * torch.sin(rows + torch.arange(inputs.shape[1]))
    return moved, inputs - moved


def test_is_zero_for_the_gradient_of_a_linear_model(x):
    linear = nn.Linear(4, 3).double()
    found = infidelity(linear, steps, x, linear.weight[1].detach().expand_as(x), target=1)
    assert found.shape == (3,)
    assert float(found.max()) < EPS**2 * 1e4


@pytest.mark.parametrize("several", [False, True])
def test_is_that_of_the_paper(model, x, several):
    attribution = Saliency(model).attribute(x, target=1, abs=False)
    target = Targets([1, 1]) if several else 1
    given = torch.stack([attribution, 2 * attribution]) if several else attribution
    found = infidelity(model, steps, x, given, target=target, n_perturb_samples=5)
    expected = torch.zeros(2, 3, dtype=torch.float64)
    for example in range(3):
        copies = x[example].expand(5, 4)
        rows = torch.arange(5 * example, 5 * example + 5).double()[:, None]
        moved = 0.1 * torch.sin(rows + torch.arange(4))
        with torch.no_grad():
            change = (model(copies) - model(copies - moved))[:, 1]
        for scale in (1, 2):
            told = (moved * scale * attribution[example]).sum(1)
            expected[scale - 1, example] = (told - change).square().mean()
    torch.testing.assert_close(found, expected if several else expected[0])


def test_normalised_it_does_not_depend_on_the_scale_and_is_no_larger(model, x):
    attribution = Saliency(model).attribute(x, target=1, abs=False)
    plain = infidelity(model, steps, x, attribution, target=1)
    one, other = (
        infidelity(model, steps, x, scale * attribution, target=1, normalize=True)
        for scale in (1, -30)
    )
    torch.testing.assert_close(one, other)
    assert bool((one <= plain * (1 + 1e-9)).all())
    none = infidelity(model, steps, x, 0 * attribution, target=1, normalize=True)
    torch.testing.assert_close(
        none, infidelity(model, steps, x, 0 * attribution, target=1), rtol=1e-12, atol=0
    )


@pytest.mark.parametrize("most", [1, 2, 7, 1000])
def test_how_work_is_cut_changes_nothing_where_a_perturbation_tells_itself(model, x, most):
    def halves(inputs):
        return inputs / 2, inputs / 2

    attribution = Saliency(model).attribute(x, target=1)
    given = (model, halves, x, attribution)
    found = infidelity(*given, target=[2, 0, 1], max_examples_per_batch=most)
    torch.testing.assert_close(found, infidelity(*given, target=[2, 0, 1]))


def test_attributions_that_multiply_by_inputs_are_asked_for_shares(x):
    linear = nn.Linear(4, 3).double()
    baseline = torch.ones_like(x)

    @infidelity_perturb_func_decorator(multiply_by_inputs=True)
    def toward(inputs, baselines):
        rows = torch.rand(inputs.shape, dtype=inputs.dtype)
        return inputs + rows * (baselines - inputs)

    attribution = IntegratedGradients(linear).attribute(x, baseline, target=1)
    found = infidelity(linear, toward, x, attribution, baselines=baseline, target=1)
    assert float(found.max()) < EPS**2 * 1e4


def test_the_decorator_divides_nothing_by_nothing(x):
    @infidelity_perturb_func_decorator()
    def all_to_zero(inputs):
        return torch.zeros_like(inputs)

    x[0, 0] = 0
    shares, points = all_to_zero(x)
    assert torch.equal(shares, (x != 0).double())
    assert torch.equal(points, torch.zeros_like(x))
    moved, _ = infidelity_perturb_func_decorator(False)(lambda inputs: inputs - 1)(x)
    torch.testing.assert_close(moved, torch.ones_like(x))


def test_several_inputs_and_arguments_that_follow_examples(x):
    scale = torch.tensor([1.0, 2.0, 3.0]).double()

    def model(a, b, scale):
        return (a.sum(1) + 2 * b.sum(1)) * scale

    def move(inputs):
        a, b = inputs
        return (a / 2, b / 4), (a - a / 2, b - b / 4)

    def of(first, second):
        slopes = (scale[:, None] * first, scale[:, None] * second)
        given = tuple(s.expand_as(x) for s in slopes)
        return infidelity(model, move, (x, x + 1), given, additional_forward_args=(scale,))

    assert float(of(1, 2).max()) < 1e-25
    assert float(of(1, 1).min()) > 1e-3


def test_the_model_and_the_random_state_are_as_before(model, x):
    model.train().requires_grad_(False)
    before = torch.get_rng_state()

    def by_chance(inputs):
        moved = torch.randn_like(inputs)
        return moved, inputs - moved

    infidelity(model, by_chance, x, x, target=0)
    assert model.training
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("perturb", "attribution", "message"),
    [
        (lambda x: x, None, "must return perturbations and perturbed inputs"),
        (lambda x: (x[:1], x), None, r"of the shape \(3, 4\)"),
        (steps, torch.zeros(3, 5), r"must have the shape \(3, 4\) of the inputs"),
        (lambda x: (x, (x, x)), None, "must hold one entry"),
    ],
)
def test_what_does_not_fit_is_refused(model, x, perturb, attribution, message):
    given = x if attribution is None else attribution
    with pytest.raises(InputError, match=message):
        infidelity(model, perturb, x, given, target=0)


def test_a_score_for_the_whole_batch_is_refused(x):
    with pytest.raises(InputError, match="a score for each example"):
        infidelity(lambda x: x.sum(), steps, x, x)

"""Standard errors of sampled methods, and estimates that refine."""

import itertools

import pytest
import torch

from ascribe import InputError
from ascribe.attr import (
    KernelShap,
    Owen,
    PermutationShap,
    Rise,
    ShapleyValues,
    ShapleyValueSampling,
    Sobol,
)
from ascribe.standard_errors import error_of_mean, jackknife


def ones(players):
    return torch.ones(1, players, dtype=torch.float64)


def game(players, seed):
    values = torch.randn(2**players, generator=torch.Generator().manual_seed(seed)).double()
    bits = 2 ** torch.arange(players)
    return lambda x: values[(x.round().long() * bits).sum(1)]


def test_an_error_is_as_wide_as_student_s_distribution():
    # The ratio of a mean to the error that is told has variance 1, whatever the number of draws.
    drawn = torch.randn(40_000, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    squares = (drawn - drawn.mean(1, keepdim=True)).square().sum(1)
    ratio = drawn.mean(1) / error_of_mean(squares, 6)
    assert float(ratio.square().mean()) == pytest.approx(1, abs=0.1)
    assert bool(error_of_mean(squares, 3).isinf().all())


def test_the_jackknife_of_a_mean_is_the_error_of_the_mean():
    drawn = torch.rand(12, 5, dtype=torch.float64)
    left_out = torch.stack([drawn[torch.arange(12) != i].mean(0) for i in range(12)])
    expected = error_of_mean((drawn - drawn.mean(0)).square().sum(0), 12)
    torch.testing.assert_close(jackknife(left_out), expected)


@pytest.mark.parametrize("method", [ShapleyValueSampling, PermutationShap, Owen])
def test_draws_that_happen_to_agree_are_not_taken_for_exact(method):
    score, players = game(5, 1), 5
    exact = (Owen if method is Owen else ShapleyValues)(score).attribute(ones(players))
    for seed in range(40):
        found, error = method(score).attribute(
            ones(players), n_samples=2, seed=seed, return_standard_errors=True
        )
        assert bool(((found - exact).abs() <= error + 1e-12).all())


@pytest.mark.parametrize("n_samples", [5, 20])
def test_errors_of_few_masks_are_those_that_many_seeds_show(n_samples):
    x = torch.rand(1, 1, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    method = Rise(lambda x: x.sum((1, 2, 3)).sin())
    runs = [
        method.attribute(x, n_samples=n_samples, grid=3, seed=seed, return_standard_errors=True)
        for seed in range(100)
    ]
    found, errors = (torch.stack(part) for part in zip(*runs, strict=True))
    assert float(((found - found.mean(0)).abs() > 2 * errors).double().mean()) < 0.09


@pytest.mark.parametrize("method", [Rise, Sobol])
def test_too_few_masks_tell_no_error(method):
    _, error = method(lambda x: x.square().sum(1)).attribute(
        torch.rand(1, 4), n_samples=3, return_standard_errors=True
    )
    assert bool(error.isinf().all())


def test_what_agrees_is_refined_on_and_what_is_exact_is_not():
    rounds = Rise(lambda x: x[:, 0] * 0).refine(ones(30), n_samples=5)
    assert [e.n_samples for e in itertools.islice(rounds, 3)] == [5, 10, 20]
    assert len(list(KernelShap(game(3, 0)).refine(ones(3), n_samples=6))) == 1


def test_refined_estimates_do_not_lose_to_the_last_round_alone():
    # With most coalitions drawn, a round is far more precise than those before it.
    score = game(9, 5)
    rounds = list(itertools.islice(KernelShap(score).refine(ones(9), n_samples=30), 5))
    alone = KernelShap(score).attribute(
        ones(9), n_samples=240, seed=(0 + 1) * 1_000_003 + 4, return_standard_errors=True
    )
    assert rounds[-1].n_samples == 480
    assert rounds[-1].largest_error <= float(alone[1].max())


def test_what_is_not_a_number_does_not_keep_the_rest_from_an_end():
    x = torch.full((2, 9), 2.0).double()
    x[1, 0] = float("nan")
    method = ShapleyValueSampling(lambda x: x.prod(1))
    *_, last = itertools.islice(method.refine(x, n_samples=4, tolerance=40), 6)
    assert last.largest_error <= 40
    assert bool(last.attributions[1].isnan().all())
    assert bool(last.attributions[0].isfinite().all())


def test_a_background_of_halves_is_not_cut_to_whole_numbers():
    x = torch.tensor([[3, 5]])
    for background in (0.5, torch.full((2, 2), 0.5)):
        with pytest.raises(InputError, match="background 0 must hold whole numbers"):
            ShapleyValues(lambda x: x.sum(1)).attribute(x, background=background)
    found = ShapleyValues(lambda x: x.sum(1)).attribute(x.double(), background=0.1)
    torch.testing.assert_close(found, x.double() - 0.1, rtol=0, atol=1e-14)

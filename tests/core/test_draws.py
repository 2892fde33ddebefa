"""What a seed draws: the same however work is cut, and independent where it must be."""

import pytest
import torch

from ascribe import InputError
from ascribe.draws import Draws, Noise
from ascribe.inputs import Inputs

MANY = slice(0, 4000)


def test_draws_do_not_depend_on_how_they_are_cut():
    like = torch.zeros(1, 3)
    draws = Draws(5)
    for drawn in (lambda part: draws.normal(part, like), draws.uniform):
        parts = [drawn(slice(start, start + 2)) for start in range(0, 6, 2)]
        assert torch.equal(torch.cat(parts), drawn(slice(0, 6)))
    assert torch.equal(draws.choice(slice(2, 5), 9), draws.choice(slice(0, 5), 9)[2:])


def test_draws_are_the_same_in_every_dtype():
    double = Draws(1).normal(slice(0, 9), torch.zeros(1, 4, dtype=torch.float64))
    single = Draws(1).normal(slice(0, 9), torch.zeros(1, 4))
    assert torch.equal(single, double.float())


def test_neither_seeds_nor_streams_nor_variants_share_numbers():
    first = Draws(0).uniform(MANY)
    for other in (Draws(1).uniform(MANY), Draws(0, 1).uniform(MANY), first.roll(1)):
        correlation = torch.corrcoef(torch.stack([first, other]))[0, 1]
        assert abs(correlation) < 6 / len(first) ** 0.5
    assert len(first.unique()) == len(first)


def test_draws_have_the_distribution_that_they_are_named_for():
    normal = Draws(3).normal(MANY, torch.zeros(1, dtype=torch.float64)).flatten()
    assert abs(normal.mean()) < 6 / len(normal) ** 0.5
    assert abs(normal.var() - 1) < 6 * (2 / len(normal)) ** 0.5
    uniform = Draws(3).uniform(MANY)
    assert abs(uniform.mean() - 0.5) < 6 * (1 / 12 / len(uniform)) ** 0.5
    assert 0 <= uniform.min() < 0.01
    assert 0.99 < uniform.max() < 1
    counts = Draws(3).choice(MANY, 4).bincount()
    assert ((counts - 1000).abs() < 6 * (4000 * 3 / 16) ** 0.5).all()


@pytest.mark.parametrize("seed", [-1, 0.5, True, None])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(InputError, match="seed must be a whole number of at least 0"):
        Draws(seed)


def test_noise_differs_between_inputs_and_is_shared_by_examples():
    inputs = Inputs.of((torch.zeros(3, 500), torch.zeros(3, 500)))
    one, other = Noise(inputs, (1.0, 2.0), 0).added(slice(0, 2), slice(1, 3))
    assert one.shape == other.shape == (2, 2, 500)
    assert torch.equal(one[:, 0], one[:, 1])
    assert abs(torch.corrcoef(torch.stack([one[0, 0], other[0, 0]]))[0, 1]) < 6 / 500**0.5
    assert abs(other.std() - 2) < 6 * 2 / 2000**0.5


@pytest.mark.parametrize(
    ("stdevs", "message"),
    [
        (-1.0, "numbers of at least 0"),
        (float("nan"), "numbers of at least 0"),
        ("wide", "numbers of at least 0"),
        ((1.0, 2.0), "stdevs"),
    ],
)
def test_a_deviation_that_makes_no_sense_is_refused(stdevs, message):
    with pytest.raises(InputError, match=message):
        Noise(Inputs.of(torch.zeros(2, 3)), stdevs, 0)


def test_whole_numbers_take_no_noise():
    with pytest.raises(InputError, match="embedding layer"):
        Noise(Inputs.of(torch.zeros(2, 3, dtype=torch.long)), 1.0, 0)

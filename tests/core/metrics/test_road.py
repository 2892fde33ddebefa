import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ascribe import InputError, Targets
from ascribe.metrics import linear_imputation, road, road_curve


def solved(picture, missing):
    """The system of the paper, written out and solved densely."""
    height, width = picture.shape
    index = {place: i for i, place in enumerate(zip(*np.nonzero(missing), strict=True))}
    matrix, right = np.zeros((len(index), len(index))), np.zeros(len(index))
    for (y, x), row in index.items():
        steps = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if (a, b) != (0, 0)]
        there = [(a, b) for a, b in steps if 0 <= y + a < height and 0 <= x + b < width]
        weights = {step: 1 / 6 if 0 in step else 1 / 12 for step in there}
        for (a, b), weight in weights.items():
            share, place = weight / sum(weights.values()), (y + a, x + b)
            if place in index:
                matrix[row, index[place]] -= share
            else:
                right[row] += share * picture[place]
        matrix[row, row] += 1
    filled = picture.copy()
    filled[missing] = np.linalg.solve(matrix, right)
    return filled


@given(
    arrays.arrays(np.float64, (6, 7), elements=st.floats(-10, 10)),
    arrays.arrays(np.bool_, (6, 7)).filter(lambda missing: not missing.all()),
)
def test_imputation_solves_the_equations_of_the_paper(picture, missing):
    given_, holes = torch.from_numpy(picture)[None, None], torch.from_numpy(missing)[None, None]
    found = linear_imputation(given_, holes, tolerance=1e-12)
    expected = solved(picture, missing) if missing.any() else picture
    np.testing.assert_allclose(found[0, 0], expected, rtol=0, atol=1e-7)
    assert np.array_equal(found[0, 0][~holes[0, 0]], picture[~missing])


def test_a_linear_gradient_is_reproduced():
    y, x = torch.meshgrid(torch.arange(40.0), torch.arange(50.0), indexing="ij")
    ramp = torch.stack([2 * y + 3 * x + 1, 5 - y])[None].double()
    holes = torch.zeros(1, 1, 40, 50, dtype=torch.bool)
    holes[..., 1:39, 1:49] = True  # all but the border
    found = linear_imputation(ramp.masked_fill(holes, torch.nan), holes, tolerance=1e-10)
    torch.testing.assert_close(found, ramp, rtol=0, atol=1e-4)


def test_pictures_of_a_batch_are_imputed_each_for_itself():
    pictures, holes = torch.rand(3, 2, 9, 12), torch.rand(3, 1, 9, 12) > 0.5
    together = linear_imputation(pictures, holes)
    assert together.dtype == torch.float32
    for row in range(3):
        one = slice(row, row + 1)
        torch.testing.assert_close(
            linear_imputation(pictures[one], holes[one]), together[one], rtol=0, atol=1e-4
        )


def test_a_constant_is_imputed_as_such_and_no_known_pixel_is_refused():
    constant, holes = torch.full((1, 1, 4, 4), 7.0), torch.ones(1, 1, 4, 4, dtype=torch.bool)
    with pytest.raises(InputError, match="at least one known pixel"):
        linear_imputation(constant, holes)
    holes[0, 0, 0, 0] = False
    torch.testing.assert_close(linear_imputation(constant, holes), constant)
    with pytest.raises(InputError, match="did not reach"):
        linear_imputation(torch.rand(1, 1, 4, 4), holes ^ holes.flip(3), tolerance=0, most=1)


def corner(x):
    """A model that sees but one pixel."""
    return x[:, :, 2, 2].sum(1)


def spike():
    pictures = torch.zeros(2, 3, 8, 8).double()
    pictures[:, :, 2, 2] = 1
    return pictures


def test_the_true_order_removes_what_counts_first_or_last():
    pictures = spike()
    morf = road_curve(corner, pictures, pictures, noise=0)
    torch.testing.assert_close(morf.scores, torch.zeros(2, 9).double())
    assert morf.fractions.tolist() == pytest.approx([round(f * 6.4) / 64 for f in range(1, 10)])
    lerf = road(corner, pictures, pictures, order="lerf", noise=0)
    torch.testing.assert_close(lerf, torch.full((2,), 3.0).double())


def test_most_relevant_first_is_least_relevant_first_of_what_is_turned():
    pictures, values = torch.rand(2, 3, 8, 8), torch.randn(2, 1, 8, 8)
    one = road(corner, pictures, values, order="morf", fractions=(0.3, 0.6))
    other = road(corner, pictures, -values, order="lerf", fractions=(0.3, 0.6))
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize("each", [1, 3])
def test_how_work_is_cut_changes_little_and_the_seed_decides_the_noise(each):
    pictures, values = torch.rand(2, 3, 8, 8).double(), torch.randn(2, 3, 8, 8).double()
    one = road(corner, pictures, values, noise=0.1)
    cut = road(corner, pictures, values, noise=0.1, perturbations_per_eval=each)
    torch.testing.assert_close(one, cut, rtol=0, atol=1e-3)  # the imputation stops within its limit
    assert not torch.allclose(one, road(corner, pictures, values, noise=0.1, seed=1), atol=1e-3)


def test_noise_is_of_its_size_and_on_imputed_pixels_alone():
    pictures, seen = torch.zeros(1, 1, 40, 40).double(), []

    def model(x):
        seen.append(x.clone())
        return x.flatten(1).sum(1)

    values = torch.arange(1600.0).double().reshape(1, 1, 40, 40)
    road(model, pictures, values, fractions=(0.5,), noise=0.3)
    moved = seen[-1].flatten()
    assert moved[:800].count_nonzero() == 0
    assert float(moved[800:].std()) == pytest.approx(0.3, rel=0.1)


def test_targets_have_orders_of_their_own():
    pictures, values = torch.rand(2, 3, 8, 8).double(), torch.randn(2, 2, 3, 8, 8).double()
    found = road(lambda x: x.mean((2, 3)), pictures, values, Targets([0, 2]), noise=0)
    for row, target in enumerate((0, 2)):
        alone = road(lambda x: x.mean((2, 3)), pictures, values[row], target, noise=0)
        torch.testing.assert_close(found[row], alone, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("inputs", "options", "message"),
    [
        (torch.zeros(2, 4), {}, "ROAD needs one floating-point tensor of pictures"),
        (torch.zeros(1, 1, 4, 4).long(), {}, "ROAD needs one floating-point tensor of pictures"),
        (torch.zeros(1, 1, 4, 4), {"order": "first"}, "order must be one of"),
        (torch.zeros(1, 1, 4, 4), {"fractions": (0.5, 0.2)}, "fractions must be rising"),
        (torch.zeros(1, 1, 4, 4), {"fractions": (0, 0.2)}, "fractions must be rising"),
        (torch.zeros(1, 1, 4, 4), {"fractions": ()}, "fractions must be rising"),
        (torch.zeros(1, 1, 4, 4), {"noise": -1}, "noise must be"),
    ],
)
def test_what_does_not_fit_is_refused(inputs, options, message):
    with pytest.raises(InputError, match=message):
        road(lambda x: x.flatten(1).float().sum(1), inputs, inputs.float(), **options)

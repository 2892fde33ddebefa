import pytest
import torch
from torch import nn

from ascribe import InputError
from ascribe.attr import Sobol


@pytest.mark.parametrize("order", ["total", "first"])
def test_of_an_additive_score_a_feature_has_its_share_of_the_variance(order):
    w = torch.tensor([[1.0, -2.0, 0.5, 0.0]]).double()
    x, b = torch.tensor([[2.0, 1.0, 4.0, 3.0]]).double(), torch.tensor([[0.5, 0, 1, 0]]).double()
    found, error = Sobol(lambda x: (x * w).sum(1)).attribute(
        x, b, n_samples=1024, order=order, return_standard_errors=True
    )
    variance = (w * (x - b)).square()
    expected = variance / variance.sum()
    assert float((found - expected).abs().max()) < 0.01  # a sequence does better than chance
    assert bool(((found - expected).abs() <= 6 * error + 1e-12).all())


def test_of_a_product_total_and_first_order_differ_as_in_closed_form():
    # f = m1 m2 with m uniform on [0, 1]: the variance is 7/144, of each alone 3/144.
    x = torch.ones(1, 2).double()
    total, first = (
        Sobol(lambda x: x.prod(1)).attribute(x, n_samples=4096, order=order)
        for order in ("total", "first")
    )
    torch.testing.assert_close(total, torch.full_like(total, 4 / 7), rtol=0.02, atol=0)
    torch.testing.assert_close(first, torch.full_like(first, 3 / 7), rtol=0.03, atol=0)


def test_a_picture_has_a_grid_of_cells_and_a_constant_score_no_variance():
    x = torch.rand(2, 3, 20, 12)
    found = Sobol(lambda x: x[:, :, :3, :2].sum((1, 2, 3))).attribute(x, n_samples=16)
    assert found.shape == x.shape
    assert float(found[:, :, :3, :2].min()) > 0.9  # the cell of 3 by 2 that alone counts
    assert float(found[:, :, 3:].max()) == 0
    still = Sobol(lambda x: x.sum((1, 2, 3)) * 0 + 0.1).attribute(x, n_samples=4)
    assert float(still.abs().max()) == 0


def test_cost_and_what_is_refused():
    model, x = nn.Linear(3, 2), torch.rand(2, 3)
    assert Sobol(model).cost(x, target=0, n_samples=8) == 2 * (1 + 8 * 5)
    for options in ({"order": "second"}, {"n_samples": 1}):
        with pytest.raises(InputError):
            Sobol(model).attribute(x, target=0, **options)
    with pytest.raises(InputError, match="floating-point"):
        Sobol(lambda x: x.sum(1)).attribute(torch.ones(1, 3).long())
    with pytest.raises(InputError, match="group them"):
        Sobol(lambda x: x.sum(1)).attribute(torch.rand(1, 20_000))

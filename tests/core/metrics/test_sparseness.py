import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ascribe import InputError
from ascribe.metrics import sparseness

rows = arrays.arrays(
    np.float64, st.tuples(st.just(1), st.integers(1, 12)), elements=st.floats(-1e6, 1e6)
)


@pytest.mark.parametrize("count", [1, 2, 10, 1000])
def test_of_one_alone_and_of_all_alike(count):
    one = torch.zeros(1, count)
    one[0, count // 2] = -3
    assert sparseness(one).tolist() == pytest.approx([1 - 1 / count])
    assert sparseness(torch.full((1, count), -2.0)).tolist() == pytest.approx([0], abs=1e-12)
    assert sparseness(torch.zeros(1, count)).tolist() == pytest.approx([0], abs=1e-12)


@given(rows)
def test_is_half_the_mean_difference_over_the_mean(values):
    sizes = np.abs(values[0])
    found = float(sparseness(torch.from_numpy(values))[0])
    assert 0 <= found < 1
    if sizes.max() > 1e-100:
        sizes = sizes / sizes.max()
        gaps = np.abs(sizes[:, None] - sizes).mean()
        assert found == pytest.approx(gaps / (2 * sizes.mean()), abs=1e-12)


@given(rows, st.integers(-30, 30))
def test_sign_scale_and_order_do_not_matter(values, power):
    values = torch.from_numpy(values)
    turned = -values.flip(1) * 2.0**power
    torch.testing.assert_close(sparseness(turned), sparseness(values), rtol=0, atol=1e-12)


def test_of_several_targets_each_for_itself():
    values = torch.rand(2, 3, 3, 4, 5)
    found = sparseness(values, several_targets=True)
    assert found.shape == (2, 3)
    torch.testing.assert_close(found[1], sparseness(values[1]))
    torch.testing.assert_close(found[1], sparseness(values[1].sum(1), channels=False))


def test_nan_is_refused():
    with pytest.raises(InputError, match="only finite attributions"):
        sparseness(torch.tensor([[1.0, torch.nan]]))

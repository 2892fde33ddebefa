import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ascribe.linear_models import Lasso


def best(x, y, w, alpha):
    """Return a lasso's coefficients by many plain steps along the gradient, and shrinking."""
    w = w / w.sum()
    x, y = x - w @ x, y - w @ y
    matrix, towards = x.T @ (w[:, None] * x), x.T @ (w * y)
    step = 1 / torch.linalg.matrix_norm(matrix, 2)
    b = torch.zeros_like(towards)
    for _ in range(3_000):
        b = torch.nn.functional.softshrink(b + step * (towards - matrix @ b), alpha * float(step))
    return b


@settings(max_examples=20)
@given(st.integers(0, 999), st.integers(1, 5), st.sampled_from([0.003, 0.05, 0.5]))
def test_a_lasso_of_present_and_absent_features_is_the_best_there_is(seed, features, alpha):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(2, (3 * features + 3, features), generator=generator).double()
    y, w = torch.rand(2, len(x), generator=generator, dtype=torch.float64)
    found = Lasso(alpha).fit(x, y[None], w[None])[0]
    torch.testing.assert_close(found, best(x, y, w, alpha), rtol=0, atol=1e-6)


def test_twin_features_share_what_one_would_get():
    x = torch.tensor([[0.0], [1.0], [1.0], [0.0], [1.0]]).repeat(1, 2)
    y, w = 3 * x[None, :, 0], torch.ones(1, 5)
    twins, one = (Lasso(0.1).fit(some, y, w).sum() for some in (x, x[:, :1]))
    torch.testing.assert_close(twins, one, rtol=1e-12, atol=0)


def test_unshrunk_coefficients_move_where_a_lasso_stays_at_zero():
    x, y = torch.rand(30, 2).double(), torch.rand(2, 30).double()
    w, model = torch.ones(2, 30), Lasso(9.0)
    assert float(model.fit(x, y, w).abs().max()) == 0
    slopes = model.unshrunk.fit(x, y, w)
    centred = x - x.mean(0)
    expected = (y @ centred) / centred.square().sum(0)
    torch.testing.assert_close(slopes, expected)

import pytest
import torch

from ascribe.errors import InputError
from ascribe.quadrature import RULES, quadrature


@pytest.mark.parametrize("method", RULES)
@pytest.mark.parametrize("n_steps", [2, 3, 50, 500])
def test_weights_of_every_rule_sum_to_one_and_integrate_a_constant_exactly(method, n_steps):
    nodes, weights = quadrature(method, n_steps)
    assert nodes.shape == weights.shape == (n_steps,)
    assert nodes.dtype == weights.dtype == torch.float64
    assert abs(float(weights.sum()) - 1) < 1e-13
    assert float(nodes.min()) >= 0
    assert float(nodes.max()) <= 1


@pytest.mark.parametrize("n", [1, 2, 5, 20])
def test_gauss_legendre_is_exact_up_to_degree_2n_minus_1(n):
    nodes, weights = quadrature("gausslegendre", n)
    for degree in range(2 * n):
        assert abs(float((weights * nodes**degree).sum()) - 1 / (degree + 1)) < 1e-14


@pytest.mark.parametrize("method", ["riemann_middle", "riemann_trapezoid"])
def test_symmetric_rules_integrate_lines_exactly(method):
    nodes, weights = quadrature(method, 7)
    assert abs(float((weights * nodes).sum()) - 0.5) < 1e-15


def test_bad_rules_say_what_there_is():
    with pytest.raises(InputError, match="gausslegendre, riemann_left"):
        quadrature("simpson", 5)
    for steps in (0, -1, 2.5, True, None):
        with pytest.raises(InputError, match="at least 1"):
            quadrature("gausslegendre", steps)
    with pytest.raises(InputError, match="at least 2"):
        quadrature("riemann_trapezoid", 1)

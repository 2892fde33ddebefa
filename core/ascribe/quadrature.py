"""Nodes and weights that integrate over a straight path from baseline to input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral

import numpy as np
import torch
from torch import Tensor

from ascribe.batching import Chunk
from ascribe.errors import InputError
from ascribe.evaluations import Vary
from ascribe.inputs import Inputs

Rule = Callable[[int], tuple[np.ndarray, np.ndarray]]


def _gauss_legendre(n: int) -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return (nodes + 1) / 2, weights / 2


def _riemann(shift: float) -> Rule:
    return lambda n: ((np.arange(n) + shift) / n, np.full(n, 1 / n))


def _trapezoid(n: int) -> tuple[np.ndarray, np.ndarray]:
    if n < 2:
        raise InputError("riemann_trapezoid needs n_steps of at least 2: the two ends of the path")
    weights = np.full(n, 1 / (n - 1))
    weights[[0, -1]] /= 2
    return np.linspace(0, 1, n), weights


#: Quadrature rules on [0, 1] by the names that users know. The weights of each sum to one.
RULES: dict[str, Rule] = {
    "gausslegendre": _gauss_legendre,
    "riemann_left": _riemann(0.0),
    "riemann_right": _riemann(1.0),
    "riemann_middle": _riemann(0.5),
    "riemann_trapezoid": _trapezoid,
}


def quadrature(method: str, n_steps: int) -> tuple[Tensor, Tensor]:
    """Return the nodes in [0, 1] and the weights of a quadrature rule.

    Parameters
    ----------
    method
        One of `RULES`.
    n_steps
        The number of nodes.

    Returns
    -------
    tuple of Tensor
        Nodes and weights, each ``(n_steps,)`` in float64. The weights sum to one.

    Raises
    ------
    InputError
        If there is no such rule, or too few steps for it.
    """
    if method not in RULES:
        raise InputError(f"method must be one of {', '.join(RULES)}, but is {method!r}")
    if isinstance(n_steps, bool) or not isinstance(n_steps, Integral) or n_steps < 1:
        raise InputError(f"n_steps must be an integer of at least 1, but is {n_steps!r}")
    nodes, weights = RULES[method](int(n_steps))
    return torch.from_numpy(nodes), torch.from_numpy(weights)


#: The worst error of the path integral through the kinks of a ReLU net, times the steps: the
#: largest that was measured was 8.1.
KINKS = 9.0


def path_claims(method: str, n_steps: int, multiplied: bool) -> dict[str, float]:
    """Return what the average of gradients along a straight path satisfies, for `claims`.

    Parameters
    ----------
    method, n_steps
        Of the quadrature.
    multiplied
        Whether it is multiplied by the way.
    """
    claims = ["dummy", "linearity", "symmetry", "implementation_invariance"]
    claims.append("randomisation_sensitivity")
    if not multiplied:
        return dict.fromkeys([*claims, "linear_gradient"], 0.0)
    claims += ["affine_invariance", "demand_monotonicity", "null_at_the_baseline"]
    claims.append("linear_difference")
    if method not in ("riemann_left", "riemann_right"):
        claims.append("antisymmetry")  # nodes that lie alike from either end
    if method == "gausslegendre" and n_steps >= 2:
        claims.append("multilinear_path")  # of up to four factors
    kinks = ["completeness", "sensitivity", "path_through_kinks", "one_hidden_layer"]
    return {**dict.fromkeys(claims, 0.0), **dict.fromkeys(kinks, KINKS / n_steps)}


def straight_path(inputs: Inputs, starts: Sequence[Tensor], nodes: Tensor) -> Vary:
    """Return the points of straight paths to inputs, as variants of them.

    Parameters
    ----------
    inputs
        Where the paths end.
    starts
        Where they begin: for each input a tensor of its shape, or with a batch of one.
    nodes
        How far along each point lies, from 0 to 1: ``(variants,)``.

    Raises
    ------
    InputError
        If there is nothing between two inputs: they are whole numbers.
    """
    if not all(end.is_floating_point() for end in inputs.tensors):
        raise InputError(
            "a path needs floating-point inputs, but there are whole numbers; attribute to the "
            "output of their embedding layer, with LayerIntegratedGradients, say"
        )

    def path(chunk: Chunk) -> tuple[Tensor, ...]:
        begins = [inputs.part(start, chunk.examples) for start in starts]
        ends = [inputs.part(end, chunk.examples) for end in inputs.tensors]
        return along(begins, ends, nodes[chunk.variants])

    return path


def along(starts: Sequence[Tensor], ends: Sequence[Tensor], nodes: Tensor) -> tuple[Tensor, ...]:
    """Return the points of straight paths: ``(nodes, examples, *features)`` for each input.

    Parameters
    ----------
    starts, ends
        For each input a tensor that broadcasts to ``(nodes, examples, *features)``.
    nodes
        How far along each point lies, from 0 to 1: ``(nodes,)``.
    """
    return tuple(
        start + nodes.to(end).reshape(-1, *[1] * (end.dim() - 1)) * (end - start)
        for start, end in zip(starts, ends, strict=True)
    )

"""Closed forms: models on which the right attribution is known."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import torch
from hypothesis import strategies as st
from torch import Tensor

from ascribe.testing.axioms import score, tolerance
from ascribe.testing.properties import Check, prop
from ascribe.testing.subject import Case, PropertyFailure, Subject, cases, compare
from ascribe.testing.tolerances import sampling
from ascribe.testing.zoo import Layout, composed, numbers


def oracle(check: Check) -> Check:
    """Enter a check that applies where it is claimed."""
    return prop("oracle")(check)


def _linear(
    subject: Subject, draw: st.DataObject, name: str
) -> tuple[Case, Tensor, Tensor, Tensor, float]:
    """Return a linear model's case, weights, inputs, baselines and tolerance."""
    case = draw.draw(cases(subject, ("linear", "flat linear")))
    model, x, b = case.model(), case.inputs(), subject.baselines(case)
    weight = next(model.parameters())[0].detach().reshape(case.layout.features)
    b = b if subject.takes("baselines") else torch.zeros_like(x)
    return (
        case,
        weight,
        x,
        b,
        tolerance(subject, name, case, weight * x, weight * b, score(model, x, 0)),
    )


def _of(subject: Subject, case: Case, x: Tensor, b: Tensor) -> Tensor:
    return torch.as_tensor(subject.attribute(case.model(), x, target=0, baselines=b))


@oracle
def linear_difference(subject: Subject, draw: st.DataObject) -> None:
    """Of f = w x + c every element gets w (x - b)."""
    case, w, x, b, limit = _linear(subject, draw, "linear_difference")
    compare(_of(subject, case, x, b), w * (x - b), limit, "attribution of a linear model", case)


@oracle
def linear_gradient(subject: Subject, draw: st.DataObject) -> None:
    """Of f = w x + c every element gets w."""
    case, w, x, b, limit = _linear(subject, draw, "linear_gradient")
    expected = w.expand_as(x)
    compare(_of(subject, case, x, b), expected, limit, "attribution of a linear model", case)


@oracle
def linear_magnitude(subject: Subject, draw: st.DataObject) -> None:
    """Of f = w x + c every element gets |w|."""
    case, w, x, b, limit = _linear(subject, draw, "linear_magnitude")
    expected = w.abs().expand_as(x)
    compare(_of(subject, case, x, b), expected, limit, "attribution of a linear model", case)


@oracle
def gradient(subject: Subject, draw: st.DataObject) -> None:
    """Every element gets the derivative of f, as central differences give it."""
    case = draw.draw(cases(subject, ("tanh", "gelu", "gated")))
    model, x, step = case.model(), case.inputs(), 1e-5
    shifts = step * torch.eye(x.shape[1], dtype=x.dtype)
    rows = [
        (score(model, row + shifts, 0) - score(model, row - shifts, 0)) / (2 * step) for row in x
    ]
    found = subject.attribute(model, x, target=0)
    # Central differences are themselves off by step^2 times a third derivative.
    compare(found, torch.stack(rows), 1e-7, "against central differences", case)


@oracle
def windows_on_linear(subject: Subject, draw: st.DataObject) -> None:
    """Of f = w x every element gets the mean, over the windows that cover it, of what they hide."""
    sides = draw.draw(st.sampled_from([(5,), (7,), (1,), (2, 4, 5), (1, 3, 6)]), label="sides")
    size = tuple(draw.draw(st.integers(1, side), label="window") for side in sides)
    step = tuple(draw.draw(st.integers(1, width), label="stride") for width in size)
    family = "linear" if len(sides) == 1 else "flat linear"
    case = Case(family, Layout(features=sides, seed=draw.draw(st.integers(0, 99))), 2)
    model, x, b = case.model(), case.inputs(), case.inputs(1)
    shares = next(model.parameters())[0].detach().reshape(sides) * (x - b)
    total, count = torch.zeros_like(x), torch.zeros(sides)
    for box in itertools.product(*map(_windows, sides, size, step)):
        total[:, *box] += shares[:, *box].flatten(1).sum(1).reshape(-1, *[1] * len(sides))
        count[box] += 1
    other = Subject(
        subject.cls, {**subject.parameters, "sliding_window_shapes": size, "strides": step}
    )
    found = other.attribute(model, x, target=0, baselines=b)
    limit = tolerance(subject, "windows_on_linear", case, shares, score(model, x, 0))
    compare(found, total / count, limit, f"windows of {size} in steps of {step}", case)


def _windows(side: int, size: int, step: int) -> list[slice]:
    """Return the windows along one side: the last one is clipped where it would stick out."""
    last = math.ceil((side - size) / step)
    return [slice(n * step, min(n * step + size, side)) for n in range(last + 1)]


@oracle
def groups_on_linear(subject: Subject, draw: st.DataObject) -> None:
    """Of f = w x + c every element gets the sum of w (x - b) over its group of a feature mask."""
    case, w, x, b, limit = _linear(subject, draw, "groups_on_linear")
    some = st.lists(st.integers(0, 2), min_size=w.numel(), max_size=w.numel())
    mask = torch.tensor(draw.draw(some, label="feature_mask"))
    shares, alike = (w * (x - b)).flatten(1), (mask[:, None] == mask).to(x.dtype)
    found = subject.attribute(
        case.model(), x, target=0, baselines=b, feature_mask=mask.reshape(1, *w.shape)
    )
    expected = (shares @ alike).reshape(x.shape)
    compare(found, expected, limit, f"with the feature mask {mask.tolist()}", case)


def game(players: int, seed: int) -> Tensor:
    """Return a random game: the value of each of the ``2 ** players`` coalitions."""
    return numbers((2**players,), seed)


def shapley_values(values: Tensor, players: int) -> Tensor:
    """Return the Shapley values of a game by its definition: a mean over all orders."""
    orders = torch.tensor(list(itertools.permutations(range(players))))
    after = (1 << orders).cumsum(1)
    added = values[after] - values[after - (1 << orders)]
    total = torch.zeros(players, dtype=values.dtype)
    return total.index_add_(0, orders.flatten(), added.flatten()) / len(orders)


@oracle
def shapley(subject: Subject, draw: st.DataObject) -> None:
    """On a random game, f on {0, 1}^n, the players get its Shapley values (Shapley 1953)."""
    players = draw.draw(st.integers(1, 5), label="players")
    seed = draw.draw(st.integers(0, 9999), label="seed")
    values = game(players, seed)
    bits = 2 ** torch.arange(players)
    x = torch.ones(1, players, dtype=torch.float64)
    lookup = composed(lambda x: values[(x.round().long() * bits).sum(1)])
    found = subject.attribute(lookup, x, baselines=0)
    expected = shapley_values(values, players)[None]
    case = Case("game", Layout(features=(players,), seed=seed), 1)
    limit = tolerance(subject, "shapley", case, values)
    compare(found, expected, limit, "against the mean over all orders", case)


def _marginals(values: Tensor, player: int) -> tuple[Tensor, Tensor]:
    """Return what a player adds to each coalition of the others, and the sizes of these."""
    numbered = torch.arange(len(values))
    others = numbered[numbered & 1 << player == 0]
    sizes = sum((others >> bit & 1 for bit in range(len(values).bit_length())), 0 * others)
    return values[others | 1 << player] - values[others], sizes


def banzhaf_values(values: Tensor, players: int) -> Tensor:
    """Return the Banzhaf values of a game: means over all coalitions (Banzhaf 1965)."""
    return torch.stack([_marginals(values, player)[0].mean() for player in range(players)])


def values_by_size(values: Tensor, players: int) -> Tensor:
    """Return the Shapley values of a game: means over sizes of the means over coalitions."""
    found = []
    for player in range(players):
        added, sizes = _marginals(values, player)
        found.append(torch.stack([added[sizes == size].mean() for size in range(players)]).mean())
    return torch.stack(found)


def _sampled_on_a_game(
    subject: Subject, draw: st.DataObject, exact: Callable[[Tensor, int], Tensor]
) -> None:
    players = draw.draw(st.integers(1, 10), label="players")
    seed = draw.draw(st.integers(0, 9999), label="seed")
    values = game(players, seed)
    bits = 2 ** torch.arange(players)
    x = torch.ones(1, players, dtype=torch.float64)
    lookup = composed(lambda x: values[(x.round().long() * bits).sum(1)])
    found, error = subject.attribute(lookup, x, baselines=0, return_standard_errors=True)
    case = Case("game", Layout(features=(players,), seed=seed), 1)
    limit = tolerance(subject, "sampled_shapley", case, values)
    compare_sampled(found, exact(values, players)[None], error + limit, case)


@prop("oracle", lambda subject: subject.takes("return_standard_errors"))
def sampled_shapley(subject: Subject, draw: st.DataObject) -> None:
    """On a random game the players get its Shapley values, within six of the standard errors that
    the method tells (give ``n_samples`` enough to tell them)."""  # noqa: D209
    _sampled_on_a_game(subject, draw, values_by_size)


@prop("oracle", lambda subject: subject.takes("return_standard_errors"))
def sampled_banzhaf(subject: Subject, draw: st.DataObject) -> None:
    """On a random game the players get its Banzhaf values, within six of the standard errors that
    the method tells (give ``n_samples`` enough to tell them)."""  # noqa: D209
    _sampled_on_a_game(subject, draw, banzhaf_values)


@oracle
def multilinear_path(subject: Subject, draw: st.DataObject) -> None:
    """On a product of differences x - b a path integral gives each factor an equal share."""
    features = draw.draw(st.integers(2, 4), label="features")
    members = sorted(draw.draw(st.sets(st.integers(0, features - 1), min_size=1), label="members"))
    case = Case("product", Layout(features=(features,), seed=draw.draw(st.integers(0, 99))), 2)
    x, b = numbers((2, features), case.layout.seed), numbers((1, features), case.layout.seed + 1)
    product_of = composed(lambda x: (x - b)[:, members].prod(1) + 0 * x.sum(1))
    found = subject.attribute(product_of, x, baselines=b)
    product = (x - b)[:, members].prod(1)
    expected = torch.zeros_like(x)
    expected[:, members] = product[:, None] / len(members)
    limit = tolerance(subject, "multilinear_path", case, product, x)
    compare(found, expected, limit, f"on the product of elements {members}", case)


@oracle
def sampled_path(subject: Subject, draw: st.DataObject) -> None:
    """On a product of d differences x - b each factor gets, from random places on the path, a share
    of 1/d within six standard errors (give ``n_samples``)."""  # noqa: D209
    factors = draw.draw(st.integers(1, 4), label="factors")
    seed = draw.draw(st.integers(0, 99), label="seed")
    x = numbers((1, factors), seed)
    b = torch.full_like(x, 0.5)
    found = subject.attribute(composed(lambda x: (x - b).prod(1)), x, baselines=b)
    product = (x - b).prod(1, keepdim=True).expand_as(x)
    # A place u, uniform in [0, 1], gives u^(d-1) of the product.
    deviation = (1 / (2 * factors - 1) - 1 / factors**2) ** 0.5
    error = product.abs() * deviation / subject.parameters.get("n_samples", 5) ** 0.5
    case = Case("product", Layout(features=(factors,), seed=seed), 1)
    compare_sampled(found, product / factors, error + 1e-13 * product.abs(), case)


def compare_sampled(found: Tensor, expected: Tensor, error: Tensor, case: Case) -> None:
    """Raise `PropertyFailure` where a sampled number is too many standard errors off."""
    off = (found - expected).abs()
    if bool((off > sampling(error)).any()):
        worst = float((off / error).max())
        raise PropertyFailure(f"off by {worst:.1f} standard errors, on {case}")


@oracle
def path_through_kinks(subject: Subject, draw: st.DataObject) -> None:
    """On a ReLU net the path integral is the sum over its linear pieces, split where units switch
    (claimed with the error of its quadrature)."""  # noqa: D209
    case = draw.draw(cases(subject, ("relu", "functional relu")))
    model, x, b = case.model(), case.inputs(), subject.baselines(case)
    expected = torch.stack([_exact_path(model, *pair) for pair in zip(x, b, strict=True)])
    found = subject.attribute(model, x, target=0, baselines=b)
    limit = tolerance(
        subject, "path_through_kinks", case, expected, score(model, x, 0), score(model, b, 0)
    )
    compare(found, expected, limit, "against the exact integral", case)


def _exact_path(model: torch.nn.Module, x: Tensor, b: Tensor) -> Tensor:
    """Integrate from b to x piece by piece: between the places where units switch f is linear."""
    cuts = torch.tensor([0.0, 1.0], dtype=x.dtype)
    *hidden, _ = model.layers  # type: ignore[misc]
    for depth in range(len(hidden)):
        z = b + cuts[:, None] * (x - b)
        with torch.no_grad():
            for layer in hidden[:depth]:
                z = torch.relu(layer(z))
            z = hidden[depth](z)  # linear between the cuts so far
        before, after = z[:-1], z[1:]
        width = (cuts[1:] - cuts[:-1])[:, None]
        crossing = cuts[:-1, None] + width * before / (before - after)
        cuts = torch.cat([cuts, crossing[before * after < 0]]).unique()
    middles = ((cuts[1:] + cuts[:-1]) / 2)[:, None]
    points = (b + middles * (x - b)).requires_grad_()
    slopes = torch.autograd.grad(model(points)[:, 0].sum(), points)[0]
    return (x - b) * ((cuts[1:] - cuts[:-1]) @ slopes)


@prop("oracle", lambda subject: subject.takes("stdevs"))
def smoothed_quadratic(subject: Subject, draw: st.DataObject) -> None:
    """Of f = x A x the mean gradient under noise of deviation s is (A + A') x, within six standard
    errors, s |A + A'| / sqrt(n) (Smilkov et al. 2017; give ``stdevs`` and ``nt_samples``)."""  # noqa: D209
    features = draw.draw(st.integers(1, 3), label="features")
    seed = draw.draw(st.integers(0, 99), label="seed")
    matrix, x = numbers((features, features), seed), numbers((1, features), 7)
    found = subject.attribute(composed(lambda x: ((x @ matrix) * x).sum(1)), x)
    symmetric = matrix + matrix.T
    deviation, n = subject.parameters.get("stdevs", 1.0), subject.parameters.get("nt_samples", 5)
    error = deviation * symmetric.norm(dim=1) / n**0.5
    case = Case("quadratic", Layout(features=(features,), seed=seed), 1)
    compare_sampled(found[0], symmetric @ x[0], error, case)

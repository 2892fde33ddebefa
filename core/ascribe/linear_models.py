"""Linear models of a model, fitted in closed form to many weighted regressions at once.

What LIME calls interpretable models. Each minimises the weighted squares of ``y - c - x b`` and a
penalty on b, of which scikit-learn has the scale too; the constant c is not penalised.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from ascribe.errors import InputError
from ascribe.notes import note

#: The most sweeps of coordinate descent, and the change that ends it, as a share of the largest
#: coefficient.
SWEEPS, SETTLED = 10_000, 1e-14

#: How many coefficients at a time may be found not to be zero, at least.
FEW = 64

#: How often signs of coefficients are guessed, and of at most how many.
GUESSES, GUESSED = 20, 512

#: How far equations for coefficients of known signs may be off, as a share of their right side.
SOLVED = 1e-12


class LinearModel(ABC):
    """A linear model that `ascribe.attr.Lime` may fit."""

    def fit(self, x: Tensor, y: Tensor, weights: Tensor) -> Tensor:
        """Return the coefficients.

        Parameters
        ----------
        x
            Features, ``(samples, features)``.
        y
            What they are to give, in so many regressions: ``(regressions, samples)``.
        weights
            How much each sample counts, not negative: ``(regressions, samples)``.

        Returns
        -------
        Tensor
            ``(regressions, features)``, in float64; NaN where an outcome or weight is not finite.
        """
        x, y, weights = x.double(), y.double(), weights.double()
        unknown = ~(y + weights).isfinite().all(1, keepdim=True)
        y, weights = y.masked_fill(unknown, 0), weights.masked_fill(unknown, 0)
        total = weights.sum(1, keepdim=True)
        shares = weights / total.masked_fill(total == 0, 1)
        # Around the means the constant is zero.
        means = shares @ x
        centred = x - means[:, None]
        rest = y - (shares * y).sum(1, keepdim=True)
        root = shares.sqrt()[..., None]
        found = self.solve(root * centred, (root * rest[..., None])[..., 0], total)
        return found.masked_fill(unknown, float("nan"))

    @property
    def unshrunk(self) -> LinearModel:
        """A model whose coefficients vary as those of this one do, or more: for their errors."""
        return self

    @abstractmethod
    def solve(self, x: Tensor, y: Tensor, total: Tensor) -> Tensor:
        """Return b that minimises ``|y - x b| ** 2`` and the penalty.

        Parameters
        ----------
        x
            ``(regressions, samples, features)``, each row times the root of its share in the
            weights.
        y
            ``(regressions, samples)``, the same.
        total
            The sum of the weights, ``(regressions, 1)``.
        """


class LinearRegression(LinearModel):
    """Least squares without a penalty; of several solutions the smallest."""

    def solve(self, x: Tensor, y: Tensor, total: Tensor) -> Tensor:
        if 0 in x.shape:
            return x.new_zeros(x.shape[0], x.shape[2])
        if x.shape[1] <= x.shape[2]:
            note(
                f"{x.shape[1]} samples do not determine {x.shape[2]} coefficients and a constant: "
                f"they are the smallest that fit, and may be far off; take more samples, or Ridge "
                f"or Lasso"
            )
        return _times(torch.linalg.pinv(x), y)


class Ridge(LinearModel):
    """Least squares, ``sum w (y - c - x b) ** 2``, with the penalty ``alpha |b| ** 2``.

    Hoerl and Kennard, "Ridge Regression", Technometrics 12, 1970,
    https://doi.org/10.1080/00401706.1970.10488634

    Parameters
    ----------
    alpha
        The strength of the penalty, positive.
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = _positive(alpha)

    def solve(self, x: Tensor, y: Tensor, total: Tensor) -> Tensor:
        samples, features = x.shape[1:]
        turned, alpha = x.mT, (self.alpha / total.masked_fill(total == 0, 1))[..., None]
        if samples < features:  # the smaller of the two matrices that give the same
            matrix = x @ turned + alpha * torch.eye(samples).to(x)
            return _times(turned, torch.linalg.solve(matrix, y))
        matrix = turned @ x + alpha * torch.eye(features).to(x)
        return torch.linalg.solve(matrix, _times(turned, y))


class Lasso(LinearModel):
    """Least squares, ``sum w (y - c - x b) ** 2 / (2 sum w)``, with the penalty ``alpha sum |b|``.

    It sets small coefficients to zero.

    Tibshirani, "Regression Shrinkage and Selection via the Lasso", JRSS B 58, 1996. Coefficients of
    known signs solve linear equations; signs are guessed from the last solution until they agree
    with it (the primal-dual active sets of Hintermüller, Ito and Kunisch, SIAM J. Optim. 13, 2002,
    https://doi.org/10.1137/S1052623401383558). Where they do not, and where coefficients are many,
    by the coordinate descent of Friedman, Hastie and Tibshirani, JSS 33, 2010,
    https://doi.org/10.18637/jss.v033.i01

    Parameters
    ----------
    alpha
        The strength of the penalty, positive.
    """

    def __init__(self, alpha: float = 0.01) -> None:
        self.alpha = _positive(alpha)

    @property
    def unshrunk(self) -> LinearModel:
        """The same before coefficients are shrunk: one that happens to be 0 is not exact."""
        return _Unshrunk(self.alpha)

    def solve(self, x: Tensor, y: Tensor, total: Tensor) -> Tensor:
        if not x.shape[2] <= min(x.shape[1], GUESSED):
            return self._descended(x, y)
        b, settled = self._guessed(x, y)
        if not bool(settled.all()):
            b[~settled] = self._descended(x[~settled], y[~settled])
        return b

    def _guessed(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return coefficients, and for which regressions they are the best there are."""
        gram, towards = x.mT @ x, _times(x.mT, y)
        curvature = gram.diagonal(dim1=1, dim2=2)
        b = signs = torch.zeros_like(towards)
        largest = towards.abs().amax(1) + self.alpha
        for _ in range(GUESSES):
            slope = towards - _times(gram, b)
            found = torch.nn.functional.softshrink(curvature * b + slope, self.alpha).sign()
            off = ((slope - self.alpha * signs) * signs).abs().amax(1)  # the equations' error
            settled = (found == signs).all(1) & (off <= SOLVED * largest)
            if bool(settled.all()):
                break
            signs, there = found, found.abs()
            matrix = gram * there[:, None] * there[..., None] + torch.diag_embed(1 - there)
            b, _ = torch.linalg.solve_ex(matrix, (towards - self.alpha * signs) * there)
        return b, settled

    def _descended(self, x: Tensor, y: Tensor) -> Tensor:
        regressions, samples, features = x.shape
        columns = x.permute(2, 0, 1).contiguous()
        curvature = columns.square().sum(2)
        b, rest = x.new_zeros(features, regressions), y.clone()
        active: list[int] = []
        while True:
            # Coefficients that stay zero are not swept over: they are looked at once in a while.
            pull = (columns * rest).sum(2).abs().amax(1)
            pull[active] = 0
            new = (pull > self.alpha * (1 + SETTLED)).nonzero().flatten()
            if not len(new):
                return b.T
            worst = pull[new].argsort(descending=True)[: max(samples, FEW)]
            active += new[worst].tolist()
            self._sweep(columns, curvature, b, rest, active)

    def _sweep(
        self, columns: Tensor, curvature: Tensor, b: Tensor, rest: Tensor, active: list[int]
    ) -> None:
        """Set active coefficients to their best, one after the other, until none moves."""
        parts = [
            (columns[k], curvature[k], 1 / curvature[k].clamp(min=1e-300), b[k]) for k in active
        ]
        for _ in range(SWEEPS):
            largest = rest.new_zeros(rest.shape[0])
            for column, curve, over, own in parts:
                pull = (column * rest).sum(1) + curve * own
                change = torch.nn.functional.softshrink(pull, self.alpha) * over - own
                rest -= column * change[:, None]
                own += change
                largest = torch.maximum(largest, change.abs())
            if bool((largest <= SETTLED * b[active].abs().amax(0)).all()):
                return


class _Unshrunk(Lasso):
    """The best of each coefficient beside the others of a lasso, without a penalty of its own.

    That of the lasso is nearer zero by at most alpha and moves no further than this one.
    """

    def solve(self, x: Tensor, y: Tensor, total: Tensor) -> Tensor:
        b = super().solve(x, y, total)
        pull = _times(x.mT, y - _times(x, b))
        return b + pull / x.square().sum(1).clamp(min=1e-300)


def _times(matrices: Tensor, vectors: Tensor) -> Tensor:
    return (matrices @ vectors[..., None])[..., 0]


def fitted(model: Any, x: Tensor, y: Tensor, weights: Tensor) -> Tensor:
    """Return the coefficients that an interpretable model finds: as `LinearModel.fit`.

    Parameters
    ----------
    model
        A `LinearModel`; or one as Captum's users have them, with ``fit``, which takes a loader of
        ``(features, outcome, weight)``, and ``representation``, which returns the coefficients.
    x, y, weights
        As `LinearModel.fit` takes them.
    """
    if isinstance(model, LinearModel):
        return model.fit(x, y, weights)
    found = []
    for outcome, weight in zip(y, weights, strict=True):
        data = TensorDataset(*(part.float() for part in (x, outcome, weight)))
        model.fit(DataLoader(data, batch_size=len(x)))
        found.append(model.representation().detach().flatten().to(y))
    return torch.stack(found) if found else y.new_zeros(0, x.shape[1])


def check_model(model: Any) -> Any:
    """Return an interpretable model that `fitted` takes.

    Raises
    ------
    InputError
        If it is none.
    """
    if not isinstance(model, LinearModel) and not (
        hasattr(model, "fit") and hasattr(model, "representation")
    ):
        raise InputError(
            f"interpretable_model must be LinearRegression(), Ridge(alpha), Lasso(alpha) or have "
            f"fit and representation, but is {model!r}"
        )
    return model


def _positive(alpha: float) -> float:
    if not alpha > 0:
        raise InputError(f"alpha must be a positive number, but is {alpha!r}")
    return float(alpha)

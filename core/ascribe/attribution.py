"""What every algorithm is: a class made with a model, with a method ``attribute``."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, Self

from torch import Tensor

from ascribe.errors import InputError
from ascribe.evaluations import at_least_single
from ascribe.forward import Forward
from ascribe.inputs import Inputs
from ascribe.rehearsal import rehearsed
from ascribe.sites import Site


class Attribution(ABC):
    """An attribution algorithm for one model.

    A subclass implements `attribute` and reaches the model through `bind` alone::

        def attribute(self, inputs, target=None, additional_forward_args=None):
            with self.bind(inputs, target, additional_forward_args) as forward:
                ...
                return forward.pack(attributions)

    Parameters
    ----------
    forward_func
        The model: any callable. It is left as it is, its training mode included.
    """

    #: True where `attribute` takes `ascribe.Targets` (all that is computed through `bind` does):
    #: several targets then share one pass. Elsewhere `ascribe.explain` calls it once for each.
    several_targets: bool = False

    #: True where ``baselines`` are a distribution to draw from, not one for each example.
    draws_baselines: bool = False

    #: True where the result has one channel (axis 1) for all that it attributes to, as a map has.
    adds_channels: bool = False

    #: True where examples of a batch take part in one another's attributions.
    over_the_batch: bool = False

    #: Where the attribution takes place; None for the inputs. See `ascribe.sites`.
    site: Site | None = None

    def __init__(self, forward_func: Callable[..., Any]) -> None:
        if not callable(forward_func):
            raise InputError(
                f"forward_func must be callable, such as an nn.Module, "
                f"but is a {type(forward_func).__name__}"
            )
        self.forward_func = forward_func

    @abstractmethod
    def attribute(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Return attributions in the form of ``inputs``, each ``(batch, *features)``."""

    def bind(self, inputs: Any, target: Any = None, additional_forward_args: Any = None) -> Forward:
        """Return the model bound to inputs: a context manager that leaves no trace.

        Parameters
        ----------
        inputs
            A tensor ``(batch, *features)``, or a tuple, list or dict of such; a dict's keys become
            keyword arguments of the model.
        target
            Which score to attribute; see `ascribe.targets.pickers`.
        additional_forward_args
            What else the model takes; see `ascribe.forward.Forward`.
        """
        if self.site is not None:
            return self.site.bind(self.forward_func, inputs, target, additional_forward_args)
        return Forward(self.forward_func, Inputs.of(inputs), target, additional_forward_args)

    def at(self, site: Site) -> Self:
        """Return this method at another place: what its ``attribute`` then attributes to, or of."""
        moved = copy.copy(self)
        moved.site = site
        return moved

    @classmethod
    def claims(cls, **parameters: Any) -> dict[str, float]:
        """Return the axioms and oracles that the method claims with these parameters.

        `ascribe.testing` holds it to them. Each comes with the error that the method itself may
        leave, as a share of the magnitudes involved: 0 for an exact one.

        Parameters
        ----------
        **parameters
            What the method is made with and called with, beside model, inputs and target.
        """
        return {}

    @classmethod
    def most_features(cls, **parameters: Any) -> int | None:
        """Return how many features of an example it takes with these parameters; None for any."""
        return None

    @property
    def multiplies_by_inputs(self) -> bool:
        """Whether attributions are in units of the score (True) or of score per input (False)."""
        return False

    def has_convergence_delta(self) -> bool:
        """Whether ``attribute(..., return_convergence_delta=True)`` tells how far it is off."""
        return False


class GradientAttribution(Attribution):
    """An algorithm that takes gradients of the model's scores."""

    def compute_convergence_delta(
        self,
        attributions: Any,
        start_point: Any,
        end_point: Any,
        target: Any = None,
        additional_forward_args: Any = None,
    ) -> Tensor:
        """Return by how much attributions miss completeness (Sundararajan et al. 2017).

        Parameters
        ----------
        attributions
            What `attribute` returned for ``end_point``.
        start_point
            The baseline, in any form that ``baselines`` takes.
        end_point
            The inputs.
        target, additional_forward_args
            As given to `attribute`.

        Returns
        -------
        Tensor
            ``sum(attributions) - (f(end_point) - f(start_point))``, shape ``(batch,)``.
        """
        with self.bind(end_point, target, additional_forward_args) as forward:
            given = forward.unpack(attributions)
            return forward.pack_scores(convergence_delta(forward, given, start_point))


class PerturbationAttribution(Attribution):
    """An algorithm that compares the model's scores of changed inputs; it needs no gradient."""

    #: True where elements take their baselines together with others, so that a NaN in one
    #: baseline reaches them all.
    jointly: bool = False

    def cost(self, inputs: Any, *args: Any, **kwargs: Any) -> int:
        """Return how many evaluations of one example ``attribute`` would take.

        A few more find out whether examples and their changed copies may share one. The model is
        run on the inputs themselves, and not on what would be made of them.

        Parameters
        ----------
        inputs, *args, **kwargs
            As ``attribute`` takes them.
        """
        with rehearsed() as planned:
            self.attribute(inputs, *args, **kwargs)
        return sum(planned)

    @property
    def multiplies_by_inputs(self) -> bool:
        """True: differences of scores are in units of the score."""
        return True


def convergence_delta(forward: Forward, attributions: list[Tensor], start_point: Any) -> Tensor:
    """Return ``sum(attributions) - (f(inputs) - f(start_point))``, shape ``(targets, batch)``.

    Parameters
    ----------
    forward
        The model, bound to the end point.
    attributions
        For each input ``(targets, batch, *features)``.
    start_point
        The baseline, in any form that ``baselines`` takes.
    """
    total = sum_of(attributions).to(forward.scores.dtype)
    if forward.scores.shape[1] != forward.inputs.batch:  # one score for the whole batch
        total = total.sum(1, keepdim=True)
    return total - (forward.scores - forward.scores_at_baselines(start_point))


def sum_of(attributions: Iterable[Tensor]) -> Tensor:
    """Return the sum of each example's attributions: ``(targets, batch)``.

    Parameters
    ----------
    attributions
        For each input ``(targets, batch, *features)``.
    """
    sums = [a.flatten(2).sum(2) if a.dim() > 2 else a for a in map(at_least_single, attributions)]
    total = sums[0]
    for one in sums[1:]:
        total = total + one
    return total

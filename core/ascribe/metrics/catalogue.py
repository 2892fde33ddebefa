"""What is known of each metric: which way is better, within what range, and what it needs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from ascribe.metrics.curves import deletion, insertion
from ascribe.metrics.infidelity import infidelity
from ascribe.metrics.pointing_game import pointing_game
from ascribe.metrics.randomisation import randomisation_similarity
from ascribe.metrics.relevance_mass import relevance_mass_accuracy
from ascribe.metrics.relevance_rank import relevance_rank_accuracy
from ascribe.metrics.road import road
from ascribe.metrics.sensitivity import sensitivity_max
from ascribe.metrics.sparseness import sparseness


@dataclass(frozen=True)
class Metric:
    """What is known of a metric.

    Attributes
    ----------
    name
        What it is called.
    title
        What a table calls it.
    function
        From what it needs to a number for each example.
    needs
        ``attributions``; ``mask``: of the true evidence too; ``model``: and inputs too; or
        ``method``: a function that explains, which is called again.
    higher_is_better
        Which way is better; None where neither is by itself.
    least, greatest
        The range that results lie in; infinite where the score sets it.
    scale_invariant
        Whether attributions times a positive number are as good.
    """

    name: str
    title: str
    function: Callable[..., Any]
    needs: str
    higher_is_better: bool | None
    least: float
    greatest: float
    scale_invariant: bool = True


_INF = math.inf

#: Every metric by name.
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("pointing_game", "pointing game", pointing_game, "mask", True, 0, 1),
        Metric("relevance_mass_accuracy", "mass", relevance_mass_accuracy, "mask", True, 0, 1),
        Metric("relevance_rank_accuracy", "rank", relevance_rank_accuracy, "mask", True, 0, 1),
        Metric("insertion", "insertion", insertion, "model", True, -_INF, _INF),
        Metric("deletion", "deletion", deletion, "model", False, -_INF, _INF),
        Metric("road_morf", "ROAD, MoRF", partial(road, order="morf"), "model", False, -_INF, _INF),
        Metric("road_lerf", "ROAD, LeRF", partial(road, order="lerf"), "model", True, -_INF, _INF),
        Metric("infidelity", "infidelity", infidelity, "model", False, 0, _INF, False),
        Metric("sparseness", "sparseness", sparseness, "attributions", None, 0, 1),
        Metric("sensitivity_max", "sensitivity", sensitivity_max, "method", False, 0, _INF),
        Metric(
            "randomisation_similarity",
            "randomised",
            randomisation_similarity,
            "method",
            False,
            -1,
            1,
        ),
    )
}

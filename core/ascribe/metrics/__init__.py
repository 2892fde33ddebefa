"""How good attributions are: functions of attributions and a model, or of the true evidence.

`infidelity` and `sensitivity_max` have the names and parameters of Captum's. `METRICS` says of each
which way is better and within what range, and `judge` takes an explanation.
"""

from ascribe.metrics.catalogue import METRICS, Metric
from ascribe.metrics.curves import blurred, deletion, insertion, removal_curve
from ascribe.metrics.imputation import linear_imputation
from ascribe.metrics.infidelity import infidelity, infidelity_perturb_func_decorator
from ascribe.metrics.judging import judge
from ascribe.metrics.pointing_game import pointing_game
from ascribe.metrics.randomisation import randomisation, randomisation_similarity
from ascribe.metrics.relevance_mass import relevance_mass_accuracy
from ascribe.metrics.relevance_rank import relevance_rank_accuracy
from ascribe.metrics.removal import Curve
from ascribe.metrics.road import road, road_curve
from ascribe.metrics.sensitivity import default_perturb_func, sensitivity_max
from ascribe.metrics.sparseness import sparseness

__all__ = [
    "METRICS",
    "Curve",
    "Metric",
    "blurred",
    "default_perturb_func",
    "deletion",
    "infidelity",
    "infidelity_perturb_func_decorator",
    "insertion",
    "judge",
    "linear_imputation",
    "pointing_game",
    "randomisation",
    "randomisation_similarity",
    "relevance_mass_accuracy",
    "relevance_rank_accuracy",
    "removal_curve",
    "road",
    "road_curve",
    "sensitivity_max",
    "sparseness",
]

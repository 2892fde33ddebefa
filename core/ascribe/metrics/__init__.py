"""How good attributions are: functions under the names and with the parameters of Captum's."""

from ascribe.metrics.infidelity import infidelity, infidelity_perturb_func_decorator
from ascribe.metrics.sensitivity import default_perturb_func, sensitivity_max

__all__ = [
    "default_perturb_func",
    "infidelity",
    "infidelity_perturb_func_decorator",
    "sensitivity_max",
]

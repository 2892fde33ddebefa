"""Which rule of layer-wise relevance propagation each operation with weights has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from ascribe.errors import InputError
from ascribe.guard import modules_in
from ascribe.lrp_rules import (
    Alpha1_Beta0_Rule,
    AlphaBetaRule,
    EpsilonRule,
    FlatRule,
    GammaRule,
    PropagationRule,
    ZBoxRule,
)
from ascribe.relevance import Composite
from ascribe.weighted import Weighted


def _by_kind(
    convolutions: PropagationRule, others: PropagationRule, first: PropagationRule | None = None
) -> Composite:
    def choose(layer: Weighted, module: nn.Module | None, is_first: bool) -> PropagationRule:
        if is_first and first is not None:
            return first
        return convolutions if layer.spatial else others

    return choose


def _box(low: Any = None, high: Any = None) -> Composite:
    if low is None or high is None:
        raise InputError(
            "epsilon_gamma_box needs the least and largest possible inputs: "
            "composite=('epsilon_gamma_box', {'low': -2.1, 'high': 2.6})"
        )
    return _by_kind(GammaRule(0.25), EpsilonRule(1e-6), ZBoxRule(low, high))


#: Composites by name: for convolutions, for other operations with weights, and for the first.
#: Montavon et al. 2019; Kohlbrenner et al. 2020, https://arxiv.org/abs/1910.09840
COMPOSITES: dict[str, Callable[..., Composite]] = {
    "epsilon": lambda: _by_kind(EpsilonRule(), EpsilonRule()),
    "epsilon_plus": lambda: _by_kind(Alpha1_Beta0_Rule(), EpsilonRule(1e-6)),
    "epsilon_plus_flat": lambda: _by_kind(Alpha1_Beta0_Rule(), EpsilonRule(1e-6), FlatRule()),
    "epsilon_alpha2_beta1": lambda: _by_kind(AlphaBetaRule(2, 1), EpsilonRule(1e-6)),
    "epsilon_alpha2_beta1_flat": lambda: _by_kind(
        AlphaBetaRule(2, 1), EpsilonRule(1e-6), FlatRule()
    ),
    "epsilon_gamma_box": _box,
}


def composite(given: Any, model: Callable[..., Any]) -> Composite:
    """Return a composite from a name, a name and its parameters, a rule, or a mapping to rules.

    Parameters
    ----------
    given
        See `ascribe.attr.LRP`.
    model
        Whose modules a mapping may name.

    Raises
    ------
    InputError
        If there is no such composite, or a mapping names what the model does not have.
    """
    if isinstance(given, PropagationRule):
        return _by_kind(given, given)
    if isinstance(given, Mapping):
        return _mapped(given, model)
    name, parameters = given if isinstance(given, tuple) else (given, {})
    if name not in COMPOSITES:
        raise InputError(
            f"composite must be one of {', '.join(COMPOSITES)}, a rule such as EpsilonRule(), or a "
            f"mapping to rules, but is {given!r}"
        )
    return COMPOSITES[name](**parameters)


def _mapped(given: Mapping[Any, Any], model: Callable[..., Any]) -> Composite:
    for key, rule in given.items():
        if not isinstance(rule, PropagationRule):
            raise InputError(f"a composite must map to rules, but {key!r} goes to {rule!r}")
    modules = modules_in(model)
    names = {id(m): name for outer in modules[:1] for name, m in outer.named_modules()}
    default = EpsilonRule()

    def fits(key: Any, layer: Weighted, module: nn.Module | None) -> bool:
        if isinstance(key, type):
            return isinstance(module, key)
        if isinstance(key, nn.Module):
            return module is key
        return bool(key == layer.call.name or key == names.get(id(module)))

    def choose(layer: Weighted, module: nn.Module | None, is_first: bool) -> PropagationRule:
        return next((rule for key, rule in given.items() if fits(key, layer, module)), default)

    return choose

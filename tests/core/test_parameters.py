"""What a method takes, and how it is made from that."""

import pytest
from torch import nn

from ascribe import ParameterError
from ascribe.attr import GradientShap, LayerIntegratedGradients, NoiseTunnel, Occlusion, Saliency
from ascribe.parameters import (
    called_with,
    check_names,
    check_parameters,
    inner_of,
    make,
    own_parameters,
)

WINDOWS = {"sliding_window_shapes": (1,)}


def test_own_parameters_are_those_it_is_made_with_and_then_those_of_its_calls():
    names = list(own_parameters(LayerIntegratedGradients))
    assert names[0] == "layer"
    assert {"multiply_by_inputs", "n_steps", "baselines"} <= set(names)
    assert not {"inputs", "target", "return_convergence_delta", "forward_func"} & set(names)


def test_a_method_around_another_takes_that_one_s_parameters_too():
    given = {"attribution_method": "occlusion"}
    assert "sliding_window_shapes" not in own_parameters(NoiseTunnel)
    assert {"sliding_window_shapes", "nt_samples"} <= set(own_parameters(NoiseTunnel, given))
    assert "target" in called_with(NoiseTunnel, given)
    assert inner_of(given) is Occlusion
    assert inner_of({}) is None


@pytest.mark.parametrize(
    ("cls", "given", "message"),
    [
        (Saliency, {"abz": True}, "Saliency takes no abz; its parameters are abs"),
        (GradientShap, {}, "GradientShap needs baselines"),
        (NoiseTunnel, {}, "NoiseTunnel needs attribution_method"),
        (NoiseTunnel, {"attribution_method": GradientShap}, "needs baselines"),
        (NoiseTunnel, {"attribution_method": Saliency, "n_steps": 3}, "takes no n_steps"),
    ],
)
def test_what_is_unknown_or_missing_is_named(cls, given, message):
    with pytest.raises(ParameterError, match=message):
        check_parameters(cls, given)


def test_names_alone_may_be_checked():
    check_names(GradientShap, {})
    with pytest.raises(ParameterError, match="takes no windows"):
        check_names(Occlusion, {"windows": 3})


@pytest.mark.parametrize("inner", ["occlusion", Occlusion])
def test_a_method_around_another_is_made_with_it(inner):
    model = nn.Linear(3, 2)
    given = {"attribution_method": inner, "nt_samples": 2, **WINDOWS}
    method, rest = make(NoiseTunnel, model, given)
    assert isinstance(method.attribution_method, Occlusion)
    assert method.forward_func is model
    assert rest == {"nt_samples": 2, **WINDOWS}


def test_a_method_that_is_made_already_goes_in_as_it_is():
    inner = Saliency(nn.Linear(3, 2))
    method, rest = make(NoiseTunnel, inner.forward_func, {"attribution_method": inner})
    assert method.attribution_method is inner
    assert rest == {}

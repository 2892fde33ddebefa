"""Every built-in algorithm, held to its contract and its claims."""

from ascribe import registry
from ascribe.attr import (
    LRP,
    AttentionRollout,
    Banzhaf,
    Deconvolution,
    DeepLift,
    DeepLiftShap,
    FeatureAblation,
    FeaturePermutation,
    FullGrad,
    GradientAttention,
    GradientShap,
    GuidedBackprop,
    GuidedGradCam,
    InputXGradient,
    IntegratedGradients,
    InternalInfluence,
    KernelShap,
    LayerAblationCam,
    LayerActivation,
    LayerConductance,
    LayerDeepLift,
    LayerDeepLiftShap,
    LayerEigenCam,
    LayerEigenGradCam,
    LayerFeatureAblation,
    LayerFeaturePermutation,
    LayerGradCam,
    LayerGradCamPlusPlus,
    LayerGradientShap,
    LayerGradientXActivation,
    LayerHiResCam,
    LayerIntegratedGradients,
    LayerLayerCam,
    LayerLRP,
    LayerRise,
    LayerScoreCam,
    LayerXGradCam,
    Lime,
    LimeBase,
    LinearRegression,
    NeuronConductance,
    NeuronDeconvolution,
    NeuronDeepLift,
    NeuronDeepLiftShap,
    NeuronFeatureAblation,
    NeuronGradient,
    NeuronGradientShap,
    NeuronGuidedBackprop,
    NeuronIntegratedGradients,
    NeuronRise,
    NoiseTunnel,
    Occlusion,
    Owen,
    PermutationShap,
    Ridge,
    Rise,
    Saliency,
    ShapleyValues,
    ShapleyValueSampling,
    Sobol,
)
from ascribe.testing import configured, parametrize_with_checks

METHODS = [
    configured(Saliency),
    configured(Saliency, abs=False),
    configured(InputXGradient),
    configured(IntegratedGradients),
    configured(IntegratedGradients, method="riemann_trapezoid", n_steps=20),
    configured(IntegratedGradients, multiply_by_inputs=False, n_steps=10),
    configured(LayerIntegratedGradients),
    configured(NeuronIntegratedGradients, n_steps=20),
    configured(GradientShap),
    configured(GradientShap, stdevs=0.3),
    configured(GradientShap, n_samples=20, multiply_by_inputs=False),
    configured(LayerGradientShap),
    configured(NeuronGradientShap),
    configured(NoiseTunnel, attribution_method=Saliency, abs=False, stdevs=0.5),
    configured(NoiseTunnel, attribution_method=IntegratedGradients, nt_type="smoothgrad_sq"),
    configured(
        NoiseTunnel, attribution_method=Saliency, abs=False, nt_type="vargrad", nt_samples=60
    ),
    configured(NoiseTunnel, attribution_method=LayerIntegratedGradients, n_steps=10),
    configured(NoiseTunnel, attribution_method=NeuronGradient),
    configured(NoiseTunnel, attribution_method=Occlusion),
    configured(NoiseTunnel, attribution_method=GradientShap),
    configured(LayerGradientXActivation),
    configured(LayerGradientXActivation, multiply_by_inputs=False),
    configured(LayerActivation),
    configured(LayerConductance),
    configured(LayerConductance, method="riemann_left", n_steps=20),
    configured(NeuronConductance),
    configured(NeuronConductance, multiply_by_inputs=False),
    configured(InternalInfluence),
    configured(NeuronGradient),
    configured(DeepLift),
    configured(DeepLift, multiply_by_inputs=False),
    configured(DeepLift, nonlinearity="reveal_cancel"),
    configured(DeepLiftShap),
    configured(LayerDeepLift),
    configured(NeuronDeepLift),
    configured(LayerDeepLiftShap),
    configured(NeuronDeepLiftShap),
    configured(LRP),
    configured(LRP, composite="epsilon_plus"),
    configured(LRP, composite="epsilon_alpha2_beta1_flat"),
    configured(LayerLRP),
    configured(GuidedBackprop),
    configured(NeuronGuidedBackprop),
    configured(Deconvolution),
    configured(NeuronDeconvolution),
    configured(GuidedGradCam),
    configured(LayerGradCam),
    configured(LayerGradCam, relu_attributions=True),
    configured(LayerGradCam, attr_dim_summation=False),
    configured(LayerGradCamPlusPlus),
    configured(LayerXGradCam),
    configured(LayerHiResCam),
    configured(LayerLayerCam),
    configured(LayerScoreCam),
    configured(LayerAblationCam),
    configured(LayerEigenCam),
    configured(LayerEigenGradCam),
    configured(FeatureAblation),
    configured(Occlusion),
    configured(Occlusion, sliding_window_shapes=(1,)),
    configured(Occlusion, sliding_window_shapes=(2, 2, 2), strides=(1, 2, 1)),
    configured(LayerFeatureAblation),
    configured(NeuronFeatureAblation),
    configured(ShapleyValues),
    configured(ShapleyValueSampling, n_samples=4),
    configured(ShapleyValueSampling, n_samples=40),
    configured(PermutationShap, n_samples=3),
    configured(PermutationShap, n_samples=30),
    configured(KernelShap),
    configured(KernelShap, n_samples=80),
    configured(Owen),
    configured(Owen, n_samples=3),
    configured(Banzhaf),
    configured(Banzhaf, n_samples=90),
]

#: Methods of which features draw by chance in their order, so that exchanging inputs exchanges
#: chances, too.
IN_THEIR_ORDER = [
    configured(FeaturePermutation),
    configured(LayerFeaturePermutation),
    configured(Lime),
    configured(Lime, interpretable_model=Ridge(0.1), n_samples=20),
    configured(Lime, interpretable_model=LinearRegression(), n_samples=100),
    configured(Sobol, n_samples=8),
    configured(Sobol, n_samples=4, order="first"),
    *(configured(method, n_samples=20, grid=3) for method in (Rise, LayerRise, NeuronRise)),
]


#: What the kit does not fit, and why.
EXEMPT = {
    AttentionRollout: "it attributes to tokens",
    GradientAttention: "it attributes to tokens",
    LimeBase: "its features are the caller's own",
    FullGrad: "its one map is at the size of a picture, and it takes nothing else",
}


@parametrize_with_checks(METHODS, examples=10)
def test_every_built_in_algorithm_conforms(check):
    check()


@parametrize_with_checks(
    IN_THEIR_ORDER,
    expected_failures={"order_of_inputs": "each input has draws of its own"},
    examples=10,
)
def test_every_method_by_chance_conforms(check):
    check()


def test_no_built_in_algorithm_is_left_out():
    listed = registry.attributions.listing()
    built_in = {c for row in listed if row.plugin.distribution == "ascribe" for c in row.classes}
    assert built_in == {m.cls for m in METHODS + IN_THEIR_ORDER} | EXEMPT.keys()

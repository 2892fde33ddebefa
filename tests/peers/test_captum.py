"""Captum 0.9 as a black box: the same numbers where it is right, and proof where it is not."""

from __future__ import annotations

import inspect

import pytest
import torch
from torch import nn

from ascribe import AscribeWarning, InputError, attr
from ascribe.vision import torchvision

try:
    torchvision()  # which Captum may import, and which may need help
    from captum import attr as captum
except ImportError:
    pytest.skip("needs captum: pip install ascribe[bench]", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

#: What a difference is measured against: relative to the largest attribution.
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}

METHODS = ["Saliency", "InputXGradient", "IntegratedGradients", "FeatureAblation", "Occlusion"]


def difference(ours, theirs):
    return float((ours - theirs).abs().max() / theirs.abs().max())


@pytest.mark.parametrize("name", METHODS)
def test_parameters_have_the_names_and_the_order_that_captum_s_users_know(name):
    ours, theirs = getattr(attr, name), getattr(captum, name)
    for method in ("__init__", "attribute"):
        wanted = inspect.signature(getattr(theirs, method)).parameters.values()
        names = [p.name for p in wanted if p.kind != p.VAR_KEYWORD]
        assert list(inspect.signature(getattr(ours, method)).parameters) == names
    model = nn.Linear(2, 2)
    assert ours(model).multiplies_by_inputs == theirs(model).multiplies_by_inputs
    assert ours(model).has_convergence_delta() == theirs(model).has_convergence_delta()
    # By which base an algorithm is, too.
    for base in ("GradientAttribution", "PerturbationAttribution"):
        assert issubclass(ours, getattr(attr, base)) == issubclass(theirs, getattr(captum, base))


def small_model(seed, dtype):
    torch.manual_seed(seed)
    return (
        nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1),
            nn.Tanh() if seed % 2 else nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(4 * 3 * 4, 5),
        )
        .to(dtype)
        .eval()
    )


def parameters(name, x, seed):
    generator = torch.Generator().manual_seed(seed)
    baseline = torch.randn(1, *x.shape[1:], generator=generator).to(x)
    mask = torch.randint(0, 6, (1, *x.shape[1:]), generator=generator)
    window = torch.randint(1, 4, (3,), generator=generator).clamp(max=torch.tensor(x.shape[1:]))
    window = tuple(torch.minimum(window, torch.tensor(x.shape[1:])).tolist())
    strides = tuple(int(torch.randint(1, w + 1, (), generator=generator)) for w in window)
    return {
        "Saliency": [{}, {"abs": False}],
        "InputXGradient": [{}],
        "IntegratedGradients": [
            {"baselines": baseline, "n_steps": 3 + seed, "method": method}
            for method in ("gausslegendre", "riemann_left", "riemann_right", "riemann_middle")
        ],
        "FeatureAblation": [{"baselines": baseline, "feature_mask": mask}, {"baselines": 0.5}],
        "Occlusion": [
            {"sliding_window_shapes": window, "strides": strides, "baselines": baseline},
            {"sliding_window_shapes": window},
        ],
    }[name]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", METHODS)
def test_numbers_agree_on_small_random_models(name, seed, dtype):
    model = small_model(seed, dtype)
    x = torch.randn(3, 2, 6, 8, dtype=dtype)
    # Captum's step sizes and its Occlusion keep single precision only.
    single = name in ("IntegratedGradients", "Occlusion")
    tolerance = TOLERANCE[torch.float32] if single else TOLERANCE[dtype]
    for target in (seed, torch.tensor([0, 4, 2]), [1, 1, 3]):
        for options in parameters(name, x, seed):
            ours = getattr(attr, name)(model).attribute(x, target=target, **options)
            theirs = getattr(captum, name)(model).attribute(x.clone(), target=target, **options)
            assert ours.shape == theirs.shape
            assert difference(ours, theirs) <= tolerance, (target, options)


def test_numbers_agree_for_several_inputs_and_arguments():
    def model(x, y, scale):
        return torch.stack([(x * y).sum(1), (x.tanh() + y).prod(1)], 1) * scale[:, None]

    x, y, scale = torch.rand(3, 4), torch.rand(3, 4), torch.rand(3)
    for name in ("InputXGradient", "IntegratedGradients", "FeatureAblation"):
        options = {"target": [0, 1, 1], "additional_forward_args": (scale,)}
        ours = getattr(attr, name)(model).attribute((x, y), **options)
        theirs = getattr(captum, name)(model).attribute((x.clone(), y.clone()), **options)
        assert isinstance(ours, tuple)
        for one, other in zip(ours, theirs, strict=True):
            assert difference(one, other) <= 1e-5
    ours = attr.Occlusion(model).attribute(
        (x, y), ((2,), (3,)), (1, (2,)), (0, 0.5), target=1, additional_forward_args=scale
    )
    theirs = captum.Occlusion(model).attribute(
        (x, y), ((2,), (3,)), (1, (2,)), (0, 0.5), target=1, additional_forward_args=scale
    )
    for one, other in zip(ours, theirs, strict=True):
        assert difference(one, other) <= 1e-5


def grid_mask(side, cells):
    index = torch.arange(side) * cells // side
    return (index[:, None] * cells + index).expand(1, 3, side, side).contiguous()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("Saliency", {}),
        ("InputXGradient", {}),
        ("IntegratedGradients", {"n_steps": 6}),
        ("FeatureAblation", {"feature_mask": grid_mask(224, 4)}),
        ("Occlusion", {"sliding_window_shapes": (3, 90, 90), "strides": (3, 45, 45)}),
    ],
)
@pytest.mark.parametrize("target", [243, 282])
def test_numbers_agree_on_the_real_classifier(real_classifier, dog_and_cat, name, options, target):
    model = real_classifier.model
    ours = getattr(attr, name)(model).attribute(dog_and_cat, target=target, **options)
    theirs = getattr(captum, name)(model).attribute(dog_and_cat.clone(), target=target, **options)
    assert difference(ours, theirs) <= 1e-5


# Where Captum is wrong, ours is right.


def test_trapezoid_weights_sum_to_one_where_captum_s_sum_to_1_minus_1_over_n():
    model, x = nn.Linear(3, 1).double(), torch.randn(2, 3, dtype=torch.float64)
    exact = model.weight.detach() * x
    for n in (2, 10, 50):
        options = {"target": 0, "n_steps": n, "method": "riemann_trapezoid"}
        ours = attr.IntegratedGradients(model).attribute(x, **options)
        theirs = captum.IntegratedGradients(model).attribute(x.clone(), **options)
        assert difference(ours, exact) < 1e-14
        assert difference(theirs, exact) == pytest.approx(1 / n, rel=1e-5)


def test_integrated_gradients_keep_double_precision_where_captum_s_steps_are_single():
    weight, x = torch.rand(1, 3, dtype=torch.float64), torch.rand(1, 3, dtype=torch.float64)

    def model(x):
        return (weight * x**2).sum(1)

    ours = attr.IntegratedGradients(model).attribute(x)
    theirs = captum.IntegratedGradients(model).attribute(x.clone())
    assert difference(ours, weight * x**2) < 1e-14
    assert difference(theirs, weight * x**2) > 1e-10


def test_occlusion_keeps_double_precision_where_captum_returns_single():
    x = torch.tensor([[1 / 3, 2 / 3]], dtype=torch.float64)
    ours = attr.Occlusion(lambda x: x.sum(1)).attribute(x, (1,))
    theirs = captum.Occlusion(lambda x: x.sum(1)).attribute(x, (1,))
    assert ours.dtype == torch.float64
    assert difference(ours, x) < 1e-15
    assert theirs.dtype == torch.float32


def test_a_nan_in_one_entry_of_the_baseline_poisons_captum_s_other_attributions():
    x, b = torch.ones(1, 3), torch.tensor([[float("nan"), 0.0, 0.0]])
    ours = attr.FeatureAblation(lambda x: x.sum(1)).attribute(x, b)
    theirs = captum.FeatureAblation(lambda x: x.sum(1)).attribute(x, b)
    assert ours[0, 1:].tolist() == [1, 1]
    assert theirs.isnan().all()


def test_a_mask_that_is_missing_for_an_input_leaves_captum_s_zero_and_is_an_error_here():
    x, y, mask = torch.ones(1, 2), torch.ones(1, 2), (torch.tensor([[0, 1]]),)

    def model(x, y):
        return x.sum(1) + y.sum(1)

    with pytest.raises(InputError, match="one entry for each of the 2 inputs"):
        attr.FeatureAblation(model).attribute((x, y), feature_mask=mask)
    theirs = captum.FeatureAblation(model).attribute((x, y), feature_mask=mask)
    assert theirs[1].tolist() == [[0, 0]]


@pytest.mark.parametrize("name", ["Saliency", "InputXGradient", "IntegratedGradients"])
def test_an_empty_batch_raises_index_error_in_captum_and_is_empty_here(name):
    model, x = nn.Linear(3, 2), torch.zeros(0, 3)
    assert getattr(attr, name)(model).attribute(x, target=1).shape == (0, 3)
    with pytest.raises(IndexError):
        getattr(captum, name)(model).attribute(x, target=1)


def test_several_scores_without_a_target_change_the_shape_in_captum_and_are_an_error_here():
    model, x = nn.Linear(3, 2), torch.ones(4, 3)
    assert captum.FeatureAblation(model).attribute(x).shape == (8, 3)
    with pytest.raises(InputError, match="one score for each example"):
        attr.FeatureAblation(model).attribute(x)


def test_training_mode_is_silent_in_captum_and_warned_of_here(recwarn):
    model, x = nn.Sequential(nn.Linear(3, 2), nn.Dropout()), torch.ones(4, 3)
    captum.FeatureAblation(model).attribute(x, target=0)
    assert not [w for w in recwarn if "training" in str(w.message)]
    with pytest.warns(AscribeWarning, match="training mode"):
        attr.FeatureAblation(model).attribute(x, target=0)

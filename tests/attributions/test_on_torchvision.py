"""Rules on torchvision's models, untouched, and on a real classifier."""

import copy
import importlib.util
from pathlib import Path

import pytest
import torch

from ascribe.attr import LRP, DeepLift, GuidedBackprop, LayerGradCam

ROOT = Path(__file__).parents[2]
_spec = importlib.util.spec_from_file_location("rule_gaps", ROOT / "examples" / "rule_gaps.py")
rule_gaps = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(rule_gaps)


@pytest.mark.parametrize("name", rule_gaps.MODELS)
def test_contributions_and_relevance_add_up_on_untouched_models(name):
    model, pictures = rule_gaps.made(name)
    assert rule_gaps.deep_lift_gap(model, pictures) < 1e-9
    assert rule_gaps.lrp_gap(model, pictures) < 1e-9


def test_contributions_and_relevance_add_up_on_a_real_classifier(real_classifier, dog_and_cat):
    model, x = copy.deepcopy(real_classifier.model).double(), dog_and_cat.double()
    for method in (DeepLift(model), LRP(model)):
        found, delta = method.attribute(x, target=243, return_convergence_delta=True)
        assert float(delta.abs().max()) < 1e-9 * float(found.abs().sum())


#: Where the animals are in the photograph: rows and columns.
DOG, CAT = (slice(20, 120), slice(60, 190)), (slice(115, 215), slice(115, 215))


def test_a_class_activation_map_finds_each_animal(real_classifier, dog_and_cat):
    model = real_classifier.model
    layer = model.features[-1]
    for target, own, other in ((243, DOG, CAT), (282, CAT, DOG)):
        cam = LayerGradCam(model, layer).attribute(
            dog_and_cat, target=target, relu_attributions=True
        )
        sized = LayerGradCam.interpolate(cam, (224, 224), "bilinear")[0, 0]
        assert float(sized[own].mean()) > float(sized[other].mean())


def test_rectified_gradients_of_a_real_classifier_are_finite(real_classifier, dog_and_cat):
    found = GuidedBackprop(real_classifier.model).attribute(dog_and_cat, target=243)
    assert bool(torch.isfinite(found).all())
    assert float(found.abs().max()) > 0

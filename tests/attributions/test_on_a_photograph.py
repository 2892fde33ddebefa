"""Perturbation methods on a real classifier and a photograph."""

import pytest
import torch

from ascribe import superpixels
from ascribe.attr import KernelShap, Rise

#: Where the animals are in the photograph: rows and columns.
DOG, CAT = (slice(0, 150), slice(70, 180)), (slice(115, 224), slice(40, 215))


def share(mask, place):
    """How much of a region lies in a place."""
    return float(mask[place].sum() / mask.sum())


def test_the_superpixels_that_count_for_the_cat_lie_on_the_cat(real_classifier, dog_and_cat):
    pytest.importorskip("skimage")
    mask = superpixels.slic(dog_and_cat, 50)
    values, errors = KernelShap(real_classifier.model).attribute(
        dog_and_cat,
        feature_mask=mask,
        target=282,
        n_samples=400,
        return_input_shape=False,
        return_standard_errors=True,
    )
    first, second, *_ = values[0].argsort(descending=True).tolist()
    for region in (first, second):
        assert share(mask[0, 0] == region, CAT) > 0.9
        assert float(values[0, region]) > 6 * float(errors[0, region])


def test_rise_finds_each_animal(real_classifier, dog_and_cat):
    for target, own, other in ((243, DOG, CAT), (282, CAT, DOG)):
        found = Rise(real_classifier.model).attribute(dog_and_cat, target=target, n_samples=400)
        assert float(found[0, 0][own].mean()) > float(found[0, 0][other].mean())
        assert torch.equal(found[0, 0], found[0, 1])

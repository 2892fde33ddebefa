import dataclasses

import numpy as np
import pytest
import torch

from ascribe import InputError
from ascribe.attr import Saliency
from ascribe.metrics.scene_benchmark import CONTROLS, Judge, Results, cases_of, control, scenes_of
from ascribe.models import load_classifier
from ascribe.scenes import sample_scenes


@pytest.fixture(scope="module")
def classifier():
    return load_classifier()


@pytest.fixture(scope="module")
def cases(classifier):
    return cases_of(classifier, 2, seed=0)[0]


def judged(judge, cases, name):
    found = Results()
    for number, case in enumerate(cases):
        judge.judge(case, control(name, case, number, 0), found)
    return found


def test_scenes_are_the_samples_and_then_drawn_by_the_seed():
    samples, scenes = list(sample_scenes().values()), list(scenes_of(8, 3))
    pixels = [np.asarray(scene.image) for scene in scenes]
    for scene, sample in zip(pixels, samples, strict=False):
        assert np.array_equal(scene, np.asarray(sample.image))
    again = [np.asarray(scene.image) for scene in scenes_of(7, 3)]
    assert np.array_equal(pixels[6], again[6])
    assert not np.array_equal(pixels[6], pixels[7])
    assert not np.array_equal(pixels[6], np.asarray(list(scenes_of(7, 4))[6].image))


def test_each_animal_is_a_target_with_a_mask_of_its_own(classifier, cases):
    scene = next(iter(sample_scenes().values()))
    assert cases[0].targets == [classifier.target(animal) for animal in scene.animals]
    for row, animal in enumerate(scene.animals):
        assert np.array_equal(cases[0].masks[row, 0].numpy(), scene.masks[animal])


def test_an_animal_that_is_not_found_is_counted_and_left_out(classifier):
    deaf = dataclasses.replace(classifier, probabilities=lambda logits: 0 * logits + 0.2)
    with pytest.raises(InputError, match="finds no animal"):
        cases_of(deaf, 2, 0)
    dogs = torch.eye(6)[classifier.target("dog")]
    only = dataclasses.replace(classifier, probabilities=lambda logits: 0 * logits + dogs)
    cases, missed = cases_of(only, 2, 0)  # a dog and a cat, a bird and a fish
    assert [case.targets for case in cases] == [[classifier.target("dog")]]
    assert missed == 3


def test_controls_get_what_they_must(classifier, cases):
    judge = Judge(classifier, steps=5)
    truth, uniform = (judged(judge, cases, name) for name in ("the mask itself", "uniform"))
    share = float(torch.cat([case.masks for case in cases]).double().mean())
    for metric in ("pointing_game", "relevance_mass_accuracy", "relevance_rank_accuracy"):
        assert truth.mean(metric) == 1
        assert uniform.mean(metric) == pytest.approx(share)
    assert uniform.mean("sparseness") == pytest.approx(0, abs=1e-9)
    assert truth.mean("insertion") > uniform.mean("insertion")
    assert truth.mean("deletion") < uniform.mean("deletion")
    drawn = judged(judge, cases, "random")
    assert drawn.numbers == judged(judge, cases, "random").numbers
    assert drawn.mean("relevance_mass_accuracy") == pytest.approx(share, rel=0.05)
    assert set(CONTROLS) >= {"edges"}


def test_a_method_is_judged_by_all_that_is_asked_for(classifier, cases):
    judge, found = Judge(classifier, ("road", "sensitivity", "randomisation"), 5), Results()
    judge.method(cases[0], Saliency, {}, found)
    assert set(found.numbers) == set(judge.metrics)
    assert all(len(groups[0]) == 2 for groups in found.numbers.values())
    assert len(found.seconds) == 1
    assert found.mean("road_morf") < found.mean("road_lerf")
    assert -1 <= found.mean("randomisation_similarity") < 0.9


def test_scores_are_shares_of_the_way_or_probabilities(classifier, cases):
    share, probable = (
        judged(Judge(classifier, steps=1, score=score), cases, "edges")
        for score in ("share", "probability")
    )
    # In one step a curve is a line from one end to the other.
    assert share.mean("insertion") == pytest.approx(0.5, abs=1e-5)
    assert share.mean("deletion") == pytest.approx(0.5, abs=1e-5)
    assert 0.45 < probable.mean("insertion") < 0.51


def test_standard_errors_are_over_pictures():
    lone = Results({"m": [[1.0], [3.0], [8.0]]})
    assert lone.mean("m") == 4
    assert lone.standard_error("m") == pytest.approx(np.std([1, 3, 8], ddof=1) / 3**0.5)
    # Targets that say the same twice are no further evidence.
    twice = Results({"m": [[1.0, 1.0], [3.0, 3.0], [8.0, 8.0]]})
    assert twice.standard_error("m") == pytest.approx(lone.standard_error("m"))
    assert np.isnan(Results({"m": [[1.0, 2.0]]}).standard_error("m"))

"""Methods judged on drawn scenes, where it is known which pixels show which animal.

Each animal of a scene that the classifier finds is a target, and its own mask the truth; the other
animals count as background. Controls that know no model are judged in the same way, so that it
shows what a method adds to them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ascribe.errors import InputError
from ascribe.explaining import explain
from ascribe.explanation import Explanation
from ascribe.metrics.curves import blurred
from ascribe.metrics.judging import judge
from ascribe.metrics.randomisation import randomisation_similarity
from ascribe.metrics.sensitivity import sensitivity_max
from ascribe.models import ImageClassifier
from ascribe.scenes import Scene, draw_scene, sample_scenes

#: What every method is judged by.
ALWAYS = (
    "pointing_game",
    "relevance_mass_accuracy",
    "relevance_rank_accuracy",
    "insertion",
    "deletion",
    "sparseness",
)

#: What takes its time, by the name under which it is asked for.
EXTRAS = {
    "road": ("road_morf", "road_lerf"),
    "sensitivity": ("sensitivity_max",),
    "randomisation": ("randomisation_similarity",),
}

#: From what probability on an animal counts as found.
FOUND = 0.5

#: The blur that insertion starts from and deletion ends with, in pixels.
BLUR = 10.0

#: How many perturbations of each picture the sensitivity is the largest of.
PERTURBATIONS = 4

#: What sets drawn scenes apart from those that the classifier was trained and tested on.
STREAM = 20_26


@dataclass(frozen=True)
class Case:
    """A picture, the animals that the classifier finds in it, and where they are.

    Attributes
    ----------
    inputs
        ``(1, 3, height, width)``.
    targets
        The categories.
    masks
        Each target's own: ``(targets, 1, height, width)``.
    """

    inputs: Tensor
    targets: list[int]
    masks: Tensor


@dataclass
class Results:
    """What a method was found to be, picture by picture.

    Attributes
    ----------
    numbers
        By metric, for each picture a number for each target.
    seconds
        Of each explanation of a picture with all its targets.
    """

    numbers: dict[str, list[list[float]]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)

    def mean(self, metric: str) -> float:
        """Return the mean over all targets."""
        return float(np.mean(np.concatenate(self.numbers[metric])))

    def standard_error(self, metric: str) -> float:
        """Return the standard error of the mean; NaN for fewer than two pictures.

        The targets of one picture are not independent of one another: pictures are.
        """
        groups, mean = self.numbers[metric], self.mean(metric)
        if len(groups) < 2:
            return math.nan
        sums = [float(np.sum(np.subtract(group, mean))) for group in groups]
        share = len(groups) / (len(groups) - 1)
        return math.sqrt(share * float(np.square(sums).sum())) / sum(map(len, groups))


def scenes_of(count: int, seed: int) -> Iterator[Scene]:
    """Yield so many scenes: the samples, and then drawn ones."""
    samples = list(sample_scenes().values())
    yield from samples[:count]
    for number in range(count - len(samples)):
        yield draw_scene(np.random.default_rng([STREAM, seed, number]))


def cases_of(classifier: ImageClassifier, count: int, seed: int) -> tuple[list[Case], int]:
    """Return a case for each scene, and how many animals the classifier does not find in them."""
    cases, missed = [], 0
    for scene in scenes_of(count, seed):
        inputs = classifier.read(scene.image)
        probabilities = classifier.predict(inputs)[0]
        targets = {animal: classifier.target(animal) for animal in scene.animals}
        found = [a for a in scene.animals if float(probabilities[targets[a]]) >= FOUND]
        missed += len(scene.animals) - len(found)
        if found:
            masks = torch.from_numpy(np.stack([scene.masks[animal] for animal in found]))
            cases.append(Case(inputs, [targets[a] for a in found], masks[:, None]))
    if not cases:
        raise InputError("the classifier finds no animal in these scenes; take more of them")
    return cases, missed


def edges(case: Case, generator: torch.Generator) -> Tensor:
    """Return how far pixels are from the blurred picture: ``(height, width)``."""
    difference = case.inputs - blurred(case.inputs, 2.0)
    return difference[0].abs().sum(0)


#: Maps that know no model, ``(height, width)`` for all targets or ``(targets, height, width)``.
CONTROLS: dict[str, Callable[[Case, torch.Generator], Tensor]] = {
    "the mask itself": lambda case, generator: case.masks[:, 0].float(),
    "edges": edges,
    "random": lambda case, generator: torch.rand(case.masks.shape[2:], generator=generator),
    "uniform": lambda case, generator: torch.ones(case.masks.shape[2:]),
}


def control(name: str, case: Case, number: int, seed: int) -> Explanation:
    """Return a control's explanation of the case of that number."""
    drawn = np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)
    values = CONTROLS[name](case, torch.Generator().manual_seed(int(drawn[0])))
    whole = values.expand(len(case.targets), *values.shape[-2:])[:, None, None]
    return Explanation(whole, case.inputs, case.targets, torch.zeros(len(whole), 1), name)


@dataclass(frozen=True)
class Judge:
    """How explanations of a classifier are judged.

    Attributes
    ----------
    classifier
        The classifier.
    extras
        Of `EXTRAS`, what is asked for beside `ALWAYS`.
    steps
        Of insertion and deletion.
    score
        ``share``: the model's raw score, as a share of the way from the blurred picture, 0, to the
        picture, 1; or ``probability``.
    seed
        Of random weights.
    """

    classifier: ImageClassifier
    extras: tuple[str, ...] = ()
    steps: int = 32
    score: str = "share"
    seed: int = 0

    @property
    def metrics(self) -> list[str]:
        """The names of all that is judged."""
        return [*ALWAYS, *(name for extra in self.extras for name in EXTRAS[extra])]

    def method(self, case: Case, cls: type, parameters: Mapping[str, Any], into: Results) -> None:
        """Explain a case by a method, and add what it is found to be."""
        model, inputs, targets = self.classifier.model, case.inputs, case.targets

        def values(net: Any, x: Tensor, targets: list[int]) -> Tensor:
            return explain(net, x, cls, targets, parameters).values

        explanation = explain(model, inputs, cls, targets, parameters)
        into.seconds.append(explanation.seconds)
        self.judge(case, explanation, into)
        if "sensitivity" in self.extras:
            found = [
                sensitivity_max(
                    lambda x, target=target: values(model, x, [target])[0],
                    inputs,
                    n_perturb_samples=PERTURBATIONS,
                )
                for target in targets
            ]
            _add(into, "sensitivity_max", torch.stack(found))
        if "randomisation" in self.extras:
            alike = randomisation_similarity(
                model,  # type: ignore[arg-type] # checked there
                lambda net: values(net, inputs, targets),
                several_targets=True,
                seed=self.seed,
            )
            _add(into, "randomisation_similarity", alike)

    def judge(self, case: Case, explanation: Explanation, into: Results) -> None:
        """Add what an explanation is found to be, but for what calls the method again."""
        share, model = self.score == "share", self.classifier.model
        names = [*ALWAYS, *(EXTRAS["road"] if "road" in self.extras else ())]
        blur = blurred(case.inputs, BLUR)

        def probabilities(inputs: Tensor) -> Tensor:
            return self.classifier.probabilities(model(inputs))

        found = judge(
            explanation,
            case.masks,
            model if share else probabilities,
            metrics=names,
            inputs=case.inputs,
            baselines=blur,
            steps=self.steps,
        )
        with torch.no_grad():
            ends = [model(inputs)[0, case.targets] for inputs in (blur, case.inputs)]
        for name, numbers in found.items():
            of_score = share and name not in _OF_MAPS
            told = (numbers - ends[0][:, None]) / (ends[1] - ends[0])[:, None]
            _add(into, name, told if of_score else numbers)


#: What is not in units of the score.
_OF_MAPS = {*ALWAYS} - {"insertion", "deletion"}


def _add(into: Results, name: str, numbers: Tensor) -> None:
    into.numbers.setdefault(name, []).append(numbers[:, 0].double().tolist())

"""Drawn scenes of animals with exact masks, and a small classifier that knows them.

Everything that shows or checks an attribution needs a model, a picture and the truth
about where the evidence lies. This package holds all three and works offline:
`load_classifier` gives a network with one logit per animal of `CATEGORIES`,
`sample_scene` a picture that ships with the package, and `draw_scene` as many new ones
as wanted, each with the mask of every animal in it.
"""

from ascribe.scenes.animals import CATEGORIES, draw_animal
from ascribe.scenes.classifier import SceneClassifier, load_classifier
from ascribe.scenes.samples import sample_scene, sample_scenes
from ascribe.scenes.scene import Scene, draw_scene

__all__ = [
    "CATEGORIES",
    "Scene",
    "SceneClassifier",
    "draw_animal",
    "draw_scene",
    "load_classifier",
    "sample_scene",
    "sample_scenes",
]

"""``ascribe demo``: the whole way on the embedded model, offline, in seconds."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from ascribe.cli.explain import PICTURES, check_writable, write_drawing
from ascribe.explaining import explain as explain_inputs
from ascribe.explanation import Explanation

#: Grey windows of an eighth of the picture's side, in steps small enough for a smooth map.
WINDOWS: dict[str, Any] = {
    "sliding_window_shapes": (3, 16, 16),
    "strides": (3, 4, 4),
    "baselines": 0.5,
}


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default="ascribe_demo.png",
    show_default=True,
    metavar="FILE",
    help="The picture to write.",
)
def demo(output: Path) -> None:
    """Explain why the embedded classifier sees a dog and a cat in a drawn scene."""
    from ascribe import models, scenes  # late: they read weights and pictures

    check_writable(output, PICTURES)
    scene = scenes.sample_scene("dog_and_cat")
    classifier = models.load_classifier()
    inputs = classifier.read(scene.image)
    animals = ["dog", "cat"]
    targets = [classifier.target(animal) for animal in animals]
    explanation = explain_inputs(classifier.model, inputs, "occlusion", targets, WINDOWS)
    explanation = dataclasses.replace(explanation, labels=animals)
    write_drawing(explanation.figure("heat_map", show_colorbar=True), output)
    probabilities = classifier.predict(inputs)[0]
    for row, animal in enumerate(animals):
        share = share_inside(explanation, row, scene.masks[animal])
        click.echo(
            f"{animal}: score {float(explanation.scores[row, 0]):.2f} "
            f"(probability {float(probabilities[targets[row]]):.3f}); "
            f"{share:.0%} of the positive attribution lies on the {animal}, "
            f"which covers {scene.masks[animal].mean():.0%} of the picture"
        )
    click.echo(f"Occlusion of both took {explanation.seconds:.1f} s; wrote {output}")


def share_inside(explanation: Explanation, target: int, mask: Any) -> float:
    """Return the share of a target's positive attribution that lies in a mask."""
    positive = explanation.values[target, 0].sum(0).clamp(min=0).numpy()
    return float(positive[mask].sum() / positive.sum())

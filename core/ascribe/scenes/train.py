"""Train the classifier that ships: ``python -m ascribe.scenes.train``.

One seed gives the same weights on one machine with one number of threads.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ascribe.scenes.classifier import SceneClassifier
from ascribe.scenes.training_data import EMPTY_SHARE, augment, draw_dataset

PACKAGED = Path(__file__).with_name("classifier.npz")

BATCH = 64
PEAK_RATE = 6e-3
WEIGHT_DECAY = 1e-2

HELD_OUT_SEED = 1_000_000
"""Added to the seed for the scenes that measure accuracy."""


def main(arguments: list[str] | None = None) -> None:
    """Draw scenes, train, measure on held-out scenes, write the weights."""
    options = _options(arguments)
    torch.set_num_threads(options.workers)
    training = draw_dataset(options.seed, options.scenes, EMPTY_SHARE, options.workers)
    classifier = train(*training, epochs=options.epochs, seed=options.seed)
    held_out = draw_dataset(options.seed + HELD_OUT_SEED, options.held_out, 0.0, options.workers)
    decisions, whole = accuracy(classifier, *held_out)
    print(f"held-out scenes: {decisions:.2%} of decisions right, {whole:.2%} of scenes all right")
    write(classifier, options.out)


def train(pixels: Tensor, labels: Tensor, *, epochs: int, seed: int) -> SceneClassifier:
    """Train a classifier on scenes.

    Parameters
    ----------
    pixels : Tensor
        Scenes as uint8, shape (count, 3, height, width).
    labels : Tensor
        1 where an animal is in the scene, float32, shape (count, 6).
    epochs : int
        Passes over the scenes.
    seed : int
        Seed of the first weights, of the order and of the augmentation.

    Returns
    -------
    SceneClassifier
        In evaluation mode.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = SceneClassifier()
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(classifier.parameters(), lr=PEAK_RATE, weight_decay=WEIGHT_DECAY)
    steps = epochs * len(_batches(pixels))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK_RATE, total_steps=steps)
    for epoch in range(epochs):
        losses = []
        for batch in _batches(torch.randperm(len(pixels), generator=generator)):
            pictures = augment(pixels[batch] / 255, generator)
            loss = nn.functional.binary_cross_entropy_with_logits(
                classifier(pictures), labels[batch]
            )
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        print(f"epoch {epoch + 1}: loss {np.mean(losses):.4f}", flush=True)
    return classifier.eval()


@torch.no_grad()
def accuracy(classifier: SceneClassifier, pixels: Tensor, labels: Tensor) -> tuple[float, float]:
    """How often the classifier is right.

    Parameters
    ----------
    classifier : SceneClassifier
        In evaluation mode.
    pixels : Tensor
        Scenes as uint8, shape (count, 3, height, width).
    labels : Tensor
        1 where an animal is in the scene, float32, shape (count, 6).

    Returns
    -------
    decisions : float
        Share of (scene, animal) pairs told rightly.
    whole : float
        Share of scenes whose every animal is told rightly.
    """
    logits = torch.cat([classifier(batch / 255) for batch in _batches(pixels)])
    right = (logits > 0) == (labels > 0.5)
    return right.float().mean().item(), right.all(1).float().mean().item()


def _batches(examples: Tensor) -> tuple[Tensor, ...]:
    return tuple(examples.chunk(-(-len(examples) // BATCH)))


def write(classifier: SceneClassifier, path: Path) -> None:
    """Write the weights as an npz file of float32 arrays."""
    arrays = {name: tensor.numpy() for name, tensor in classifier.state_dict().items()}
    np.savez_compressed(path, **arrays)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scenes", type=int, default=12_000, help="scenes to train on")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--held-out", type=int, default=2_000, help="scenes to measure on")
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--out", type=Path, default=PACKAGED)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()

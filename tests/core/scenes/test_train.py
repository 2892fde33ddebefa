"""Training is reproducible and leaves the global random state alone."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from ascribe.scenes.classifier import read_classifier
from ascribe.scenes.train import main
from ascribe.scenes.training_data import augment, draw_dataset


@pytest.fixture(autouse=True)
def _same_threads_afterwards() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def trained(path: Path, seed: int) -> dict[str, np.ndarray]:
    tiny = ["--scenes", "70", "--epochs", "2", "--held-out", "4", "--workers", "1"]
    main([*tiny, "--seed", str(seed), "--out", str(path)])
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def test_same_seed_trains_the_same_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = torch.get_rng_state()
    first, again = trained(tmp_path / "first.npz", 1), trained(tmp_path / "again.npz", 1)
    assert torch.equal(torch.get_rng_state(), state)
    assert "of scenes all right" in capsys.readouterr().out
    for name, weights in first.items():
        np.testing.assert_array_equal(weights, again[name])
    with (tmp_path / "first.npz").open("rb") as file:
        assert not read_classifier(file).training


def test_workers_do_not_change_the_scenes() -> None:
    """Scenes have generators of their own; two chunks go to two processes."""
    alone, shared = (draw_dataset(2, 60, 0.2, workers) for workers in (1, 2))
    assert torch.equal(alone[0], shared[0])
    assert torch.equal(alone[1], shared[1])
    assert (alone[1].sum(1) == 0).any()


def test_augmentation_keeps_the_range_and_follows_its_generator() -> None:
    pixels = torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    first, again = (augment(pixels, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, again)
    assert first.min() >= 0
    assert first.max() <= 1

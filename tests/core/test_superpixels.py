import pytest
import torch

from ascribe import InputError, superpixels


@pytest.mark.parametrize(("sides", "cells"), [((8, 8), 4), ((7, 5), 3), ((3, 9), 20), ((5,), 2)])
def test_a_grid_covers_all_and_numbers_cells_from_zero(sides, cells):
    mask = superpixels.grid(torch.zeros(2, 3, *sides), cells)
    assert mask.shape == (1, 1, *sides)
    numbers = mask.unique()
    assert numbers.tolist() == list(range(len(numbers)))
    assert len(numbers) <= cells ** len(sides)


def test_inputs_have_cells_of_their_own():
    first, second = superpixels.grid((torch.zeros(1, 1, 2, 2), torch.zeros(1, 3)), 1)
    assert first.unique().tolist() == [0]
    assert second.tolist() == [[1, 2, 3]]


def test_slic_follows_colours():
    pytest.importorskip("skimage")
    picture = torch.zeros(1, 3, 40, 40)
    picture[:, 0, :, 23:] = 5
    mask = superpixels.slic(picture, 8)
    assert mask.shape == (1, 1, 40, 40)
    assert not set(mask[..., :22].unique().tolist()) & set(mask[..., 24:].unique().tolist())


def test_about_so_many_regions_are_made(shared, dog_and_cat):
    pytest.importorskip("skimage")
    assert abs(len(superpixels.slic(dog_and_cat, 50).unique()) - 50) <= 5


def test_without_scikit_image_there_is_a_grid_and_an_error_that_says_what_to_do(monkeypatch):
    monkeypatch.setattr(superpixels, "has_slic", lambda: False)
    picture = torch.zeros(1, 3, 14, 14)
    assert len(superpixels.regions(picture, 49).unique()) == 49
    with pytest.raises(InputError, match="scikit-image"):
        superpixels.slic(picture)


@pytest.mark.parametrize("picture", [torch.zeros(1, 4), torch.zeros(1, 3, 4, 4).long()])
def test_slic_refuses_what_is_no_picture(picture):
    pytest.importorskip("skimage")
    with pytest.raises(InputError, match="SLIC"):
        superpixels.slic(picture)

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ascribe.batching import Chunk
from ascribe.errors import InputError
from ascribe.inputs import Inputs
from ascribe.windows import Windows


def brute_force(sides, shape, strides):
    """Every window as the definition has it, one by one."""
    starts = []
    for side, size, step in zip(sides, shape, strides, strict=True):
        along, start = [0], 0
        while start + size < side:
            start += step
            along.append(start)
        starts.append(along)
    for corner in itertools.product(*starts):
        mask = torch.zeros(sides, dtype=torch.bool)
        mask[tuple(slice(c, c + size) for c, size in zip(corner, shape, strict=True))] = True
        yield mask


@st.composite
def geometry(draw):
    sides = tuple(draw(st.lists(st.integers(1, 7), min_size=1, max_size=3)))
    shape = tuple(draw(st.integers(1, side)) for side in sides)
    return sides, shape, tuple(draw(st.integers(1, size)) for size in shape)


@given(geometry())
def test_windows_are_those_of_the_definition(geometry):
    sides, shape, strides = geometry
    windows = Windows(Inputs.of(torch.zeros(2, *sides)), shape, strides)
    expected = list(brute_force(*geometry))
    assert len(windows) == len(expected)
    (masks,) = windows.masks(Chunk(slice(0, len(windows)), slice(0, 2)))
    assert torch.equal(masks.expand(-1, 1, *sides)[:, 0], torch.stack(expected))
    assert torch.stack(expected).any(0).all()  # strides within windows leave no gaps


@given(geometry(), st.integers(0, 100))
def test_each_element_gets_the_mean_over_the_windows_that_cover_it(geometry, seed):
    sides, shape, strides = geometry
    windows = Windows(Inputs.of(torch.zeros(3, *sides)), shape, strides)
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(2, len(windows), 3, generator=generator, dtype=torch.float64)
    masks = torch.stack(list(brute_force(*geometry))).double()
    expected = torch.tensordot(values, masks, dims=([1], [0])) / masks.sum(0)
    torch.testing.assert_close(windows.spread(values)[0], expected)


def test_windows_of_several_inputs_change_one_input_at_a_time():
    inputs = Inputs.of((torch.zeros(1, 4), torch.zeros(1, 2, 3)))
    windows = Windows(inputs, ((2,), (1, 2)), (2, (1, 1)))
    assert len(windows) == 2 + 4
    first, second = windows.masks(Chunk(slice(1, 4), slice(0, 1)))
    assert first[:, 0].tolist() == [[False, False, True, True], [False] * 4, [False] * 4]
    assert second.expand(3, 1, 2, 3)[:, 0].sum((1, 2)).tolist() == [0, 2, 2]
    assert windows.masks(Chunk(slice(2, 6), slice(0, 1)))[0] is None
    assert windows.masks(Chunk(slice(0, 2), slice(0, 1)))[1] is None


@pytest.mark.parametrize(
    ("sides", "shape", "strides"),
    [
        ((3, 224, 224), (3, 45, 45), (1, 9, 9)),
        ((9,), (2,), (1,)),
        ((2, 10), (2, 2), (1, 1)),
        ((1,), (1,), (1,)),
    ],
)
def test_default_windows_are_a_fifth_of_each_side_and_all_channels(sides, shape, strides):
    default = Windows(Inputs.of(torch.zeros(1, *sides)))
    assert default.boxes == Windows(Inputs.of(torch.zeros(1, *sides)), shape, strides).boxes


def test_strides_default_to_one_and_an_int_serves_all_dimensions():
    inputs = Inputs.of(torch.zeros(1, 4, 5))
    assert len(Windows(inputs, (2, 2))) == 3 * 4
    assert Windows(inputs, (2, 2), 2).boxes == Windows(inputs, ((2, 2),), ((2, 2),)).boxes


@pytest.mark.parametrize(
    ("shape", "strides", "message"),
    [
        ((3, 2, 2), (1, 3, 1), r"strides \(1, 3, 1\) .* larger than its window \(3, 2, 2\)"),
        ((3, 2, 2), 3, "larger than its window"),
        ((3, 9, 2), None, r"window \(3, 9, 2\) .* larger than the input's \(3, 8, 8\)"),
        ((2, 2), None, "3 positive integers"),
        ((3, 0, 2), None, "3 positive integers"),
        ((3, 2.0, 2), None, "3 positive integers"),
        (2, None, "3 positive integers"),
        ((3, 2, 2), (1, 1), "3 positive integers"),
        ((3, 2, 2), 0, "3 positive integers"),
        ((3, 2, 2), "1", "3 positive integers"),
        (((3, 2, 2), (3, 2, 2)), None, "one entry for each of the 1 inputs"),
    ],
)
def test_windows_that_do_not_fit_say_so(shape, strides, message):
    with pytest.raises(InputError, match=message):
        Windows(Inputs.of(torch.zeros(1, 3, 8, 8)), shape, strides)

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import ascribe
from ascribe import InputError, Targets
from ascribe.attr import FeatureAblation, Occlusion


def replica(model, x, baseline, target, shape, strides):
    """One window at a time, as the definition has it."""
    total, count = torch.zeros_like(x), torch.zeros(x.shape[1:], dtype=x.dtype)
    starts = []
    for side, size, step in zip(x.shape[1:], shape, strides, strict=True):
        starts.append([0])
        while starts[-1][-1] + size < side:
            starts[-1].append(starts[-1][-1] + step)
    clean = model(x.clone())[:, target]
    for corner in itertools.product(*starts):
        window = tuple(slice(c, c + size) for c, size in zip(corner, shape, strict=True))
        hidden = x.clone()
        hidden[(slice(None), *window)] = baseline.expand_as(x)[(slice(None), *window)]
        fall = clean - model(hidden)[:, target]
        total[(slice(None), *window)] += fall.reshape(-1, *[1] * len(shape))
        count[window] += 1
    return total / count


def test_is_the_definition_window_by_window(case):
    model, x = case
    shape = (3, 4, 3) if x.dim() == 4 else (4,)
    strides = (1, 3, 2) if x.dim() == 4 else (3,)
    baseline = torch.randn(1, *x.shape[1:], dtype=torch.float64)
    with torch.no_grad():
        expected = replica(model, x, baseline, 3, shape, strides)
    found = Occlusion(model).attribute(x, shape, strides, baseline, target=3)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


@given(st.integers(0, 1000), st.integers(1, 8), st.data())
def test_on_a_linear_score_each_element_gets_the_mean_of_its_windows(seed, side, data):
    size = data.draw(st.integers(1, side))
    step = data.draw(st.integers(1, size))
    generator = torch.Generator().manual_seed(seed)
    x, b, w = torch.randn(3, 2, side, generator=generator, dtype=torch.float64)
    shares = w[0] * (x - b)
    found = Occlusion(lambda x: (w[0] * x).sum(1)).attribute(x, (size,), step, b)
    starts = range(0, step * -(-(side - size) // step) + 1, step)
    for place in range(side):
        covering = [shares[:, s : s + size].sum(1) for s in starts if s <= place < s + size]
        torch.testing.assert_close(found[:, place], torch.stack(covering).mean(0))


def test_a_window_of_one_is_feature_ablation(case):
    model, x = case
    window = (1,) * (x.dim() - 1)
    found = Occlusion(model).attribute(x, window, baselines=0.5, target=1)
    torch.testing.assert_close(found, FeatureAblation(model).attribute(x, 0.5, target=1))


@pytest.mark.parametrize("per_eval", [None, 1, 3, 1000])
def test_how_work_is_cut_changes_nothing(case, per_eval):
    model, x = case
    window = (2,) * (x.dim() - 1)
    expected = Occlusion(model).attribute(x, window, target=[0, 1, 2], perturbations_per_eval=2)
    found = Occlusion(model).attribute(x, window, target=[0, 1, 2], perturbations_per_eval=per_eval)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-14)


def test_windows_of_several_inputs_slide_one_input_at_a_time():
    def model(x, y):
        return x.sum(1) * y.sum((1, 2))

    x, y = torch.tensor([[1.0, 2.0, 3.0]]), torch.ones(1, 2, 2)
    found = Occlusion(model).attribute((x, y), ((2,), (1, 2)), (1, 1), (0, 0))
    assert found[0].tolist() == [[12, 16, 20]]
    assert found[1].tolist() == [[[12, 12], [12, 12]]]


def test_several_targets_share_every_window(case):
    model, x = case
    window = (2,) * (x.dim() - 1)
    together = Occlusion(model).attribute(x, window, target=Targets([3, [0, 1, 2]]))
    for row, target in enumerate([3, [0, 1, 2]]):
        alone = Occlusion(model).attribute(x, window, target=target)
        torch.testing.assert_close(together[row], alone)


def test_dtype_and_form_follow_the_input():
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        x = {"x": torch.ones(1, 4, dtype=dtype)}
        found = Occlusion(lambda x: x.sum(1)).attribute(x, (2,))["x"]
        assert found.dtype == dtype
        assert found.tolist() == [[2, 2, 2, 2]]


def test_a_nan_stays_within_the_windows_that_hold_it():
    b = torch.zeros(1, 6)
    b[0, 5] = float("nan")
    found = Occlusion(lambda x: x.sum(1)).attribute(torch.ones(1, 6), (2,), 2, b)
    assert found.isnan().tolist() == [[False, False, False, False, True, True]]


def test_an_empty_batch_gives_an_empty_result(linear):
    found = Occlusion(linear).attribute(torch.zeros(0, 6).double(), (2,), target=1)
    assert found.shape == (0, 6)


def test_bad_windows_are_refused_before_the_model_runs():
    def model(x):
        raise AssertionError("was called")

    with pytest.raises(InputError, match="larger than its window"):
        Occlusion(model).attribute(torch.ones(1, 6), (2,), 3)


def test_finds_the_dog_and_the_cat_in_a_real_photograph(real_classifier, dog_and_cat):
    """The bull mastiff is above, the tiger cat below it to the right."""
    explanation = ascribe.explain(
        real_classifier.model,
        dog_and_cat,
        "occlusion",
        target=[243, 282],
        sliding_window_shapes=(3, 45, 45),
        strides=(3, 9, 9),
    )
    dog, cat = (values[0].sum(0) for values in explanation.values)
    peak = {name: divmod(int(m.argmax()), 224) for name, m in (("dog", dog), ("cat", cat))}
    assert peak["dog"][0] <= 110, peak
    assert 75 <= peak["dog"][1] <= 150, peak
    assert peak["cat"][0] >= 115, peak
    assert 60 <= peak["cat"][1] <= 200, peak
    assert float(dog[:112].clamp(min=0).sum() / dog.clamp(min=0).sum()) > 0.7
    assert float(cat[112:].clamp(min=0).sum() / cat.clamp(min=0).sum()) > 0.7

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ascribe import InputError, Targets
from ascribe.attr import IntegratedGradients
from ascribe.metrics import blurred, deletion, insertion, removal_curve

weights = st.lists(st.floats(0, 10), min_size=1, max_size=6)


def additive(weight):
    return lambda x: (x * weight).sum(1)


@given(weights)
@settings(max_examples=40)
def test_deletion_of_an_additive_model_is_that_of_the_sorted_parts(parts):
    parts = torch.tensor([parts], dtype=torch.float64)
    count = parts.shape[1]
    found = removal_curve("deletion", additive(parts), torch.ones_like(parts), parts, steps=count)
    left = parts.sort(1, descending=True).values.flip(1).cumsum(1).flip(1)[0]
    expected = torch.cat([left, left.new_zeros(1)])
    torch.testing.assert_close(found.scores[0], expected)
    # The k-th largest part is there for k steps less a half.
    steps = torch.arange(count).double() + 0.5
    area = (parts.sort(1, descending=True).values * steps / count).sum(1)
    torch.testing.assert_close(found.area, area)


@given(st.lists(st.floats(0, 10), min_size=2, max_size=4))
@settings(max_examples=25)
def test_no_order_is_better_than_the_true_one(parts):
    true = torch.tensor(parts, dtype=torch.float64)
    others = [torch.tensor(p).double() for p in itertools.permutations(range(len(parts)))]
    values = torch.stack([true, *others])
    inputs = torch.full_like(values, 3)
    removed = deletion(additive(true / 2), inputs, values, 1)
    assert bool((removed[0] <= removed + 1e-9).all())
    added = insertion(additive(true / 2), inputs, values, 1)
    assert bool((added[0] >= added - 1e-9).all())


def test_insertion_is_deletion_backwards(model, x):
    values = torch.randn_like(x)
    there = removal_curve("deletion", model, x, values, x + 1, target=1, steps=4)
    back = removal_curve("insertion", model, x, -values, x + 1, target=1, steps=4)
    torch.testing.assert_close(there.scores, back.scores.flip(-1))
    assert there.fractions.tolist() == [0, 0.25, 0.5, 0.75, 1]


def test_curves_go_from_inputs_to_baselines(model, x):
    curve = removal_curve("deletion", model, x, x, 0.5, target=2, steps=3)
    with torch.no_grad():
        torch.testing.assert_close(curve.scores[:, 0], model(x)[:, 2])
        torch.testing.assert_close(curve.scores[:, -1], model(torch.full_like(x, 0.5))[:, 2])


def test_is_what_a_loop_finds(model, x):
    values = IntegratedGradients(model).attribute(x, target=1)
    found = deletion(model, x, values, 0, 1, steps=4)
    for row in range(3):
        left, scores = x[row : row + 1].clone(), []
        for place in (None, *values[row].argsort(descending=True).tolist()):
            if place is not None:
                left[0, place] = 0
            with torch.no_grad():
                scores.append(model(left)[0, 1])
        area = sum((a + b) / 2 for a, b in itertools.pairwise(scores)) / 4
        torch.testing.assert_close(found[row], area)


def test_targets_have_orders_of_their_own(model, x):
    values = torch.randn(2, 3, 4).double()
    found = deletion(model, x, values, target=Targets([2, 0]), steps=2)
    assert found.shape == (2, 3)
    for row, target in enumerate((2, 0)):
        torch.testing.assert_close(found[row], deletion(model, x, values[row], 0, target, steps=2))


@pytest.mark.parametrize("each", [1, 2, 100])
def test_how_work_is_cut_changes_nothing(model, x, each):
    options = {"target": torch.tensor([2, 0, 1]), "steps": 3, "perturbations_per_eval": each}
    found = deletion(model, x, x, **options)
    torch.testing.assert_close(found, deletion(model, x, x, target=[2, 0, 1], steps=3))


def test_examples_do_not_depend_on_those_beside_them(model, x):
    values = torch.ones_like(x)  # nothing but ties
    together = insertion(model, x, values, target=0)
    for row in range(3):
        one = slice(row, row + 1)
        torch.testing.assert_close(insertion(model, x[one], values[one], target=0), together[one])


def test_ties_are_broken_by_the_seed_alone(model, x):
    before = torch.get_rng_state()
    one, same, other = (deletion(model, x, 0 * x, target=0, seed=s) for s in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_all_channels_of_a_place_go_together():
    pictures = torch.rand(1, 3, 2, 2).double()
    values = torch.zeros(1, 3, 2, 2).double()
    values[0, :, 0, 1] = torch.tensor([4.0, -1.0, -1.0])  # 2 in all
    values[0, 0, 1, 0] = 3

    def model(x):
        return x.flatten(1).sum(1)

    curve = removal_curve("deletion", model, pictures, values, steps=4)
    first, second = pictures[0, :, 1, 0].sum(), pictures[0, :, 0, 1].sum()
    falls = -curve.scores[0].diff()
    torch.testing.assert_close(falls[:2], torch.stack([first, second]))
    one = removal_curve("deletion", model, pictures, values.sum(1, keepdim=True), steps=4)
    torch.testing.assert_close(one.scores, curve.scores)


def test_several_inputs_share_one_order():
    one, two = torch.tensor([[1.0, 4.0]]).double(), torch.tensor([[3.0, 2.0]]).double()
    curve = removal_curve(
        "deletion", lambda a, b: a.sum(1) + b.sum(1), (one, two), (one, two), steps=4
    )
    assert curve.scores.tolist() == [[10, 6, 3, 1, 0]]


def test_the_target_chooses_raw_scores_or_probabilities(model, x):
    raw = removal_curve("deletion", model, x, x, target=1)
    probable = removal_curve("deletion", model, x, x, target=lambda out: out.softmax(-1)[:, 1])
    assert bool((probable.scores > 0).all())
    assert bool((probable.scores < 1).all())
    with torch.no_grad():
        torch.testing.assert_close(probable.scores[:, 0], model(x).softmax(-1)[:, 1])
    assert not torch.equal(raw.scores, probable.scores)


def test_the_model_is_left_as_it_is(x):
    net = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.5)).double().eval()
    state = {k: v.clone() for k, v in net.state_dict().items()}
    deletion(net, x, x, target=0)
    assert all(torch.equal(v, state[k]) for k, v in net.state_dict().items())
    assert not net.training
    assert all(p.grad is None for p in net.parameters())


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (torch.zeros(3, 5), {}, r"must have the shape \(3, 4\) of the inputs"),
        (torch.zeros(2, 4), {}, r"must have the shape \(3, 4\) of the inputs"),
        (torch.full((3, 4), torch.nan), {}, "only finite attributions"),
        (torch.zeros(3, 4), {"steps": 0}, "steps must be"),
        (torch.zeros(3, 4), {"sign": "none"}, "sign must be one of"),
        (torch.zeros(3, 4), {"baselines": torch.zeros(7)}, "baseline 0"),
    ],
)
def test_what_does_not_fit_is_refused(model, x, values, options, message):
    with pytest.raises(InputError, match=message):
        deletion(model, x, values, target=0, **options)


def test_other_misuse_is_refused(model, x):
    with pytest.raises(InputError, match="a score for each example"):
        deletion(lambda x: x.sum(), x, x)
    with pytest.raises(InputError, match="order must be one of"):
        removal_curve("removal", model, x, x)


def test_blur_is_the_convolution_with_a_gaussian():
    pictures = torch.zeros(1, 1, 41, 41).double()
    pictures[0, 0, 20, 20] = 1
    found = blurred(pictures, 2.0)[0, 0]
    row = torch.exp(-0.5 * (torch.arange(-6, 7).double() / 2) ** 2)
    row = row / row.sum()
    torch.testing.assert_close(found[14:27, 14:27], row[:, None] * row, rtol=1e-12, atol=1e-15)
    assert float(found.sum()) == pytest.approx(1)


@pytest.mark.parametrize("shape", [(2, 3, 9), (2, 3, 9, 5), (1, 2, 5, 4, 3)])
def test_blur_keeps_what_is_constant(shape):
    pictures = torch.full(shape, 0.7)
    torch.testing.assert_close(blurred(pictures, 3), pictures)
    half = blurred(pictures.half(), 3)
    assert half.dtype == torch.float16


@pytest.mark.parametrize(
    ("inputs", "sigma", "message"),
    [
        (torch.zeros(2, 4), 1, "a blur needs"),
        (torch.zeros(2, 3, 4, 4).long(), 1, "a blur needs"),
        (torch.zeros(2, 3, 4, 4), 0, "sigma must be"),
        (torch.zeros(2, 3, 4, 4), "x", "sigma must be"),
    ],
)
def test_blur_refuses_what_has_no_sides(inputs, sigma, message):
    with pytest.raises(InputError, match=message):
        blurred(inputs, sigma)


def test_an_empty_batch_has_no_area(model, x):
    assert deletion(model, x[:0], x[:0], target=0).shape == (0,)
    assert insertion(model, x[:0], x[:0].expand(2, 0, 4), target=Targets([0, 1])).shape == (2, 0)

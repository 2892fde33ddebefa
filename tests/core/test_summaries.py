"""Statistics of streams against torch's own, whatever the numbers; forms, labels and copies."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ascribe import InputError
from ascribe.stats import (
    MSE,
    CommonStats,
    Count,
    Max,
    Mean,
    Min,
    Stat,
    StdDev,
    Sum,
    Var,
)
from ascribe.summaries import ClassSummarizer, Summarizer

EVERYTHING = [
    Count(),
    Mean(),
    MSE(),
    Var(),
    Var(order=1),
    StdDev(),
    StdDev(order=1),
    Min(),
    Max(),
    Sum(),
]

EPSILON = torch.finfo(torch.float64).eps


def summary_of(stream, stats=EVERYTHING):
    summarizer = Summarizer(stats)
    for x in stream:
        summarizer.update(x)
    return summarizer.summary


@given(
    st.integers(2, 40),
    st.sampled_from([(), (1,), (3,), (2, 3)]),
    st.sampled_from([0.0, 1e3, -1e9]),
    st.floats(1e-3, 1e3),
    st.integers(0, 2**20),
)
def test_statistics_are_those_of_torch_on_the_whole_stream(count, shape, offset, scale, seed):
    generator = torch.Generator().manual_seed(seed)
    stream = torch.randn(count, *shape, generator=generator, dtype=torch.float64) * scale + offset
    found = summary_of(stream)
    size = count * float(stream.abs().max())
    assert found["count"] == count
    close = {"rtol": 1e-12, "atol": EPSILON * size}
    torch.testing.assert_close(found["mean"], stream.mean(0), **close)
    torch.testing.assert_close(found["sum"], stream.sum(0), **close)
    assert torch.equal(found["min"], stream.amin(0))
    assert torch.equal(found["max"], stream.amax(0))
    # Deviations are rounded as the values are, and enter twice.
    spread = float(stream.sub(stream.mean(0)).abs().max())
    close = {"rtol": 1e-11, "atol": 4 * EPSILON * size * spread}
    squares = (stream - stream.mean(0)).square().sum(0)
    torch.testing.assert_close(found["mse"], squares, **close)
    torch.testing.assert_close(found["variance"], stream.var(0, correction=0), **close)
    torch.testing.assert_close(found["sample_variance"], stream.var(0), **close)
    for variance, deviation in (("variance", "std_dev"), ("sample_variance", "sample_std_dev")):
        assert torch.equal(found[variance].sqrt(), found[deviation])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.int64])
def test_narrow_tensors_are_summed_in_double_precision(dtype):
    stream = (torch.randn(2000, 3, dtype=torch.float64) + 60_000).to(dtype)
    found, wide = summary_of(stream), stream.double()
    assert found["mean"].dtype == found["variance"].dtype == torch.float64
    torch.testing.assert_close(found["mean"], wide.mean(0), rtol=1e-13, atol=0)
    torch.testing.assert_close(found["variance"], wide.var(0, correction=0), rtol=1e-10, atol=1e-12)
    assert torch.equal(found["sum"], (wide if dtype.is_floating_point else stream).sum(0))
    assert found["min"].dtype == dtype


def test_a_large_offset_costs_the_variance_no_digits():
    noise = torch.randn(500, 4, dtype=torch.float64)
    found = summary_of(noise + 2.0**40)["variance"]
    exact = (noise + 2.0**40 - 2.0**40).var(0, correction=0)
    torch.testing.assert_close(found, exact, rtol=1e-12, atol=0)


def test_with_too_few_observations_the_variance_is_undefined_and_not_zero():
    found = summary_of([torch.ones(2)], [Var(), Var(order=1), StdDev(order=1), StdDev(order=3)])
    assert found["variance"].tolist() == [0, 0]
    for name in ("sample_variance", "sample_std_dev", "std_dev(3)"):
        assert found[name].isnan().all()


def test_before_the_first_update_there_is_no_summary():
    assert Summarizer(CommonStats()).summary is None
    assert ClassSummarizer(CommonStats()).summary is None
    assert ClassSummarizer(CommonStats()).class_summaries == {}
    assert all(stat.get() is None for stat in EVERYTHING)


def test_the_summary_has_the_form_of_what_is_summarized():
    one, other = torch.ones(2), torch.zeros(3, 1)
    stats = [Mean(), Count()]
    assert summary_of([one], stats)["count"] == 1
    for pair in ((one, other), [one, other]):
        first, second = summary_of([pair, pair], stats)
        assert first["count"] == second["count"] == 2
        assert torch.equal(second["mean"], other.double())
    by_name = summary_of([{"a": one, "b": other}], stats)
    assert list(by_name) == ["a", "b"]
    assert torch.equal(by_name["a"]["mean"], one.double())
    assert summary_of([2.0, 4], stats)["mean"] == 3
    assert summary_of([one], []) == {}


def test_the_callers_tensors_and_graphs_are_neither_kept_nor_written_to():
    x = torch.ones(3, requires_grad=True)
    doubled = x * 2
    summarizer = Summarizer([*CommonStats(), Sum()])
    summarizer.update(doubled)
    with torch.no_grad():
        doubled.mul_(0).add_(7)
    assert summarizer.summary["max"].tolist() == [2, 2, 2]
    before = summarizer.summary
    summarizer.update(x)
    assert torch.equal(before["mean"], torch.full((3,), 2.0, dtype=torch.float64))
    assert all(not value.requires_grad for value in summarizer.summary.values())
    summarizer.summary["mean"].zero_()
    assert summarizer.summary["mean"].tolist() == [1.5, 1.5, 1.5]
    assert torch.equal(x, torch.ones(3))


def test_one_list_of_statistics_serves_several_summarizers():
    stats = CommonStats()
    for value in (1.0, 5.0):
        assert summary_of([torch.tensor(value)], stats)["mean"] == value
    assert stats[0].get() is None


def test_a_statistic_of_ones_own_may_keep_what_it_is_given():
    class Last(Stat):
        kept = None

        def update(self, x):
            self.kept = x

        def get(self):
            return self.kept

    summarizer = Summarizer([Last(), Mean()])
    for value in (1.0, 2.0):
        x = torch.full((2,), value)
        summarizer.update(x)
        x.zero_()
    assert summarizer.summary["last"].tolist() == [2, 2]
    assert summarizer.summary["mean"].tolist() == [1.5, 1.5]


def test_truth_counts_as_one():
    found = summary_of(torch.tensor([[True, False], [True, True]]), [Mean(), Sum(), Max()])
    assert found["mean"].tolist() == [1, 0.5]
    assert found["sum"].tolist() == [2, 1]


def test_a_statistic_alone_does_what_a_summary_does():
    stream = torch.randn(5, 2, dtype=torch.float64)
    for make in (Mean, StdDev, Sum, Min):
        stat = make()
        for x in stream:
            stat.update(x)
        assert torch.equal(stat.get(), summary_of(stream, [make("same")])["same"])


def test_nan_can_be_left_out_of_the_extremes():
    stream = torch.tensor([[1.0], [float("nan")], [3.0]])
    assert summary_of(stream, [Min()])["min"].isnan()
    assert summary_of(stream, [Min(min_fn=torch.fmin)])["min"] == 1
    assert summary_of(stream, [Max("top", torch.fmax)])["top"] == 3


@pytest.mark.parametrize(
    "other",
    [torch.ones(3), torch.ones(1, 2), (torch.ones(2),), {"x": torch.ones(2)}, 1.0],
    ids=["shape", "dimensions", "tuple", "dict", "number"],
)
def test_another_form_or_shape_is_refused_and_not_counted(other):
    summarizer = Summarizer([Count()])
    summarizer.update(torch.ones(2))
    with pytest.raises(InputError, match=r"one form and shape, \(2,\)"):
        summarizer.update(other)
    assert summarizer.summary == {"count": 1}


def test_a_tuple_of_another_length_is_refused():
    summarizer = Summarizer([Count()])
    summarizer.update((torch.ones(2), torch.ones(1)))
    with pytest.raises(InputError, match="one form and shape"):
        summarizer.update((torch.ones(2),))


@pytest.mark.parametrize("x", ["x", None, (), torch.ones(2, dtype=torch.complex64)], ids=repr)
def test_what_is_no_observation_is_refused(x):
    with pytest.raises(InputError, match="an observation must"):
        Summarizer(CommonStats()).update(x)


def test_statistics_must_be_statistics_of_different_names():
    with pytest.raises(InputError, match=r"such as Mean\(\)"):
        Summarizer([Mean])
    with pytest.raises(InputError, match="two are called mean"):
        Summarizer([Mean(), Count(), Mean()])
    assert set(summary_of([1.0], [Mean(), Mean("again")])) == {"mean", "again"}


@pytest.mark.parametrize("labels", [[0, 1, 0], torch.tensor([0, 1, 0])], ids=["list", "tensor"])
def test_each_class_has_its_own_summary_and_all_have_one(labels):
    x = torch.randn(3, 4, dtype=torch.float64)
    summarizer = ClassSummarizer([Mean(), Count()])
    summarizer.update(x, labels)
    summarizer.update(x[:2] + 1, 1)
    zero, one = x[[0, 2]], torch.cat([x[1:2], x[:2] + 1])
    assert list(summarizer.class_summaries) == [0, 1]
    for label, examples in ((0, zero), (1, one), (None, torch.cat([zero, one]))):
        of = summarizer.summary if label is None else summarizer.class_summaries[label]
        assert of["count"] == len(examples)
        torch.testing.assert_close(of["mean"], examples.mean(0), rtol=1e-14, atol=1e-15)


def test_labels_may_be_whatever_hashes():
    x = torch.ones(2, 3)
    for labels, classes in [
        ("cat", ["cat"]),
        ((1, 2), [(1, 2)]),
        ([(1, 2), (3, 4)], [(1, 2), (3, 4)]),
        (torch.tensor([[1, 2], [3, 4]]), [(1, 2), (3, 4)]),
        ([torch.tensor(5), "dog"], [5, "dog"]),
        (torch.tensor(3), [3]),
        ([7], [7]),
    ]:
        summarizer = ClassSummarizer([Count()])
        summarizer.update({"x": x}, labels)
        assert list(summarizer.class_summaries) == classes
        assert summarizer.summary == {"x": {"count": 2}}


def test_without_labels_all_of_it_is_one_observation_of_no_class():
    summarizer = ClassSummarizer([Count(), Mean()])
    summarizer.update(torch.ones(2, 3))
    assert summarizer.summary["mean"].shape == (2, 3)
    assert summarizer.class_summaries == {}


def test_labels_that_do_not_fit_are_refused():
    summarizer = ClassSummarizer([Count()])
    with pytest.raises(InputError, match="each of the 3 examples, but hold 2"):
        summarizer.update(torch.ones(3, 2), [0, 1])
    with pytest.raises(InputError, match="one batch size"):
        summarizer.update((torch.ones(3, 2), torch.ones(2)), [0, 1, 2])
    with pytest.raises(InputError, match="hashable"):
        summarizer.update(torch.ones(1, 2), [{}])
    assert summarizer.summary is None

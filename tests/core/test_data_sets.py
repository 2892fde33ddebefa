"""Data sets example by example, and metrics of whole data sets, against what one batch gives."""

from __future__ import annotations

import gc
import re
import weakref
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from ascribe import InputError, TargetError, attr, explain
from ascribe.batch_roles import InputRole
from ascribe.data_loader_attribution import DataLoaderAttribution
from ascribe.data_sets import explain_data
from ascribe.stats import CommonStats, Count
from ascribe.summaries import ClassSummarizer, Summarizer

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "data_sets.md"
X = torch.linspace(-2, 2, 7 * 3, dtype=torch.float64).sin().reshape(7, 3)
LABELS = torch.tensor([0, 1, 1, 0, 1, 0, 1])
WEIGHT = torch.tensor([[1.0, -2.0, 0.5], [0.25, 1.0, -1.0]], dtype=torch.float64)


def classifier(x):
    return x.square() @ WEIGHT.T


def batches(*tensors, size=3):
    return DataLoader(TensorDataset(*tensors), batch_size=size)


def values(explanations):
    return torch.cat([explanation.values for explanation in explanations], 1)


@pytest.mark.parametrize("method", ["feature_ablation", "integrated_gradients"])
@pytest.mark.parametrize("form", [X.split(3), batches(X), [{"x": x} for x in X.split(3)]])
def test_each_example_is_explained_as_if_it_came_alone(method, form):
    found = list(explain_data(classifier, form, method, target=1))
    if isinstance(found[0].values, dict):
        together = torch.cat([explanation.values["x"] for explanation in found], 1)
    else:
        together = values(found)
    torch.testing.assert_close(together, explain(classifier, X, method, 1).values)


def test_by_default_top_predictions_are_explained():
    tops = torch.cat([e.targets[0] for e in explain_data(classifier, X.split(4), "saliency")])
    assert torch.equal(tops, classifier(X).argmax(1))


@pytest.mark.parametrize(
    "form",
    [
        batches(X, LABELS),
        [({"x": x}, y.tolist()) for x, y in zip(X.split(3), LABELS.split(3), strict=True)],
        [{"x": x, "labels": y} for x, y in zip(X.split(3), LABELS.split(3), strict=True)],
    ],
    ids=["pairs", "nested", "dicts"],
)
def test_each_example_s_label_can_be_its_target(form):
    explanations = list(explain_data(classifier, form, "input_x_gradient", target="label"))
    found = [e.values["x"] if isinstance(e.values, dict) else e.values for e in explanations]
    wanted = explain(classifier, X, "input_x_gradient", LABELS).values
    torch.testing.assert_close(torch.cat(found, 1), wanted)
    assert torch.equal(torch.cat([e.targets[0] for e in explanations]), LABELS)


def test_labels_can_be_left_aside():
    found = explain_data(classifier, batches(X, LABELS), "saliency", 0, input_roles=(0, 2))
    torch.testing.assert_close(values(found), explain(classifier, X, "saliency", 0).values)


def test_what_the_model_takes_beside_follows_its_batch():
    def model(x, scale):
        return classifier(x) * scale[:, None]

    scale = torch.arange(7, dtype=torch.float64)
    wanted = explain(model, X, "saliency", 1, additional_forward_args=scale).values
    roles = (InputRole.need_attr, InputRole.need_forward)
    found = explain_data(model, batches(X, scale), "saliency", 1, input_roles=roles)
    torch.testing.assert_close(values(found), wanted)
    named = [{"scale": s, "x": x} for x, s in zip(X.split(3), scale.split(3), strict=True)]
    found = explain_data(model, named, "saliency", 1, input_roles={"x": 0, "scale": 1})
    torch.testing.assert_close(torch.cat([e.values["x"] for e in found], 1), wanted)


def test_batches_are_read_one_at_a_time_and_explanations_are_let_go():
    read = []

    def source():
        for x in X.split(1):
            read.append(x)
            yield x

    explanations = explain_data(classifier, source(), "saliency", 0)
    assert read == []
    first = weakref.ref(next(explanations))
    assert len(read) == 1
    gc.collect()
    assert first() is None


def test_explanations_go_into_summaries():
    summarizer = ClassSummarizer([Count(), *CommonStats()])
    loader = batches(X, LABELS)
    for explanation in explain_data(classifier, loader, "saliency", target="label"):
        summarizer.update(explanation.values[0], explanation.targets[0])
    wanted = explain(classifier, X, "saliency", LABELS).values[0]
    torch.testing.assert_close(summarizer.summary["mean"], wanted.mean(0))
    one = summarizer.class_summaries[1]
    assert one["count"] == int(LABELS.sum())
    torch.testing.assert_close(one["sample_variance"], wanted[LABELS == 1].var(0))


def test_progress_counts_batches(capsys):
    for _ in explain_data(classifier, X.split(3), "saliency", 0, show_progress=True):
        pass
    assert "3/3" in capsys.readouterr().err


def test_what_is_no_data_set_or_no_label_is_refused():
    with pytest.raises(InputError, match="one after the other"):
        explain_data(classifier, X)
    with pytest.raises(InputError, match="one after the other"):
        explain_data(classifier, 3)
    with pytest.raises(InputError, match="target must be 'label'"):
        explain_data(classifier, [X], target="labels")
    with pytest.raises(InputError, match="a batch must be"):
        list(explain_data(classifier, ["x"]))
    for unlabelled in (X, (X,), {"x": X}):
        with pytest.raises(InputError, match="needs batches"):
            list(explain_data(classifier, [unlabelled], target="label"))
    with pytest.raises(InputError, match="one entry the role 2"):
        list(explain_data(classifier, [(X, LABELS)], target="label", input_roles=(0, 0)))
    with pytest.raises(InputError, match="labels that are targets"):
        list(explain_data(classifier, [(X, ["cat"] * 7)], target="label"))
    with pytest.raises(TargetError):
        list(explain_data(classifier, [(X, LABELS.double())], target="label"))


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        ((0,), "2 entries of a batch, but hold 1"),
        ((0, 3), "must be 0"),
        ((1, 1), "at least one entry the role 0"),
        ((1, 0), "comes after another"),
        ({"x": 0}, "have the keys"),
    ],
)
def test_roles_that_do_not_fit_are_refused(roles, message):
    with pytest.raises(InputError, match=message):
        list(explain_data(lambda x, y: x[:, 0], [(X, X)], "saliency", input_roles=roles))


def test_arguments_come_from_the_batch_or_from_the_caller_and_not_from_both():
    found = explain_data(
        lambda x, y: x[:, 0], [(X, X)], input_roles=(0, 1), additional_forward_args=2
    )
    with pytest.raises(InputError, match="left out"):
        list(found)


def squared_error(targets):
    """Return reduce and to_metric of the mean squared error, and the error of all data at once."""

    def add(found, output, entries):
        errors = (output[:, 0] - entries[1]).square()
        total, count = found or (0.0, 0)
        return total + errors.sum(), count + len(errors)

    def at_once(x):
        return (classifier(x)[:, 0] - targets).square().mean()

    return add, lambda found: found[0] / found[1], at_once


@pytest.mark.parametrize("perturbations_per_pass", [1, 2, 10])
@pytest.mark.parametrize("baseline", [None, 0.5, torch.tensor([[1.0, 0.0, -1.0]]).double()])
def test_a_metric_of_the_whole_data_set_falls_as_if_it_were_one_batch(
    perturbations_per_pass, baseline
):
    targets = X.sum(1)
    add, to_metric, at_once = squared_error(targets)
    found = DataLoaderAttribution(attr.FeatureAblation(classifier)).attribute(
        batches(X, targets),
        input_roles=(0, 2),
        baselines=baseline,
        reduce=add,
        to_metric=to_metric,
        perturbations_per_pass=perturbations_per_pass,
    )
    replaced = torch.zeros(1, 3).double() if baseline is None else torch.as_tensor(baseline)
    replaced = replaced.double().expand(7, 3)
    wanted = [
        at_once(X) - at_once(torch.where(torch.arange(3) == i, replaced, X)) for i in range(3)
    ]
    assert isinstance(found, tuple)
    torch.testing.assert_close(found[0], torch.stack(wanted)[None], rtol=1e-12, atol=1e-14)


@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 2**20))
def test_the_attribution_of_a_sum_is_the_sum_of_attributions(size, passes, seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(5, 2, 3, generator=generator, dtype=torch.float64)
    mask = torch.randint(0, 3, (1, 2, 3), generator=generator)

    def model(x):
        return x.flatten(1).prod(1) + x[:, 0, 0]

    wanted = attr.FeatureAblation(model).attribute(x, feature_mask=mask).sum(0, keepdim=True)
    found = DataLoaderAttribution(attr.FeatureAblation(model)).attribute(
        x.split(size),
        feature_mask=mask,
        reduce=lambda total, output, entries: (0 if total is None else total) + output.sum(),
        perturbations_per_pass=passes,
    )
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


def test_without_a_reduction_each_example_is_a_metric():
    def model(x):
        return classifier(x)[:, 1]

    method = attr.FeatureAblation(model)
    for form in (X.split(3), [{"x": x} for x in X.split(3)]):
        found = DataLoaderAttribution(method).attribute(form)
        found = found["x"] if isinstance(found, dict) else found
        torch.testing.assert_close(found, method.attribute(X))
    mean = DataLoaderAttribution(method).attribute(X.split(3), to_metric=torch.mean)
    torch.testing.assert_close(mean, method.attribute(X).mean(0, keepdim=True))


def test_groups_cross_entries_and_may_be_returned_as_such():
    def model(x, y):
        return x.sum(1) * y.sum(1)

    y = X[:, :2] + 1
    masks = (torch.tensor([[0, 1, 1]]), torch.tensor([[0, 2]]))
    method = DataLoaderAttribution(attr.FeatureAblation(model))
    options = {"feature_mask": masks, "to_metric": torch.sum}
    by_group = method.attribute(batches(X, y), return_input_shape=False, **options)
    assert by_group.shape == (1, 3)
    first, second = method.attribute(batches(X, y), **options)
    assert torch.equal(first, by_group[:, masks[0][0]])
    assert torch.equal(second, by_group[:, masks[1][0]])
    gone = model(X * torch.tensor([0, 1, 1]), y * torch.tensor([0, 1])).sum()
    torch.testing.assert_close(by_group[0, 0], model(X, y).sum() - gone)


def test_several_metrics_may_be_numbers_of_any_kind():
    def add(found, output, entries):
        return (found or 0) + int((output.argmax(1) == entries[1]).sum())

    method = DataLoaderAttribution(attr.FeatureAblation(classifier))
    loader = batches(X.float(), LABELS)
    model32 = DataLoaderAttribution(attr.FeatureAblation(lambda x: classifier(x.double())))
    (found,) = model32.attribute(loader, input_roles=(0, 2), reduce=add)
    assert found.dtype == torch.float64
    assert torch.equal(found, found.round())
    (found,) = method.attribute(
        batches(X, LABELS), input_roles=(0, 2), to_metric=lambda outputs: outputs.mean(0).float()
    )
    assert found.shape == (2, 3)
    assert found.dtype == torch.float32


def test_whole_numbers_may_be_features():
    x = torch.arange(6).reshape(3, 2)
    found = DataLoaderAttribution(attr.FeatureAblation(lambda x: x.double().sum(1))).attribute(
        x.split(2), to_metric=torch.sum
    )
    assert found.tolist() == [[6.0, 9.0]]


class Counting(DataLoader):
    passes = 0

    def __iter__(self):
        self.passes += 1
        return super().__iter__()


@pytest.mark.parametrize(("perturbations", "most"), [(1, 8), (2, 6), (3, 5), (6, 4)])
def test_perturbations_share_passes_over_the_data(perturbations, most):
    x = X[:, :, None].expand(7, 3, 2)
    loader = Counting(TensorDataset(x), batch_size=3)
    DataLoaderAttribution(attr.FeatureAblation(lambda x: x.sum((1, 2)))).attribute(
        loader, to_metric=torch.sum, perturbations_per_pass=perturbations
    )
    assert loader.passes <= most


def test_a_method_for_one_target_at_a_time_reads_the_data_no_more_often():
    class OneByOne(attr.FeatureAblation):
        several_targets = False

    found, passes = [], []
    for method in (attr.FeatureAblation, OneByOne):
        loader = Counting(TensorDataset(X), batch_size=3)
        found += DataLoaderAttribution(method(classifier)).attribute(
            loader, to_metric=lambda outputs: outputs.mean(0)
        )
        passes.append(loader.passes)
    assert torch.equal(*found)
    assert passes == [5, 5]


def test_the_model_and_the_data_stay_as_they_were():
    class Writing(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, x, scale):
            self.calls += 1
            assert not torch.is_grad_enabled()
            scale.mul_(2)
            return x.mul_(scale[:, None]).sum(1)

    model, x, scale = Writing(), X.clone(), torch.ones(7, dtype=torch.float64)
    found = DataLoaderAttribution(attr.FeatureAblation(model)).attribute(
        [(x, scale)], input_roles=(0, 1), to_metric=torch.sum
    )
    torch.testing.assert_close(found[0], 2 * X.sum(0, keepdim=True))
    assert torch.equal(x, X)
    assert torch.equal(scale, torch.ones_like(scale))
    assert model.calls == 0


@pytest.mark.parametrize(
    "method",
    [attr.Saliency(classifier), attr.Occlusion(classifier), attr.FeatureAblation, classifier],
    ids=["gradient", "windows", "class", "function"],
)
def test_other_methods_are_refused(method):
    with pytest.raises(InputError, match="attr_method must replace groups"):
        DataLoaderAttribution(method)


def test_data_that_cannot_be_read_again_are_refused():
    method = DataLoaderAttribution(attr.FeatureAblation(classifier))
    with pytest.raises(InputError, match="gives them once"):
        method.attribute(iter([X]))
    with pytest.raises(InputError, match="at least one batch"):
        method.attribute([])
    with pytest.raises(InputError, match="one after the other"):
        method.attribute(X)
    with pytest.raises(InputError, match="the same features"):
        method.attribute([X, X[:, :2]])

    class Once:
        def __init__(self):
            self.left = [X]

        def __iter__(self):
            return iter([self.left.pop()] if self.left else [])

    with pytest.raises(InputError, match="none in a later one"):
        method.attribute(Once())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"baselines": X[:3]}, "baselines must have a batch of one"),
        ({"feature_mask": torch.zeros(3, 3, dtype=torch.long)}, "feature_mask must have a batch"),
        ({"perturbations_per_pass": 0}, "perturbations_per_pass"),
        ({"reduce": lambda *given: None}, "reduce must return the metric"),
        ({"to_metric": lambda found: "x"}, "to_metric must return the metric"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        DataLoaderAttribution(attr.FeatureAblation(classifier)).attribute(X.split(3), **options)


def test_batches_can_be_summarized_without_labels():
    summarizer = Summarizer([Count()])
    for explanation in explain_data(classifier, X.split(3), "saliency", 0):
        for attribution in explanation.values[0]:
            summarizer.update(attribution)
    assert summarizer.summary == {"count": 7}


def test_the_guide_runs_as_it_stands():
    names = {}
    for block in re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL):
        exec(compile(block, GUIDE.name, "exec"), names)
    assert names["summarizer"].summary["negative"].shape == (4,)
    assert names["falls"].shape == (1, 4)
    assert names["attributions"].shape == (1, 3, 8)

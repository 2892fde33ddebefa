"""Captum 0.9's summaries, embedding layers and data sets as a black box."""

from __future__ import annotations

import inspect
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from ascribe import InputError, attr, data_loader_attribution, embeddings, stats, summaries
from ascribe.vision import torchvision

try:
    torchvision()  # which Captum may import, and which may need help
    from captum import attr as captum
except ImportError:
    pytest.skip("needs captum: pip install ascribe[bench]", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

#: Our names in one place, as theirs are.
OURS = SimpleNamespace(
    **{**vars(stats), **vars(summaries), **vars(embeddings), **vars(data_loader_attribution)}
)

STATS = ["Mean", "MSE", "Var", "StdDev", "Min", "Max", "Sum"]
SUMMARIZERS = ["Summarizer", "ClassSummarizer"]
EMBEDDINGS = [
    "InterpretableEmbeddingBase",
    "TokenReferenceBase",
    "configure_interpretable_embedding_layer",
    "remove_interpretable_embedding_layer",
]


def parameters(thing):
    taken = inspect.signature(thing).parameters.values()
    return {p.name: p.default for p in taken if p.name != "self" and not callable(p.default)}


@pytest.mark.parametrize(
    "name", [*STATS, "CommonStats", *SUMMARIZERS, *EMBEDDINGS, "DataLoaderAttribution"]
)
def test_parameters_have_the_names_the_order_and_the_defaults_that_captum_s_users_know(name):
    ours, theirs = getattr(OURS, name), getattr(captum, name)
    for method in ("update", "attribute", "generate_reference", "indices_to_embeddings"):
        if hasattr(theirs, method):
            wanted = list(parameters(getattr(theirs, method)))
            assert list(parameters(getattr(ours, method)))[: len(wanted)] == wanted
    assert list(parameters(ours)) == list(parameters(theirs))
    assert parameters(ours) == parameters(theirs)


def test_default_arguments_of_data_loader_attribution_are_theirs():
    ours = parameters(OURS.DataLoaderAttribution.attribute)
    assert ours == parameters(captum.DataLoaderAttribution.attribute)


#: What the count is diminished by; theirs has a zero where that leaves nothing.
ORDERS = {"sample_variance": 1, "sample_std_dev": 1, "variance(2)": 2, "wide": 2}


def of_all(library, name):
    orders = [library.Var(order=order) for order in (0, 1, 2)]
    orders += [library.StdDev(order=order) for order in (0, 1)]
    stats = [getattr(library, s)() for s in ("Mean", "MSE", "Min", "Max", "Sum")]
    return getattr(library, name)([*stats, *orders, library.StdDev("wide", 2)])


@pytest.mark.parametrize("several", [False, True])
def test_summaries_have_the_same_names_and_numbers(several):
    ours, theirs = of_all(OURS, "Summarizer"), of_all(captum, "Summarizer")
    assert ours.summary is theirs.summary is None
    for x in torch.randn(20, 3, 2, dtype=torch.float64) + 5:
        for summarizer in (ours, theirs):
            summarizer.update((x, x[0]) if several else x)
    found, wanted = ours.summary, theirs.summary
    for one, other in zip(found, wanted, strict=True) if several else [(found, wanted)]:
        assert set(one) == set(other)
        for name, value in one.items():
            torch.testing.assert_close(value, other[name], rtol=1e-11, atol=1e-12)
    assert [s.name for s in OURS.CommonStats()] == [s.name for s in captum.CommonStats()]


def test_summaries_of_classes_have_the_same_classes_and_numbers():
    x, labels = torch.randn(6, 3, dtype=torch.float64), ["a", 1, (2, 3), 1, "a", 1]
    ours, theirs = of_all(OURS, "ClassSummarizer"), of_all(captum, "ClassSummarizer")
    for summarizer in (ours, theirs):
        summarizer.update(x, labels)
        summarizer.update(x[:2], "b")
    assert list(ours.class_summaries) == list(theirs.class_summaries)
    for label, found in ours.class_summaries.items():
        # Theirs has a list of one here, and a dict where there were no labels.
        (wanted,) = theirs.class_summaries[label]
        count = [*labels, "b", "b"].count(label)
        for name, value in found.items():
            order = ORDERS.get(name, 0)
            if count > order:
                torch.testing.assert_close(value, wanted[name], rtol=1e-11, atol=1e-12)
            else:
                assert bool(value.isnan().all())
                assert bool((wanted[name] == 0).all())


def test_captum_drops_a_second_statistic_of_a_kind_whatever_its_name():
    for library, names in ((OURS, {"mean", "again"}), (captum, {"mean"})):
        summarizer = library.Summarizer([library.Mean(), library.Mean("again")])
        summarizer.update(torch.ones(2))
        assert set(summarizer.summary) == names


def test_captum_counts_equal_labels_of_a_tensor_as_different_classes():
    x, labels = torch.ones(3, 2), torch.tensor([0, 1, 0])
    for library, classes in ((OURS, 2), (captum, 3)):
        summarizer = library.ClassSummarizer([library.Mean()])
        summarizer.update(x, labels)
        assert len(summarizer.class_summaries) == classes


def test_captum_keeps_the_callers_tensor_and_its_graph():
    for library, kept in ((OURS, False), (captum, True)):
        x = torch.ones(2, requires_grad=True)
        summarizer = library.Summarizer([library.Max()])
        summarizer.update(x)
        with torch.no_grad():
            x.fill_(7)
        assert bool((summarizer.summary["max"] == 7).all()) is kept
        assert summarizer.summary["max"].requires_grad is kept


def test_captum_loses_the_digits_of_single_precision_and_mixes_shapes():
    x = torch.randn(500, 4) + 1e6
    wanted = x.double().var(0, correction=0)
    for library, right in ((OURS, True), (captum, False)):
        summarizer = library.Summarizer([library.Var()])
        for row in x:
            summarizer.update(row)
        error = (summarizer.summary["variance"] - wanted).abs() / wanted
        assert bool((error < 1e-10).all()) is right
        assert bool((error > 1e-3).any()) is not right
    mixed = captum.Summarizer([captum.Mean()])
    mixed.update(torch.ones(1))
    mixed.update(torch.ones(3))  # silently
    ours = OURS.Summarizer([OURS.Mean()])
    ours.update(torch.ones(1))
    with pytest.raises(InputError):
        ours.update(torch.ones(3))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Module()
        self.inner.embedding = nn.Embedding(6, 3)
        self.head = nn.Linear(3, 2)

    def forward(self, tokens):
        return self.head(self.inner.embedding(tokens).mean(1))


def test_embedding_layers_are_replaced_and_put_back_alike():
    model, tokens = Model().eval(), torch.tensor([[1, 2, 3]])
    found = []
    for library in (OURS, captum):
        layer = model.inner.embedding
        replaced = library.configure_interpretable_embedding_layer(model, "inner.embedding")
        embedded = replaced.indices_to_embeddings(tokens)
        names = [name for name, _ in model.named_modules()]
        found.append([model(embedded).tolist(), names, replaced.full_name, replaced.num_embeddings])
        # Theirs is in training mode in a model that is not.
        assert replaced.training is (library is captum)
        library.remove_interpretable_embedding_layer(model, replaced)
        assert model.inner.embedding is layer
        assert library.TokenReferenceBase(2).generate_reference(3, "cpu").tolist() == [2, 2, 2]
    assert found[0] == found[1]


def data():
    torch.manual_seed(1)
    x, y = torch.randn(7, 3, dtype=torch.float64), torch.randn(7, 2, dtype=torch.float64)
    return DataLoader(TensorDataset(x, y), batch_size=3)


def model(x, y):
    return torch.stack([(x.square().sum(1) * y.prod(1)), x.prod(1) + y.sum(1)], 1)


def first_alone(x):
    return x.square().prod(1)


def squared_error(found, output, entries):
    found = found or (0, 0)
    return found[0] + (output - entries[1][:, 0]).square().sum(), found[1] + len(output)


@pytest.mark.parametrize("shaped", [True, False])
@pytest.mark.parametrize(
    ("forward", "options"),
    [
        (model, {}),
        (model, {"to_metric": lambda outputs: outputs.mean(0)}),
        (model, {"input_roles": (0, 1), "baselines": 0.5, "perturbations_per_pass": 2}),
        (model, {"input_roles": (1, 0), "to_metric": torch.sum}),
        (model, {"baselines": (1, torch.ones(1, 2).double()), "perturbations_per_pass": 9}),
        (model, {"feature_mask": (torch.tensor([[0, 1, 1]]), torch.tensor([[2, 0]]))}),
        (
            first_alone,
            {
                "input_roles": (0, 2),
                "reduce": squared_error,
                "to_metric": lambda found: found[0] / found[1],
            },
        ),
    ],
)
def test_metrics_of_data_sets_are_attributed_alike(forward, options, shaped):
    ours, theirs = (
        library.DataLoaderAttribution(method.FeatureAblation(forward)).attribute(
            data(), return_input_shape=shaped, **options
        )
        for library, method in ((OURS, attr), (captum, captum))
    )
    assert type(ours) is type(theirs)
    pairs = zip(ours, theirs, strict=True) if shaped else [(ours, theirs)]
    for one, other in pairs:
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_captum_has_columns_of_zero_for_numbers_that_the_mask_leaves_out():
    mask = torch.tensor([[0, 0, 2]])
    options = {"input_roles": (0, 1), "feature_mask": mask, "return_input_shape": False}
    ours = OURS.DataLoaderAttribution(attr.FeatureAblation(model))
    theirs = captum.DataLoaderAttribution(captum.FeatureAblation(model))
    dense, sparse = ours.attribute(data(), **options), theirs.attribute(data(), **options)
    torch.testing.assert_close(dense, sparse[:, [0, 2]])
    assert not sparse[:, 1].any()

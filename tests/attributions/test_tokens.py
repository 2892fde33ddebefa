"""Attributions to the tokens of a transformer, on a toy language whose deciding words are known."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from ascribe import explain
from ascribe.attr import (
    LayerConductance,
    LayerGradientShap,
    LayerIntegratedGradients,
    NeuronIntegratedGradients,
    NoiseTunnel,
)

WORDS, LENGTH, PAD = 12, 8, 0
GOOD, BAD = (3, 4), (5, 6)


class Classifier(nn.Module):
    """Embeddings of words and places, a block of attention, and two scores."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(WORDS, 16)
        self.places = nn.Embedding(LENGTH, 16)
        self.block = nn.TransformerEncoderLayer(
            16, 2, 32, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.last = nn.Linear(16, 2)

    def forward(self, ids, places=None):
        places = torch.arange(ids.shape[1])[None] if places is None else places
        return self.last(self.block(self.words(ids) + self.places(places)).mean(1))


class Pretrained(nn.Module):
    """The same as transformers has it: keyword arguments in, an object with logits out."""

    def __init__(self, classifier):
        super().__init__()
        self.base = classifier

    def forward(self, input_ids=None, attention_mask=None, position_ids=None):
        logits = self.base(input_ids * attention_mask, position_ids)
        return SimpleNamespace(logits=logits, hidden_states=None)


def sentences(count, seed):
    """Return sentences with one to three words that decide, and which way they do."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(7, WORDS, (count, LENGTH), generator=generator)
    answer = torch.randint(2, (count,), generator=generator)
    for row in range(count):
        places = torch.randperm(LENGTH, generator=generator)[: 1 + row % 3]
        ids[row, places] = torch.tensor(GOOD if answer[row] else BAD)[places % 2]
    return ids, answer


@pytest.fixture(scope="module")
def classifier():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Classifier()
    optimiser = torch.optim.Adam(model.parameters(), lr=5e-3)
    for step in range(120):
        ids, answer = sentences(96, step)
        loss = nn.functional.cross_entropy(model(ids), answer)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    ids, answer = sentences(256, 1000)
    model.eval()
    assert (model(ids).argmax(1) == answer).float().mean() > 0.98
    return model.double()


@pytest.fixture
def data(classifier):
    ids, answer = sentences(24, 2000)
    return ids, answer, (ids < 7) & (ids > 2)


def test_tokens_sum_to_the_change_of_the_score_and_point_at_what_decides(classifier, data):
    ids, answer, decides = data
    method = LayerIntegratedGradients(classifier, classifier.words)
    found, delta = method.attribute(
        ids, baselines=PAD, target=answer, n_steps=100, return_convergence_delta=True
    )
    assert found.shape == (*ids.shape, 16)
    tokens = found.sum(2)
    rows = torch.arange(len(ids))
    with torch.no_grad():
        change = (classifier(ids) - classifier(torch.full_like(ids, PAD)))[rows, answer]
    # The path crosses no kink: what is left is the error of 100 Gauss-Legendre points.
    torch.testing.assert_close(tokens.sum(1), change, rtol=0, atol=1e-6 * float(change.abs().max()))
    torch.testing.assert_close(delta, tokens.sum(1) - change)
    assert_points_at(tokens, decides)


def assert_points_at(tokens, decides):
    """Check that each example's strongest token decides, and most of the strength too."""
    strongest = tokens.argmax(1)
    assert decides[torch.arange(len(tokens)), strongest].float().mean() > 0.95
    assert (tokens * decides).sum() > 0.7 * tokens.clamp(min=0).sum()


def test_a_model_with_keywords_that_returns_an_object(classifier, data):
    ids, answer, decides = data
    found = LayerIntegratedGradients(Pretrained(classifier), "base.words").attribute(
        {"input_ids": ids},
        baselines={"input_ids": PAD},
        target=lambda output: output.logits[:, 1],
        additional_forward_args={"attention_mask": torch.ones_like(ids)},
    )
    expected = LayerIntegratedGradients(classifier, classifier.words).attribute(
        ids, baselines=PAD, target=1
    )
    torch.testing.assert_close(found, expected)
    for_the_answer = torch.where(answer == 1, 1, -1)[:, None]
    assert_points_at(found.sum(2) * for_the_answer, decides)


def test_words_and_places_together_take_the_whole_change(classifier, data):
    ids, answer, decides = data
    places = torch.arange(LENGTH).expand_as(ids)
    layers = [classifier.words, classifier.places]
    (words, spots), delta = LayerIntegratedGradients(classifier, layers).attribute(
        (ids, places),
        baselines=(PAD, 0),
        target=answer,
        n_steps=300,
        return_convergence_delta=True,
    )
    assert words.shape == spots.shape == (*ids.shape, 16)
    assert float(delta.abs().max()) < 1e-4
    assert_points_at(words.sum(2), decides)


def test_places_that_the_examples_share_get_an_attribution_each(classifier, data):
    ids, answer, _ = data
    layers = [classifier.words, classifier.places]
    method = LayerIntegratedGradients(classifier, layers)
    shared = method.attribute(ids, baselines=PAD, target=answer)
    places = torch.arange(LENGTH).expand_as(ids)
    own = method.attribute((ids, places), baselines=(PAD, places), target=answer)
    torch.testing.assert_close(shared, own)


def test_expected_gradients_at_the_embedding_point_at_what_decides(classifier, data):
    ids, answer, decides = data
    method = LayerGradientShap(classifier, classifier.words)
    baselines = sentences(30, 3000)[0] * 0 + PAD
    found = method.attribute(ids, baselines, target=answer, n_samples=40)
    assert_points_at(found.sum(2), decides)


def test_no_path_leads_through_whole_numbers(classifier, data):
    method = LayerConductance(classifier, classifier.words)
    with pytest.raises(ValueError, match="a path needs floating-point inputs"):
        method.attribute(data[0], target=1)


def test_a_neuron_of_the_block_from_the_embeddings_on(classifier, data):
    ids, _, _ = data
    embedded = classifier.words(ids).detach()

    def from_embeddings(x):
        places = classifier.places(torch.arange(LENGTH)[None])
        return classifier.last(classifier.block(x + places).mean(1))

    method = NeuronIntegratedGradients(from_embeddings, classifier.block)
    found = method.attribute(embedded, (slice(None), 2), n_steps=100)
    with torch.no_grad():
        places = classifier.places(torch.arange(LENGTH)[None])
        change = (classifier.block(embedded + places) - classifier.block(places))[:, :, 2].sum(1)
    torch.testing.assert_close(found.sum((1, 2)), change, rtol=0, atol=1e-4)


def test_an_explanation_of_tokens(classifier, data):
    ids, answer, decides = data
    explanation = explain(
        classifier, ids, "LayerIntegratedGradients", answer, layer="words", baselines=PAD
    )
    assert explanation.values.shape == (1, *ids.shape, 16)
    assert_points_at(explanation.values[0].sum(2), decides)


def test_noise_cannot_be_added_to_words(classifier, data):
    ids, answer, _ = data
    method = NoiseTunnel(LayerIntegratedGradients(classifier, classifier.words))
    with pytest.raises(ValueError, match="noise needs floating-point inputs"):
        method.attribute(ids, target=answer)

"""Embedding layers replaced and put back, bit for bit, and baselines of tokens."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from ascribe import InputError, attr
from ascribe.embeddings import (
    InterpretableEmbeddingBase,
    TokenReferenceBase,
    configure_interpretable_embedding_layer,
    interpretable_embedding,
    remove_interpretable_embedding_layer,
)

TOKENS = torch.tensor([[1, 2, 3], [4, 0, 1]])


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.before = nn.Identity()
        self.embedding = nn.Embedding(5, 4, dtype=torch.float64)
        self.after = nn.Linear(4, 4, dtype=torch.float64)

    def forward(self, input_ids=None, scale=None):
        return self.after(self.embedding(input_ids)).tanh()


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.head = nn.Linear(4, 2, dtype=torch.float64)

    def forward(self, tokens):
        return self.head(self.encoder(input_ids=tokens, scale=2).mean(1))


@pytest.fixture
def model():
    return Model().eval()


def state(model):
    modules = [(name, id(module), module.training) for name, module in model.named_modules()]
    return modules, [(name, id(value)) for name, value in model.state_dict(keep_vars=True).items()]


def test_while_replaced_the_model_takes_embeddings_and_then_is_as_before(model):
    before, values, wanted = state(model), copy.deepcopy(model.state_dict()), model(TOKENS)
    embedding = configure_interpretable_embedding_layer(model, "encoder.embedding")
    assert model.encoder.embedding is embedding
    assert isinstance(embedding, InterpretableEmbeddingBase)
    embedded = embedding.indices_to_embeddings(TOKENS)
    assert torch.equal(model(embedded), wanted)
    remove_interpretable_embedding_layer(model, embedding)
    assert state(model) == before
    assert all(torch.equal(value, values[name]) for name, value in model.state_dict().items())
    assert torch.equal(model(TOKENS), wanted)


def test_the_block_puts_the_layer_back_after_an_error(model):
    before = state(model)
    with (
        pytest.raises(RuntimeError, match="on purpose"),
        interpretable_embedding(model, "encoder.embedding"),
    ):
        raise RuntimeError("on purpose")
    assert state(model) == before


@pytest.mark.parametrize("training", [True, False])
def test_the_training_mode_is_that_of_the_layer(model, training):
    model.train(training)
    before = state(model)
    with interpretable_embedding(model, "encoder.embedding") as embedding:
        assert embedding.training is training
        assert {module.training for module in model.modules()} == {training}
    assert state(model) == before


def test_the_grad_mode_is_the_callers(model):
    with interpretable_embedding(model, "encoder.embedding") as embedding:
        assert embedding.indices_to_embeddings(TOKENS).requires_grad
        with torch.no_grad():
            assert not embedding.indices_to_embeddings(TOKENS).requires_grad
        assert torch.is_grad_enabled()


def test_making_embeddings_leaves_the_layer_as_it_was(model):
    model.encoder.embedding = nn.Embedding(5, 4, max_norm=0.5, dtype=torch.float64)
    weight = model.encoder.embedding.weight.detach().clone()
    with interpretable_embedding(model, "encoder.embedding") as embedding:
        norms = embedding.indices_to_embeddings(TOKENS).norm(dim=-1)
    assert bool((norms <= 0.5 + 1e-6).all())
    assert torch.equal(model.encoder.embedding.weight, weight)


def test_a_module_called_by_keyword_alone_can_be_replaced(model):
    wanted = model(TOKENS)
    with interpretable_embedding(model, "encoder") as encoder:
        encoded = encoder.indices_to_embeddings(input_ids=TOKENS)
        assert torch.equal(model(encoded), wanted)
        assert torch.equal(encoder(input_ids=None, inputs_embeds=encoded), encoded)
        assert torch.equal(encoder(None, encoded), encoded)


def test_layers_in_containers_and_at_the_top_are_found():
    layers = nn.Sequential(nn.Embedding(5, 2), nn.Linear(2, 1))
    order = [id(module) for module in layers.modules()]
    with interpretable_embedding(layers, "0"):
        assert isinstance(layers[0], InterpretableEmbeddingBase)
    assert [id(module) for module in layers.modules()] == order
    model = nn.Module()
    model.embedding = nn.Embedding(5, 2)
    with interpretable_embedding(model) as embedding:
        assert model.embedding is embedding


def test_a_tied_weight_is_still_found():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(5, 2)

        def forward(self, tokens):
            return functional.linear(self.embedding(tokens), self.embedding.weight)

    model = Tied()
    wanted = model(TOKENS)
    with interpretable_embedding(model) as embedding:
        assert torch.equal(model(embedding.indices_to_embeddings(TOKENS)), wanted)
        assert (embedding.num_embeddings, embedding.embedding_dim) == (5, 2)
        with pytest.raises(AttributeError, match="nothing_such"):
            _ = embedding.nothing_such


def test_a_copy_of_a_model_with_a_replaced_layer_works_alone(model):
    wanted = model(TOKENS)
    with interpretable_embedding(model, "encoder.embedding"):
        twin = copy.deepcopy(model)
    remove_interpretable_embedding_layer(twin, twin.encoder.embedding)
    assert torch.equal(twin(TOKENS), wanted)


def test_attributions_to_embeddings_are_those_to_the_layer_s_output(model):
    with interpretable_embedding(model, "encoder.embedding") as embedding:
        embedded = embedding.indices_to_embeddings(TOKENS)
        baseline = embedding.indices_to_embeddings(torch.zeros(1, 3, dtype=torch.long))
        found, delta = attr.IntegratedGradients(model).attribute(
            embedded, baseline, target=1, return_convergence_delta=True
        )
    assert found.shape == (2, 3, 4)
    assert float(delta.abs().max()) < 1e-6


def test_indices_given_to_a_replaced_layer_are_refused(model):
    with interpretable_embedding(model, "encoder.embedding") as embedding:
        with pytest.raises(InputError, match=r"came indices .* indices_to_embeddings"):
            model(TOKENS)
        with pytest.raises(InputError, match="no tensor"):
            embedding()


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("encoder.embeding", r"encoder\.embedding"),
        ("words", r"encoder\.embedding"),
        ("", r"encoder\.embedding"),
        ("encoder.embedding.weight", r"encoder\.embedding"),
    ],
)
def test_an_unknown_name_lists_what_is_near(model, name, hint):
    with pytest.raises(InputError, match=f"no module {name!r}.*{hint}"):
        configure_interpretable_embedding_layer(model, name)


def test_a_model_without_modules_says_so():
    with pytest.raises(InputError, match="none at all"):
        configure_interpretable_embedding_layer(nn.Module())


def test_configuring_twice_is_refused(model):
    with interpretable_embedding(model, "encoder.embedding") as embedding:
        with pytest.raises(InputError, match="replaced already"):
            configure_interpretable_embedding_layer(model, "encoder.embedding")
        assert model.encoder.embedding is embedding


def test_removing_what_does_not_stand_there_is_refused(model):
    embedding = configure_interpretable_embedding_layer(model, "encoder.embedding")
    other = Model()
    with pytest.raises(InputError, match="another model"):
        remove_interpretable_embedding_layer(other, embedding)
    remove_interpretable_embedding_layer(model, embedding)
    with pytest.raises(InputError, match="removed before"):
        remove_interpretable_embedding_layer(model, embedding)
    with pytest.raises(InputError, match="but is a str"):
        remove_interpretable_embedding_layer(model, "encoder.embedding")


def test_a_reference_repeats_one_token():
    found = TokenReferenceBase(3).generate_reference(4, torch.device("cpu"))
    assert found.dtype == torch.int64
    assert found.tolist() == [3, 3, 3, 3]
    assert TokenReferenceBase().generate_reference(0, "cpu").shape == (0,)
    with pytest.raises(InputError, match="sequence_length"):
        TokenReferenceBase().generate_reference((2, 3), "cpu")

"""Attention rollout and gradient-weighted attention, on models whose weights are written out."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from ascribe import InputError, Targets
from ascribe.attr import AttentionRollout, GradientAttention
from ascribe.vision import torchvision

HEADS, WIDTH, TOKENS = 2, 4, 5


class Block(nn.Module):
    """Self-attention by scaled_dot_product_attention, or written out with weights given."""

    def __init__(self):
        super().__init__()
        self.mix = nn.Linear(WIDTH, 3 * WIDTH)

    def forward(self, x, written_out=None, shift=None):
        query, key, value = (
            part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in self.mix(x).chunk(3, -1)
        )
        if written_out is None:
            found = functional.scaled_dot_product_attention(query, key, value)
        else:
            weights = (query @ key.transpose(-2, -1) / (WIDTH // HEADS) ** 0.5).softmax(-1)
            weights = weights if shift is None else weights + shift
            written_out.append(weights)
            found = weights @ value
        return x + found.transpose(1, 2).flatten(2)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList(Block() for _ in range(2))
        self.last = nn.Linear(WIDTH, 3)

    def forward(self, x, written_out=None, shifts=(None, None)):
        for block, shift in zip(self.blocks, shifts, strict=True):
            x = block(x, written_out, shift)
        return self.last(torch.tanh(x[:, 0]))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 8, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.last = nn.Linear(WIDTH, 3)

    def forward(self, x):
        return self.last(self.layers(x)[:, 0])


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Model().double().eval()


@pytest.fixture
def x():
    return torch.randn(3, TOKENS, WIDTH, generator=torch.Generator().manual_seed(1)).double()


def weights_of(model, x):
    found = []
    with torch.no_grad():
        model(x, found)
    return found


def test_rollout_is_the_product_of_layers_with_a_residual_share(model, x):
    rolled = torch.eye(TOKENS).double()
    for weights in weights_of(model, x):
        rolled = (0.5 * torch.eye(TOKENS) + 0.5 * weights.mean(1)) @ rolled
    found = AttentionRollout(model).attribute(x, target=1)
    torch.testing.assert_close(found, rolled[:, 0])
    torch.testing.assert_close(found.sum(1), torch.ones(3).double())
    mean = AttentionRollout(model).attribute(x, target=1, token=None)
    torch.testing.assert_close(mean, rolled.mean(1))


def test_heads_are_fused_and_the_residual_weighed_as_told(model, x):
    rolled = torch.eye(TOKENS).double()
    for weights in weights_of(model, x):
        mixed = 0.2 * torch.eye(TOKENS) + 0.8 * weights.amax(1)
        rolled = mixed / mixed.sum(-1, keepdim=True) @ rolled
    method = AttentionRollout(model, head_fusion="max", residual=0.2)
    torch.testing.assert_close(method.attribute(x, target=0), rolled[:, 0])


def test_gradient_attention_follows_the_paper_with_gradients_by_differences(model, x):
    x, step = x[:1], 1e-6
    maps = weights_of(model, x)
    relevance = torch.eye(TOKENS).double()
    for layer, weights in enumerate(maps):
        gradient = torch.zeros_like(weights)
        for place in range(weights.numel()):
            shift = torch.zeros_like(weights).flatten()
            shift[place] = step
            shifts = [None, None]
            scores = []
            for sign in (1, -1):
                shifts[layer] = sign * shift.reshape(weights.shape)
                with torch.no_grad():
                    scores.append(model(x, [], shifts)[0, 2])
            gradient.view(-1)[place] = (scores[0] - scores[1]) / (2 * step)
        helps = (gradient * weights).clamp(min=0).mean(1)
        relevance = relevance + helps @ relevance
    found = GradientAttention(model).attribute(x, target=2)
    torch.testing.assert_close(found, relevance[:, 0], atol=1e-8, rtol=1e-6)


@pytest.mark.parametrize("method", [AttentionRollout, GradientAttention])
def test_several_targets_share_a_pass(method, model, x):
    together = method(model).attribute(x, target=Targets([0, 2]))
    alone = [method(model).attribute(x, target=target) for target in (0, 2)]
    torch.testing.assert_close(together, torch.stack(alone))


@pytest.mark.parametrize("method", [AttentionRollout, GradientAttention])
def test_examples_do_not_depend_on_one_another(method, model, x):
    whole = method(model).attribute(x, target=1)
    torch.testing.assert_close(method(model).attribute(x[1:2], target=1), whole[1:2])
    assert method(model).attribute(x[:0], target=1).shape == (0, TOKENS)


@pytest.mark.parametrize("method", [AttentionRollout, GradientAttention])
def test_multihead_attention_is_seen_in_a_model_of_torchs_own(method, x):
    torch.manual_seed(0)
    encoder = Encoder().double().eval()
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    found = method(encoder).attribute(x, target=1)
    assert found.shape == (3, TOKENS)
    assert bool((found >= 0).all())
    assert all(torch.equal(before[name], t) for name, t in encoder.state_dict().items())


def test_rollout_of_multihead_attention_has_the_weights_that_it_returns(x):
    torch.manual_seed(0)
    attend = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True).double().eval()
    with torch.no_grad():
        _, weights = attend(x, x, x, average_attn_weights=True)
    for needed in (True, False):
        found = AttentionRollout(
            lambda x, needed=needed: attend(x, x, x, need_weights=needed)[0][:, 0]
        ).attribute(x, target=0)
        expected = 0.5 * weights[:, 0] + 0.5 * torch.eye(TOKENS)[0]
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("method", [AttentionRollout, GradientAttention])
def test_words_are_attributed_through_their_embedding(method, model):
    table = nn.Embedding(10, WIDTH).double()
    words = nn.Sequential(table, model).eval()
    ids = torch.tensor([[1, 2, 3, 4, 5], [5, 4, 3, 2, 1]])
    found = method(words).attribute(ids, target=1)
    torch.testing.assert_close(found, method(model).attribute(table(ids).detach(), target=1))


@pytest.mark.parametrize("method", [AttentionRollout, GradientAttention])
def test_tokens_of_a_vision_transformer_lie_in_their_places(method):
    vit = torchvision().models.VisionTransformer(32, 8, 2, 2, 8, 16, num_classes=5).eval()
    nn.init.normal_(vit.heads.head.weight)
    found = method(vit).attribute(torch.rand(2, 3, 32, 32), target=3)
    assert found.shape == (2, 1, 4, 4)


@pytest.mark.parametrize("method", [AttentionRollout, GradientAttention])
def test_a_model_without_attention_is_refused(method):
    with pytest.raises(InputError, match="no attention that can be seen"):
        method(nn.Linear(3, 2)).attribute(torch.rand(2, 3), target=0)


def test_attention_to_other_tokens_is_refused(x):
    def crossing(x):
        return functional.scaled_dot_product_attention(x[:, None], x[:, None, :2], x[:, None, :2])

    with pytest.raises(InputError, match="no self-attention"):
        AttentionRollout(lambda x: crossing(x).sum((1, 2, 3))).attribute(x)


def test_bad_parameters_are_refused(model, x):
    with pytest.raises(InputError, match="head_fusion must be one of mean, max, min"):
        AttentionRollout(model, head_fusion="median")
    with pytest.raises(InputError, match="residual must be from 0 to 1"):
        AttentionRollout(model, residual=2)
    with pytest.raises(InputError, match="token must be one of 5"):
        AttentionRollout(model).attribute(x, target=0, token=9)

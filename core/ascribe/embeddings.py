"""Embeddings as inputs: a model that takes tokens becomes one that takes what they stand for.

Tokens are numbers without a slope, so what is attributed is their embeddings. While a layer is
replaced, the model takes in its place of tokens what the layer would have returned for them::

    with interpretable_embedding(model, "encoder.embedding") as embedding:
        embedded = embedding.indices_to_embeddings(tokens)
        attributions = IntegratedGradients(model).attribute(embedded, target=1)
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral
from typing import Any

import torch
from torch import Tensor, nn

from ascribe.errors import InputError
from ascribe.guard import modules_in, untouched


class InterpretableEmbeddingBase(nn.Module):
    """Stands where an embedding layer was, and passes embeddings through.

    Whatever else a model asks of the layer, such as its weight, it finds here as well.

    Parameters
    ----------
    embedding
        The layer, which `indices_to_embeddings` calls.
    full_name
        Its dotted name in the model.
    """

    def __init__(self, embedding: nn.Module, full_name: str) -> None:
        super().__init__()
        self.embedding = embedding
        self.full_name = full_name
        self.training = embedding.training

    def forward(self, *inputs: Any, **kwargs: Any) -> Tensor:
        """Return the first tensor that it is called with, by position or else by keyword.

        Raises
        ------
        InputError
            If there is none, or it holds tokens and not embeddings.
        """
        tensors = [value for value in (*inputs, *kwargs.values()) if isinstance(value, Tensor)]
        how = f"pass the model what indices_to_embeddings returns for {self.full_name!r}"
        if not tensors:
            raise InputError(f"{self.full_name!r} takes embeddings now, but came no tensor; {how}")
        if not tensors[0].is_floating_point():
            raise InputError(
                f"{self.full_name!r} takes embeddings now, but came indices "
                f"({tensors[0].dtype}); {how}"
            )
        return tensors[0]

    def indices_to_embeddings(self, *input: Any, **kwargs: Any) -> Any:
        """Return what the layer returns, in the graph where gradients are on.

        Parameters
        ----------
        *input, **kwargs
            What the layer takes, such as tokens ``(batch, length)``.

        Returns
        -------
        Tensor
            Such as ``(batch, length, dimension)``.
        """
        with untouched(modules_in(self.embedding)):
            return self.embedding(*input, **kwargs)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name == "embedding" or name.startswith("__"):  # not made yet, or Python's own
                raise
            return getattr(self.embedding, name)


@contextmanager
def interpretable_embedding(
    model: nn.Module, embedding_layer_name: str = "embedding"
) -> Iterator[InterpretableEmbeddingBase]:
    """Let a model take embeddings in the block; then it is as before, exceptions included.

    Parameters
    ----------
    model, embedding_layer_name
        As `configure_interpretable_embedding_layer` takes them.

    Yields
    ------
    InterpretableEmbeddingBase
        Which makes embeddings of tokens.
    """
    interpretable = configure_interpretable_embedding_layer(model, embedding_layer_name)
    try:
        yield interpretable
    finally:
        remove_interpretable_embedding_layer(model, interpretable)


def configure_interpretable_embedding_layer(
    model: nn.Module, embedding_layer_name: str = "embedding"
) -> InterpretableEmbeddingBase:
    """Replace an embedding layer of a model, until `remove_interpretable_embedding_layer`.

    `interpretable_embedding` does both, and is the safer way.

    Parameters
    ----------
    model
        Of which one entry changes.
    embedding_layer_name
        The dotted name of a module that turns tokens into embeddings: ``"bert.embeddings"``.

    Raises
    ------
    InputError
        If the model has no such module, or it is replaced already.
    """
    parent, key, embedding = _place(model, embedding_layer_name)
    if isinstance(embedding, InterpretableEmbeddingBase):
        raise InputError(
            f"{embedding_layer_name!r} is replaced already; first call "
            f"remove_interpretable_embedding_layer with what configuring it returned"
        )
    interpretable = InterpretableEmbeddingBase(embedding, embedding_layer_name)
    parent._modules[key] = interpretable
    return interpretable


def remove_interpretable_embedding_layer(
    model: nn.Module, interpretable_emb: InterpretableEmbeddingBase
) -> None:
    """Put back the embedding layer that `configure_interpretable_embedding_layer` replaced.

    Parameters
    ----------
    model
        As it was given there.
    interpretable_emb
        What was returned there.

    Raises
    ------
    InputError
        If it does not stand in the model.
    """
    if not isinstance(interpretable_emb, InterpretableEmbeddingBase):
        raise InputError(
            f"interpretable_emb must be what configure_interpretable_embedding_layer returned, "
            f"but is a {type(interpretable_emb).__name__}"
        )
    parent, key, standing = _place(model, interpretable_emb.full_name)
    if standing is not interpretable_emb:
        raise InputError(
            f"{interpretable_emb.full_name!r} is not replaced by this in the model: it was "
            f"removed before, or configured on another model"
        )
    parent._modules[key] = interpretable_emb.embedding


def _place(model: nn.Module, name: str) -> tuple[nn.Module, str, nn.Module]:
    """Return the module that holds the one of a dotted name, its key there, and itself."""
    *path, key = name.split(".")
    parent: nn.Module | None = model
    for part in path:
        parent = None if parent is None else parent._modules.get(part)
    found = None if parent is None else parent._modules.get(key)
    if parent is not None and found is not None:
        return parent, key, found
    modules = {known: module for known, module in model.named_modules() if known}
    embeddings = [known for known, module in modules.items() if isinstance(module, nn.Embedding)]
    near = difflib.get_close_matches(name, modules, 3) or embeddings or list(modules)[:8]
    has = f"it has, among others, {', '.join(near)}" if near else "it has none at all"
    raise InputError(f"the model has no module {name!r}; {has}")


class TokenReferenceBase:
    """Makes baselines of tokens: one token, such as that for padding, again and again.

    Parameters
    ----------
    reference_token_idx
        Which.
    """

    def __init__(self, reference_token_idx: int = 0) -> None:
        self.reference_token_idx = reference_token_idx

    def generate_reference(
        self, sequence_length: int, device: torch.device | str | None = None
    ) -> Tensor:
        """Return int64 tokens of shape ``(sequence_length,)`` on a device."""
        if not isinstance(sequence_length, Integral) or sequence_length < 0:
            raise InputError(
                f"sequence_length must be an integer of at least 0, but is {sequence_length!r}"
            )
        token, length = self.reference_token_idx, int(sequence_length)
        return torch.full((length,), token, dtype=torch.int64, device=device)

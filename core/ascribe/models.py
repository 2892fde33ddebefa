"""Image classifiers by name: the embedded one, torchvision's, or a function of the user's own."""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor, nn

from ascribe.errors import InputError, ModelError, TargetError
from ascribe.targets import tensor_output
from ascribe.vision import torchvision

#: The model that ships with Ascribe; see `ascribe.scenes`.
EMBEDDED = "scenes"

#: What that model expects: its scenes are drawn in this size.
SCENE_SIZE = (128, 128)


def pixels(picture: Image.Image) -> Tensor:
    """Return an RGB picture as ``(3, height, width)`` in [0, 1]."""
    return torch.from_numpy(np.array(picture, dtype=np.float32) / 255).permute(2, 0, 1).contiguous()


def _unscaled(inputs: Tensor) -> Tensor:
    return inputs


def _softmax(logits: Tensor) -> Tensor:
    return logits.softmax(-1)


@dataclass(frozen=True)
class ImageClassifier:
    """A model together with what it takes to show it a picture and to read its answer.

    Attributes
    ----------
    model
        From a batch ``(batch, 3, height, width)`` to logits ``(batch, categories)``.
    preprocess
        From an RGB picture to one such input, ``(3, height, width)``.
    unscale
        From a batch of inputs back to pixels in [0, 1], for people to see.
    categories
        The names of the classes; empty where they are not known.
    probabilities
        From logits to probabilities.
    """

    model: Callable[..., Any]
    preprocess: Callable[[Image.Image], Tensor] = pixels
    unscale: Callable[[Tensor], Tensor] = _unscaled
    categories: Sequence[str] = ()
    probabilities: Callable[[Tensor], Tensor] = _softmax

    def read(self, picture: Image.Image) -> Tensor:
        """Return a picture as a batch of one."""
        return self.preprocess(picture)[None]

    def as_seen(self, inputs: Tensor) -> np.ndarray[Any, Any]:
        """Return a batch of inputs as pictures ``(batch, height, width, 3)`` in [0, 1]."""
        return self.unscale(inputs).clamp(0, 1).permute(0, 2, 3, 1).cpu().numpy()

    def predict(self, inputs: Tensor) -> Tensor:
        """Return the probability of each category: ``(batch, categories)``.

        Raises
        ------
        ModelError
            If the model fails on the inputs, or returns something else.
        """
        try:
            with torch.no_grad():
                logits = tensor_output(self.model(inputs))
        except (RuntimeError, TypeError, ValueError) as error:
            cause = str(error).partition("\n")[0]
            raise ModelError(f"the model fails on this picture: {cause}") from error
        if logits.dim() != 2:
            raise ModelError(
                f"a classifier must return (batch, categories), but returned the shape "
                f"{tuple(logits.shape)}; attribute other models from Python, with ascribe.explain"
            )
        return self.probabilities(logits)

    def name(self, index: int) -> str:
        """Return a class's name, or its number where names are not known."""
        return self.categories[index] if index < len(self.categories) else str(index)

    def target(self, text: str) -> int:
        """Return the class that a number or a name says.

        Raises
        ------
        TargetError
            If no class, or more than one, goes by that name.
        """
        if text.lstrip("-").isdigit():
            return int(text)
        matches = [i for i, name in enumerate(self.categories) if name.lower() == text.lower()]
        if len(matches) == 1:
            return matches[0]
        if matches:
            numbers = " and ".join(map(str, matches))
            raise TargetError(f"the category {text!r} is the name of {numbers}; choose by number")
        if not self.categories:
            raise TargetError(
                f"the model has no names for its categories: {text!r} must be a number"
            )
        near = difflib.get_close_matches(text.lower(), [n.lower() for n in self.categories], n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise TargetError(f"the model has no category {text!r}{hint}")


def load_picture(path: str | PathLike[str]) -> Image.Image:
    """Read a picture as RGB, upright.

    Raises
    ------
    InputError
        If there is no such file or it is no picture.
    """
    try:
        with Image.open(path) as stored:
            return ImageOps.exif_transpose(stored).convert("RGB")
    except FileNotFoundError:
        raise InputError(f"there is no file {path}") from None
    except UnidentifiedImageError:
        raise InputError(f"{path} is not an image that Pillow can read") from None
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{path} cannot be read as an image: {error}") from None


def load_classifier(name: str = EMBEDDED, weights: str | None = None) -> ImageClassifier:
    """Load an image classifier, in evaluation mode.

    Parameters
    ----------
    name
        ``scenes``, the embedded classifier of drawn animals; ``torchvision:resnet18`` or any
        other classifier of torchvision; or ``module:attribute``, which is a model, an
        `ImageClassifier`, or a function that returns one of these.
    weights
        For torchvision's: ``DEFAULT`` or another entry of its enum of weights, or a file:
        ``.pt`` or ``.pth`` (loaded without running code), ``.safetensors`` or ``.npz``.

    Raises
    ------
    ModelError
        If there is no such model, or its weights cannot be reached or do not fit.
    """
    source, _, rest = name.partition(":")
    if source == "torchvision" and rest:
        return _from_torchvision(rest, weights or "DEFAULT")
    if weights is not None:
        raise ModelError(f"weights can be chosen for torchvision:NAME only, not for {name!r}")
    if name == EMBEDDED:
        return _embedded()
    if not rest:
        raise ModelError(
            f"no model is called {name!r}; choose {EMBEDDED}, torchvision:NAME or module:attribute"
        )
    return _from_module(source, rest)


def _embedded() -> ImageClassifier:
    from ascribe import scenes  # only where it is used: it reads its weights from the package

    def preprocess(picture: Image.Image) -> Tensor:
        return pixels(ImageOps.fit(picture, SCENE_SIZE, Image.Resampling.BICUBIC))

    return ImageClassifier(
        scenes.load_classifier(),
        preprocess=preprocess,
        categories=scenes.CATEGORIES,
        probabilities=torch.sigmoid,
    )


def _from_torchvision(name: str, weights: str) -> ImageClassifier:
    models = torchvision().models
    names = models.list_models(module=models)
    if name not in names:
        near = difflib.get_close_matches(name, names, n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise ModelError(f"torchvision has no classifier {name!r}{hint}")
    entries = {entry.name: entry for entry in models.get_model_weights(name)}
    if weights == "DEFAULT":
        weights = models.get_model_weights(name).DEFAULT.name
    if weights in entries:
        model = _downloaded(name, entries[weights])
        entry = entries[weights]
    else:
        model = models.get_model(name, weights=None)
        _fill(model, Path(weights), f"torchvision:{name}", list(entries))
        entry = next(iter(entries.values()))
    transform = entry.transforms()
    mean, std = (torch.tensor(v).reshape(3, 1, 1) for v in (transform.mean, transform.std))
    return ImageClassifier(
        model.eval(),
        preprocess=transform,
        unscale=lambda inputs: inputs * std.to(inputs) + mean.to(inputs),
        categories=entry.meta["categories"],
    )


def _downloaded(name: str, entry: Any) -> nn.Module:
    try:
        return torchvision().models.get_model(name, weights=entry)
    except (OSError, RuntimeError) as error:
        raise ModelError(
            f"the weights {entry.name} of {name} cannot be fetched ({error}); "
            f"give a file of weights instead"
        ) from error


def _fill(model: nn.Module, path: Path, name: str, entries: list[str]) -> None:
    if not path.is_file():
        raise ModelError(
            f"there are no weights {str(path)!r} for {name}: it is no file, and no entry of "
            f"{', '.join(entries)}"
        )
    state = _read_weights(path)
    try:
        model.load_state_dict(state)
    except (RuntimeError, AttributeError, TypeError) as error:
        cause = " ".join(str(error).split())
        raise ModelError(f"the weights in {path} do not fit {name}: {cause[:300]}") from error


def _read_weights(path: Path) -> dict[str, Tensor]:
    readers = {".pt": _read_pt, ".pth": _read_pt, ".npz": _read_npz, ".safetensors": _read_safe}
    if path.suffix not in readers:
        raise ModelError(f"weights must be one of {', '.join(readers)}, but are {path.name}")
    try:
        return readers[path.suffix](path)
    except ModelError:
        raise
    except Exception as error:  # whatever a damaged file makes its reader raise
        cause = str(error).strip().partition("\n")[0]
        raise ModelError(f"the weights in {path} cannot be read: {cause}") from error


def _read_pt(path: Path) -> dict[str, Tensor]:
    stored = torch.load(path, map_location="cpu", weights_only=True)
    return stored.get("state_dict", stored) if isinstance(stored, dict) else stored


def _read_npz(path: Path) -> dict[str, Tensor]:
    with np.load(path, allow_pickle=False) as stored:
        return {name: torch.from_numpy(stored[name]) for name in stored.files}


def _read_safe(path: Path) -> dict[str, Tensor]:
    try:
        from safetensors.torch import load_file
    except ImportError:
        raise ModelError(
            f"reading {path.name} needs the package safetensors: pip install ascribe[safetensors]"
        ) from None
    return load_file(path)


def _from_module(module: str, attribute: str) -> ImageClassifier:
    where = f"{module}:{attribute}"
    if "" not in sys.path:
        sys.path.insert(0, "")  # a model beside the caller, as `python -m` finds it
    try:
        found = getattr(importlib.import_module(module), attribute)
        if not isinstance(found, (nn.Module, ImageClassifier)):
            found = found()
    except Exception as error:  # the user's own code may raise anything
        cause = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise ModelError(f"the model {where} cannot be loaded: {cause}") from error
    if not callable(found) and not isinstance(found, ImageClassifier):
        raise ModelError(f"{where} must be or return a model, but gives {type(found).__name__}")
    classifier = found if isinstance(found, ImageClassifier) else ImageClassifier(found)
    if isinstance(classifier.model, nn.Module):
        classifier.model.eval()
    return classifier

"""The model randomisation test: is an attribution another one once weights are random?

Adebayo, Gilmer, Muelly, Goodfellow, Hardt and Kim, "Sanity Checks for Saliency Maps", NeurIPS 2018,
https://arxiv.org/abs/1810.03292

Departure: a weight is drawn from a normal distribution with mean and standard deviation of the
tensor that it belongs to, so that what is lost is what was learnt, and not the scale.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ascribe.draws import generator_of
from ascribe.errors import InputError
from ascribe.metrics.map_similarity import SIMILARITIES
from ascribe.metrics.places import Places

#: All layers from the top down to one, or one alone.
MODES = ("cascading", "independent")


def randomisation(
    model: nn.Module,
    explain: Callable[[nn.Module], Any],
    mode: str = "cascading",
    similarity: str = "spearman",
    layers: Sequence[str] | None = None,
    *,
    channels: bool | None = None,
    several_targets: bool = False,
    seed: int = 0,
) -> dict[str, Tensor]:
    """Return how like attributions stay as layers of a private copy of the model turn random.

    Parameters
    ----------
    model
        The model. It is left as it is: what is randomised is a copy.
    explain
        From a model to attributions, such as ``lambda net: Saliency(net).attribute(x, target=3)``.
        It is called with copies, and must use what it is given: also for a layer, by name.
    mode
        ``cascading`` randomises the layers from the output to the input, one more at each step;
        ``independent`` one layer at a time.
    similarity
        ``spearman``, the rank correlation of magnitudes; ``ssim``, the structural similarity of
        magnitudes; or ``cosine``, of signed values.
    layers
        Dotted names of modules with parameters of their own, in the order in which they are
        randomised; by default all that run, the last first.
    channels, several_targets
        See `ascribe.metrics.places.Places.of`: attributions of channels are added up.
    seed
        Of the random weights.

    Returns
    -------
    dict of str to Tensor
        By layer, in the order of the steps: ``(batch,)``, or ``(targets, batch)``, at most 1. Low
        is good: an attribution that stays as it was tells nothing of what the model has learnt.

    Raises
    ------
    InputError
        If the model cannot be copied, a layer is unknown, or attributions are not finite.
    """
    if mode not in MODES:
        raise InputError(f"mode must be one of {', '.join(MODES)}, but is {mode!r}")
    if similarity not in SIMILARITIES:
        known = ", ".join(SIMILARITIES)
        raise InputError(f"similarity must be one of {known}, but is {similarity!r}")
    generator = generator_of(seed)
    net = _copy(model)
    with _recorded(net) as order:
        before = Places.of(explain(net), "all", channels, several_targets)
    found = {}
    for name in _chosen(net, order, layers):
        net = _copy(model) if mode == "independent" else net
        _randomise(net.get_submodule(name), generator)
        after = Places.of(explain(net), "all", channels, several_targets)
        if after.values.shape != before.values.shape:
            raise InputError("explain must return attributions of one shape for every model")
        sides = before.layouts[0].sides if len(before.layouts) == 1 else ()
        alike = SIMILARITIES[similarity](before.values, after.values, sides)
        found[name] = before.pack(alike)
    return found


def randomisation_similarity(
    model: nn.Module, explain: Callable[[nn.Module], Any], *args: Any, **options: Any
) -> Tensor:
    """Return the mean of `randomisation` over all layers: ``(batch,)`` or ``(targets, batch)``."""
    return torch.stack(list(randomisation(model, explain, *args, **options).values())).mean(0)


def _copy(model: nn.Module) -> nn.Module:
    if not isinstance(model, nn.Module):
        raise InputError(
            f"randomisation needs a model that is an nn.Module, but it is a {type(model).__name__}"
        )
    try:
        return copy.deepcopy(model)
    except Exception as error:  # whatever a module of the user's own makes copy raise
        raise InputError(
            f"the model cannot be copied, and so not randomised: {error}; a tensor that is kept on "
            f"it may be part of a graph"
        ) from error


@contextmanager
def _recorded(net: nn.Module) -> Iterator[dict[str, None]]:
    """Yield the names of modules that run in the block, in the order in which they first do."""
    order: dict[str, None] = {}

    def noting(name: str) -> Callable[..., None]:
        return lambda module, args: order.setdefault(name)

    with ExitStack() as stack:
        for name, module in net.named_modules():
            stack.callback(module.register_forward_pre_hook(noting(name)).remove)
        yield order


def _chosen(net: nn.Module, order: Iterable[str], layers: Sequence[str] | None) -> list[str]:
    """Return the layers to randomise, the first first."""
    known = {name for name, module in net.named_modules() if _weights(module)}
    if layers is None:
        ran = [name for name in order if name in known]
        if not ran:
            raise InputError(
                "explain must run the model that it is given, which must have layers with "
                "parameters, but none of its layers ran"
            )
        return ran[::-1]
    unknown = [name for name in layers if name not in known]
    if unknown or not layers:
        raise InputError(
            f"layers must be names of modules with parameters of their own, such as "
            f"{', '.join(sorted(known)[:3])}, but are {list(layers)}"
        )
    return list(layers)


def _weights(module: nn.Module) -> list[nn.Parameter]:
    own = module.parameters(recurse=False)
    return [p for p in own if not is_lazy(p) and p.is_floating_point()]


@torch.no_grad()
def _randomise(module: nn.Module, generator: torch.Generator) -> None:
    for parameter in _weights(module):
        drawn = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        values = parameter.detach().cpu().double()
        spread = values.std(correction=0)
        parameter.copy_((values.mean() + spread * drawn).to(parameter))

"""Algorithms by the names and signatures that users of Captum know.

``from ascribe.attr import Occlusion, visualization as viz`` asks the registry for ``Occlusion``,
whichever installed package provides it; nothing else is imported.
"""

import importlib
from typing import Any

from ascribe import registry
from ascribe.attribution import Attribution, GradientAttribution, PerturbationAttribution
from ascribe.errors import UnknownPluginError
from ascribe.internal import InternalAttribution, LayerAttribution, NeuronAttribution

_BASES = {
    cls.__name__: cls
    for cls in (
        Attribution,
        GradientAttribution,
        PerturbationAttribution,
        InternalAttribution,
        LayerAttribution,
        NeuronAttribution,
    )
}


def __getattr__(name: str) -> Any:
    if name in _BASES:
        return _BASES[name]
    if name == "visualization":
        return importlib.import_module("ascribe.attr.visualization")
    if not name[:1].isupper():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return registry.attributions.get(name)
    except UnknownPluginError as error:
        raise AttributeError(str(error)) from None


def __dir__() -> list[str]:
    # Listing what there is loads every plugin: only here, where someone asks for it.
    listing = registry.attributions.listing()
    return sorted([*_BASES, "visualization", *(c.__name__ for row in listing for c in row.classes)])

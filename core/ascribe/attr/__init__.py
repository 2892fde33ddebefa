"""Algorithms by the names and signatures that users of Captum know.

``from ascribe.attr import Occlusion, visualization as viz`` asks the registry for ``Occlusion``,
whichever installed package provides it; nothing else is imported.
"""

import importlib
from typing import Any

from ascribe import registry
from ascribe.errors import UnknownPluginError

#: What is no plugin, by the module that it comes from.
_FROM = {
    "attribution": ["Attribution", "GradientAttribution", "PerturbationAttribution"],
    "internal": ["InternalAttribution", "LayerAttribution", "NeuronAttribution"],
    "batch_roles": ["InputRole"],
    "data_loader_attribution": ["DataLoaderAttribution"],
    "embeddings": [
        "InterpretableEmbeddingBase",
        "TokenReferenceBase",
        "configure_interpretable_embedding_layer",
        "interpretable_embedding",
        "remove_interpretable_embedding_layer",
    ],
    "lrp_rules": [
        "PropagationRule",
        "EpsilonRule",
        "GammaRule",
        "AlphaBetaRule",
        "Alpha1_Beta0_Rule",
        "WSquareRule",
        "FlatRule",
        "ZBoxRule",
        "IdentityRule",
    ],
    "linear_models": ["LinearModel", "LinearRegression", "Ridge", "Lasso"],
    "similarities": ["get_exp_kernel_similarity_function"],
    "stats": ["Stat", "Count", "Mean", "MSE", "Var", "StdDev", "Min", "Max", "Sum", "CommonStats"],
    "summaries": ["Summarizer", "ClassSummarizer"],
}
_MODULES = {name: module for module, names in _FROM.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "__all__":  # of ``from ascribe.attr import *``
        return __dir__()
    if name in _MODULES:
        return getattr(importlib.import_module(f"ascribe.{_MODULES[name]}"), name)
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
    return sorted(
        [*_MODULES, "visualization", *(c.__name__ for row in listing for c in row.classes)]
    )

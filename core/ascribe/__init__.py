"""Ascribe: why did a PyTorch model answer as it did?

The names below are what programs and plugins need; the modules they come from hold the rest.
"""

from ascribe.attribution import Attribution, GradientAttribution, PerturbationAttribution
from ascribe.data_sets import explain_data
from ascribe.errors import (
    AscribeError,
    AscribeWarning,
    InputError,
    ModelError,
    ParameterError,
    PluginConflict,
    PluginLoadError,
    TargetError,
    UnknownPluginError,
)
from ascribe.explaining import explain
from ascribe.explanation import Explanation
from ascribe.forward import Forward
from ascribe.hookspecs import hookimpl
from ascribe.image_renderer import ImageRenderer
from ascribe.renderer import Renderer
from ascribe.targets import Targets

__all__ = [
    "AscribeError",
    "AscribeWarning",
    "Attribution",
    "Explanation",
    "Forward",
    "GradientAttribution",
    "ImageRenderer",
    "InputError",
    "ModelError",
    "ParameterError",
    "PerturbationAttribution",
    "PluginConflict",
    "PluginLoadError",
    "Renderer",
    "TargetError",
    "Targets",
    "UnknownPluginError",
    "explain",
    "explain_data",
    "hookimpl",
]

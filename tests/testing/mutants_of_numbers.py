"""Methods with one bug each: their numbers are wrong."""

from __future__ import annotations

import contextlib
import math

import numpy as np
import torch
from torch import Tensor, nn

from ascribe import hookimpl  # noqa: F401 - what a plugin imports
from ascribe.attr import FeatureAblation, InputXGradient, IntegratedGradients, Occlusion, Saliency
from ascribe.batching import Chunk
from ascribe.gradient import sum_of_gradients
from ascribe.perturbation import ablate
from ascribe.windows import Windows


def changed(method, function):
    """Return a subclass of a method that does something more to what comes out."""

    class Changed(method):
        def attribute(self, inputs, *args, **kwargs):
            found = super().attribute(inputs, *args, **kwargs)
            return tuple(map(function, found)) if isinstance(found, tuple) else function(found)

        attribute.__signature__ = __import__("inspect").signature(method.attribute)

    return Changed

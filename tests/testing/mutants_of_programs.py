"""Methods with one bug each: they leave a trace on the program, or on themselves."""

from __future__ import annotations

import random
import warnings

import numpy as np
import torch

from ascribe.attr import IntegratedGradients, Saliency


class DrawsFromTorch(Saliency):
    """Draws from the global random state of torch."""

    def attribute(self, inputs, target=None):
        torch.rand(())
        return super().attribute(inputs, target)


class DrawsFromNumpy(Saliency):
    """Draws from the global random state of numpy."""

    def attribute(self, inputs, target=None):
        np.random.rand()
        return super().attribute(inputs, target)


class DrawsFromPython(Saliency):
    """Draws from the global random state of Python."""

    def attribute(self, inputs, target=None):
        random.random()
        return super().attribute(inputs, target)


class SeedsTorch(Saliency):
    """Seeds the global generator, so that every caller's numbers repeat."""

    def attribute(self, inputs, target=None):
        torch.manual_seed(0)
        return super().attribute(inputs, target)


class SeedsNumpy(Saliency):
    """Seeds numpy's global generator."""

    def attribute(self, inputs, target=None):
        np.random.seed(0)
        return super().attribute(inputs, target)


class SeedsPython(Saliency):
    """Seeds Python's global generator."""

    def attribute(self, inputs, target=None):
        random.seed(0)
        return super().attribute(inputs, target)


class ChangesDefaultDtype(Saliency):
    """Makes double precision the default for the rest of the program."""

    def attribute(self, inputs, target=None):
        torch.set_default_dtype(torch.float64)
        return super().attribute(inputs, target)


class SilencesWarnings(Saliency):
    """Turns warnings off for the rest of the program."""

    def attribute(self, inputs, target=None):
        warnings.filterwarnings("ignore", category=RuntimeWarning)
        return super().attribute(inputs, target)


class LeavesGradientsOff(Saliency):
    """Turns autograd off for the rest of the program."""

    def attribute(self, inputs, target=None):
        torch.set_grad_enabled(False)
        return super().attribute(inputs, target)


class RemembersAcrossCalls(IntegratedGradients):
    """Gathers in an attribute that no second call of the same instance clears."""

    total = 0.0

    def attribute(self, inputs, baselines=None, target=None):
        found = super().attribute(inputs, baselines, target)
        if isinstance(found, tuple):
            return found
        self.total = (
            found + self.total if getattr(self.total, "shape", None) == found.shape else found
        )
        return self.total


class CachesOnInstance(IntegratedGradients):
    """Gives the old answer to new inputs of the old shape."""

    def attribute(self, inputs, baselines=None, target=None):
        if isinstance(inputs, tuple):
            return super().attribute(inputs, baselines, target)
        cache = self.__dict__.setdefault("cache", {})
        key = (tuple(inputs.shape), inputs.dtype, str(target))
        if key not in cache:
            cache[key] = super().attribute(inputs, baselines, target)
        return cache[key]


TRACE = "leaves_no_trace"

#: The mutant, its parameters, the property that must catch it and what the message must tell.
MUTANTS = [
    (DrawsFromTorch, {}, TRACE, "torch's random state"),
    (DrawsFromNumpy, {}, TRACE, "numpy's random state"),
    (DrawsFromPython, {}, TRACE, "Python's random state"),
    (SeedsTorch, {}, TRACE, "torch's random state"),
    (SeedsNumpy, {}, TRACE, "numpy's random state"),
    (SeedsPython, {}, TRACE, "Python's random state"),
    (LeavesGradientsOff, {}, TRACE, "autograd's mode"),
    (ChangesDefaultDtype, {}, TRACE, "default dtype"),
    (SilencesWarnings, {}, TRACE, "filters of warnings"),
    (RemembersAcrossCalls, {}, "calls_are_independent", "in a second call"),
    (CachesOnInstance, {}, "calls_are_independent", "after the inputs changed in place"),
]

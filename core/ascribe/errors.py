"""Every error and warning that Ascribe raises of its own.

Each is also the built-in error that a caller would expect, so that ``except ValueError`` works.
"""


class AscribeError(Exception):
    """The base of all errors that Ascribe raises."""


class InputError(AscribeError, ValueError):
    """Inputs, baselines, masks or parameters that cannot be attributed as they are."""


class TargetError(InputError):
    """A target that does not choose one score per example from what the model returns."""


class ParameterError(AscribeError, TypeError):
    """A parameter that the method or renderer does not take, or one that it misses."""


class ModelError(AscribeError, RuntimeError):
    """A model, its weights or a picture that cannot be loaded."""


class UnsupportedOperation(AscribeError, NotImplementedError):  # noqa: N818 - the word says it
    """An operation in the model that a method has no rule for."""


class UnknownPluginError(AscribeError, LookupError):
    """No plugin goes by that name."""


class PluginLoadError(AscribeError, ImportError):
    """A plugin that does not import, does not implement its hook, or breaks its rules."""


class PluginConflict(PluginLoadError):  # noqa: N818 - the word says it
    """A name that more than one plugin claims."""


class AscribeWarning(UserWarning):
    """Something that may make a result mean other than what its reader thinks."""

"""The contract of a plugin: a module that implements one of the two hooks below.

A plugin is found through an entry point in the group of its hook, whose name is the snake-case
name of what it provides::

    [project.entry-points."ascribe.attributions"]
    smooth_taylor = "my_package.smooth_taylor"

and implements the hook in that module::

    from ascribe import hookimpl

    @hookimpl
    def ascribe_attributions():
        return [SmoothTaylor]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from ascribe.attribution import Attribution
    from ascribe.renderer import Renderer

hookspec = pluggy.HookspecMarker("ascribe")
hookimpl = pluggy.HookimplMarker("ascribe")


@hookspec
def ascribe_attributions() -> Sequence[type[Attribution]]:
    """Return the classes that one algorithm provides, its plain form first.

    Each is a subclass of `ascribe.Attribution` whose name in snake case, with or without a
    leading ``Layer`` or ``Neuron``, is the name of the entry point (group
    ``ascribe.attributions``): ``occlusion`` provides ``Occlusion`` and may provide
    ``LayerOcclusion``.
    """
    raise NotImplementedError


@hookspec
def ascribe_renderers() -> Sequence[type[Renderer]]:
    """Return the class that one way of drawing provides.

    It is a subclass of `ascribe.Renderer` whose name in snake case is the name of the entry
    point (group ``ascribe.renderers``): ``heat_map`` provides ``HeatMap``.
    """
    raise NotImplementedError

"""What metadata says of plugins: their names, and who offers them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata


@dataclass(frozen=True)
class Plugin:
    """A plugin as its metadata tells it, before anything is imported."""

    name: str
    module: str
    distribution: str
    version: str
    load: Callable[[], object]

    @property
    def qualified_name(self) -> str:
        """The name that tells it from a namesake in another distribution."""
        return f"{self.distribution}:{self.name}"

    def __str__(self) -> str:
        return f"plugin {self.name!r} ({self.module}, from {self.distribution} {self.version})"


def snake_case(name: str) -> str:
    """Return ``InputXGradient`` as ``input_x_gradient`` and ``GradCAM`` as ``grad_cam``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def plugin_names(class_name: str) -> list[str]:
    """Return the entry points that may provide a class: its own name first, then its family's."""
    family = re.sub(r"^(Layer(?=[A-Z])|Neuron(?=[A-Z])|layer_|neuron_)", "", class_name)
    return list(dict.fromkeys([snake_case(class_name), snake_case(family)]))


def discover(group: str) -> list[Plugin]:
    """Return the plugins of an entry-point group, from metadata alone."""
    found = []
    for entry in metadata.entry_points(group=group):
        distribution, version = ("unknown", "-")
        if entry.dist is not None:
            distribution, version = entry.dist.name, entry.dist.version
        found.append(Plugin(entry.name, entry.value, distribution, version, entry.load))
    return found


def blocked_names() -> set[str]:
    """Return the names that the environment variable ``ASCRIBE_BLOCK`` leaves out."""
    names = os.environ.get("ASCRIBE_BLOCK", "").split(",")
    return {name.strip() for name in names if name.strip()}


def conflict(name: str, offers: list[Plugin]) -> str:
    """Say who claims a name, whose it is, and how to get at the others'."""
    claims = " and by ".join(f"{p.distribution} {p.version} ({p.module})" for p in offers)
    kept = "ascribe's own is used; " if offers[0].distribution == "ascribe" else ""
    others = offers[1:] if kept else offers
    ways = " or ".join(repr(plugin.qualified_name) for plugin in others)
    return (
        f"the name {name!r} is claimed by {claims}; {kept}ask for {ways}, "
        f"or leave one out with ASCRIBE_BLOCK={others[0].qualified_name}"
    )

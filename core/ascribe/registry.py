"""Which algorithms and renderers there are: found by metadata, imported when first asked for."""

from __future__ import annotations

import difflib
import re
import threading
import types
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pluggy

from ascribe import hookspecs
from ascribe.attribution import Attribution
from ascribe.discovery import (
    Plugin,
    blocked_names,
    conflict,
    discover,
    plugin_names,
    snake_case,
)
from ascribe.errors import AscribeWarning, PluginConflict, PluginLoadError, UnknownPluginError
from ascribe.renderer import Renderer

T = TypeVar("T")

#: The distribution of a plugin that was registered by hand.
BY_HAND = "registered by hand"


@dataclass(frozen=True)
class Listing(Generic[T]):
    """A plugin after the attempt to load it: its classes, or the error that says why not."""

    plugin: Plugin
    classes: list[type[T]]
    error: PluginLoadError | None = None


class Registry(Generic[T]):
    """The plugins of one kind.

    Names come from metadata alone; `get` imports the one plugin that is asked for. A plugin that
    cannot be loaded raises when it is asked for and disturbs no other.

    Parameters
    ----------
    group
        The entry-point group.
    hook
        The name of the hook that a plugin of this kind implements.
    base
        The class that everything a plugin provides must derive from.
    """

    def __init__(self, group: str, hook: str, base: type[T]) -> None:
        self.group = group
        self._hook = hook
        self._base = base
        self._lock = threading.RLock()
        self.refresh()

    def refresh(self) -> None:
        """Forget every plugin, so that what was installed or blocked since is seen."""
        with self._lock:
            self._manager = pluggy.PluginManager("ascribe")
            self._manager.add_hookspecs(hookspecs)
            self._found: list[Plugin] | None = None
            self._by_hand: dict[str, Plugin] = {}

    def plugins(self) -> list[Plugin]:
        """Return all plugins, sorted by name, less those that ``ASCRIBE_BLOCK`` leaves out."""
        blocked = blocked_names()
        with self._lock:
            if self._found is None:
                self._found = discover(self.group)
            everything = [*self._found, *self._by_hand.values()]
        allowed = [p for p in everything if not {p.name, p.qualified_name} & blocked]
        return sorted(allowed, key=lambda p: (p.name, p.distribution != "ascribe", p.distribution))

    def names(self) -> list[str]:
        """Return the names that `get` takes, importing nothing."""
        return list(dict.fromkeys(plugin.name for plugin in self.plugins()))

    def find(self, name: str) -> Plugin:
        """Return the plugin that goes by a name, importing nothing.

        Parameters
        ----------
        name
            A plugin's name, or ``distribution:name`` where several distributions offer it.

        Raises
        ------
        UnknownPluginError
            If there is none; the message suggests near ones.
        PluginConflict
            If several distributions other than Ascribe itself offer it.
        """
        plugins = self.plugins()
        offers = [plugin for plugin in plugins if name in (plugin.name, plugin.qualified_name)]
        if not offers:
            raise UnknownPluginError(self._unknown(name))
        if len(offers) > 1:
            if offers[0].distribution != "ascribe":
                raise PluginConflict(conflict(name, offers))
            # A name of ours keeps its meaning whatever is installed beside it.
            warnings.warn(conflict(name, offers), AscribeWarning, stacklevel=3)
        return offers[0]

    def get(self, name: str) -> type[T]:
        """Return a class, importing the plugin that provides it and no other.

        Parameters
        ----------
        name
            A plugin's name (``occlusion``), which gives its first class, the name of a class
            (``Occlusion``, ``LayerConductance`` or ``layer_conductance``), or
            ``distribution:name``.

        Raises
        ------
        UnknownPluginError
            If there is none; the message suggests near ones.
        PluginLoadError
            If the plugin cannot be loaded; the message names it, its distribution and the cause.
        """
        names = self.names()
        of_class = re.match(r"[A-Z]", name) or (
            re.match(r"(layer|neuron)_", name) and name not in names
        )
        if not of_class:
            return self.classes(name)[0]
        for candidate in plugin_names(name):
            if candidate in names:
                for cls in self.classes(candidate):
                    if name in (cls.__name__, snake_case(cls.__name__)):
                        return cls
        raise UnknownPluginError(self._unknown(name))

    def classes(self, name: str) -> list[type[T]]:
        """Return all the classes that one plugin provides. Raises as `get` does."""
        return self._load(self.find(name))

    def plugin_of(self, cls: type) -> Plugin | None:
        """Return the plugin that a class is found through, importing nothing."""
        names = self.names()
        known = [name for name in plugin_names(cls.__name__) if name in names]
        return self.find(known[0]) if known else None

    def listing(self) -> list[Listing[T]]:
        """Load every plugin and return what each provides, or why it cannot be used."""
        return [self._listed(plugin) for plugin in self.plugins()]

    def register(self, plugin: object, name: str | None = None) -> None:
        """Add a plugin by hand, as a notebook or a test does; a second time replaces the first.

        Parameters
        ----------
        plugin
            A class, or a module or object that implements the hook.
        name
            The plugin's name; for a class, its own in snake case by default.

        Raises
        ------
        PluginConflict
            If an installed distribution offers that name already.
        PluginLoadError
            If the plugin breaks a rule. Nothing is registered then.
        """
        if isinstance(plugin, type):
            name = name or plugin_names(plugin.__name__)[-1]
            plugin = types.SimpleNamespace(**{self._hook: _hook_returning([plugin])})
        if name is None:
            raise PluginLoadError("a plugin that is not a class needs a name: register(it, 'name')")
        module = getattr(plugin, "__name__", type(plugin).__name__)
        made = Plugin(name, module, BY_HAND, "-", lambda: plugin)
        with self._lock:
            offers = [p for p in self.plugins() if p.name == name and p.distribution != BY_HAND]
            if offers:
                raise PluginConflict(
                    f"the name {name!r} is that of {offers[0]}; choose another for what you add"
                )
            self.unregister(name)
            self._load(made)
            self._by_hand[name] = made

    def unregister(self, name: str) -> None:
        """Take back a plugin that was registered by hand; unknown names are no error."""
        with self._lock:
            plugin = self._by_hand.pop(name, None)
            if plugin is not None:
                self._manager.unregister(name=plugin.qualified_name)

    def _load(self, plugin: Plugin) -> list[type[T]]:
        loaded = self._manager.get_plugin(plugin.qualified_name)
        try:
            # Without the lock: an import waits for other imports, and one of them may wait for us.
            loaded = loaded or plugin.load()
        except (Exception, SystemExit) as error:
            raise PluginLoadError(_cannot_load(plugin, error)) from error
        with self._lock:
            try:
                if not self._manager.has_plugin(plugin.qualified_name):
                    self._manager.register(loaded, plugin.qualified_name)
                    self._manager.check_pending()
                return self._provided(plugin, loaded)
            except (Exception, SystemExit) as error:
                if self._manager.has_plugin(plugin.qualified_name):
                    self._manager.unregister(name=plugin.qualified_name)
                if isinstance(error, PluginLoadError):
                    raise
                raise PluginLoadError(_cannot_load(plugin, error)) from error

    def _provided(self, plugin: Plugin, loaded: object) -> list[type[T]]:
        hook = getattr(self._manager.hook, self._hook)
        own = [impl for impl in hook.get_hookimpls() if impl.plugin is loaded]
        if not own:
            raise PluginLoadError(f"{plugin} does not implement the hook {self._hook}")
        classes = own[0].function()
        self._check(plugin, classes)
        return list(classes)

    def _check(self, plugin: Plugin, classes: Any) -> None:
        rule = f"{plugin} breaks a rule: {self._hook} must return "
        if not isinstance(classes, Sequence) or isinstance(classes, str) or not classes:
            raise PluginLoadError(f"{rule}a non-empty list of classes, but returned {classes!r}")
        for cls in classes:
            if not (isinstance(cls, type) and issubclass(cls, self._base)):
                wanted = f"subclasses of ascribe.{self._base.__name__}"
                raise PluginLoadError(f"{rule}{wanted}, but returned {cls!r}")
            if missing := sorted(getattr(cls, "__abstractmethods__", ())):
                raise PluginLoadError(
                    f"{rule}complete classes, but {cls.__name__} has no {missing}"
                )
            if plugin.name not in plugin_names(cls.__name__):
                belongs = " or ".join(map(repr, plugin_names(cls.__name__)))
                raise PluginLoadError(
                    f"{rule}classes named for it, but {cls.__name__} belongs to a plugin {belongs}"
                )

    def _listed(self, plugin: Plugin) -> Listing[T]:
        namesakes = [other for other in self.plugins() if other.name == plugin.name]
        if len(namesakes) > 1 and plugin.distribution != "ascribe":
            return Listing(plugin, [], PluginConflict(conflict(plugin.name, namesakes)))
        try:
            return Listing(plugin, self._load(plugin))
        except PluginLoadError as error:
            return Listing(plugin, [], error)

    def _unknown(self, name: str) -> str:
        kind = self._hook.removeprefix("ascribe_").removesuffix("s")
        if {name, *plugin_names(name)} & blocked_names():
            return f"the {kind} {name!r} is left out by ASCRIBE_BLOCK"
        names = self.names()
        near = difflib.get_close_matches(plugin_names(name)[-1], names, n=3, cutoff=0.6)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names)}"
        return f"no {kind} is called {name!r}; {hint}"


def _hook_returning(classes: list[type]) -> Callable[[], list[type]]:
    return hookspecs.hookimpl(lambda: classes)


def _cannot_load(plugin: Plugin, error: BaseException) -> str:
    return f"{plugin} cannot be loaded: {type(error).__name__}: {error}"


attributions: Registry[Attribution] = Registry(
    "ascribe.attributions",
    "ascribe_attributions",
    Attribution,  # type: ignore[type-abstract]
)
renderers: Registry[Renderer] = Registry(
    "ascribe.renderers",
    "ascribe_renderers",
    Renderer,  # type: ignore[type-abstract]
)

"""What the entries of a batch of a data set are for."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from torch import Tensor

from ascribe.binding import copied
from ascribe.errors import InputError


class InputRole(IntEnum):
    """What an entry of a batch is for."""

    #: The model takes it, and it is attributed.
    need_attr = 0
    #: The model takes it.
    need_forward = 1
    #: The model does not take it: a label, say.
    no_forward = 2


@dataclass(frozen=True)
class Batch:
    """The entries of a batch, each with its role.

    Attributes
    ----------
    entries
        By their keys in a dict, which name keyword arguments of the model, else by their numbers.
    roles
        Of each entry.
    form
        ``Tensor``, ``tuple`` or ``dict``.
    """

    entries: dict[Hashable, Any]
    roles: dict[Hashable, InputRole]
    form: type

    @classmethod
    def of(cls, batch: Any, input_roles: Any = None) -> Batch:
        """Read a batch as a data loader gives it.

        Parameters
        ----------
        batch
            A tensor, or a tuple, list or dict of entries.
        input_roles
            An `InputRole`, or its number, for each entry: in a tuple or list in the order of the
            entries, or in a dict by their keys. By default all of them need attribution.

        Raises
        ------
        InputError
            If the batch is none, or has other entries than roles, or none to attribute.
        """
        entries, form = _entries(batch)
        roles = _roles(entries, input_roles)
        if InputRole.need_attr not in roles.values():
            raise InputError(
                f"input_roles must give at least one entry the role {InputRole.need_attr}, which "
                f"needs attribution, but are {list(map(int, roles.values()))}"
            )
        return cls(entries, roles, form)

    @property
    def attributed(self) -> Any:
        """What needs attribution: a tensor, or a tuple or dict of entries."""
        return self._packed(self._with(InputRole.need_attr))

    @property
    def forwarded(self) -> Any:
        """What the model takes beside it: a tuple or a dict; None where there is nothing.

        Raises
        ------
        InputError
            If it comes before what is attributed, by position.
        """
        found = self._with(InputRole.need_forward)
        if not found:
            return None
        taken = [role for role in self.roles.values() if role != InputRole.no_forward]
        if self.form is tuple and taken != sorted(taken):
            raise InputError(
                f"input_roles {list(map(int, self.roles.values()))} attribute an entry that "
                f"comes after another that the model takes; give batches that are dicts"
            )
        return self._packed(found)

    @property
    def left_over(self) -> list[Any]:
        """What the model does not take."""
        return list(self._with(InputRole.no_forward).values())

    def replaced(self, attributed: list[Tensor]) -> Batch:
        """Return the batch with other tensors in place of those that need attribution."""
        keys = self._with(InputRole.need_attr)
        changed = dict(zip(keys, attributed, strict=True))
        return Batch({**self.entries, **changed}, self.roles, self.form)

    def run(self, forward_func: Callable[..., Any]) -> Any:
        """Return what a model returns for it."""
        roles = self.roles
        taken = {k: e for k, e in self.entries.items() if roles[k] != InputRole.no_forward}
        taken = copied(taken)  # the model may write to it
        if self.form is dict:
            return forward_func(**{str(key): entry for key, entry in taken.items()})
        return forward_func(*taken.values())

    @property
    def whole(self) -> Any:
        """All entries: a tuple or a dict."""
        return self.entries if self.form is dict else tuple(self.entries.values())

    def _with(self, role: InputRole) -> dict[Hashable, Any]:
        return {key: entry for key, entry in self.entries.items() if self.roles[key] == role}

    def _packed(self, entries: dict[Hashable, Any]) -> Any:
        if self.form is dict:
            return entries
        values = tuple(entries.values())
        return values[0] if self.form is Tensor else values


def _entries(batch: Any) -> tuple[dict[Hashable, Any], type]:
    if isinstance(batch, Tensor):
        return {0: batch}, Tensor
    if isinstance(batch, Mapping):
        return dict(batch), dict
    if isinstance(batch, (tuple, list)):
        return dict(enumerate(batch)), tuple
    raise InputError(
        f"a batch must be a tensor or a tuple, list or dict of entries, "
        f"but is a {type(batch).__name__}"
    )


def _roles(entries: Mapping[Hashable, Any], given: Any) -> dict[Hashable, InputRole]:
    if given is None:
        return dict.fromkeys(entries, InputRole.need_attr)
    if not isinstance(given, Mapping):
        given = list(given) if isinstance(given, (tuple, list)) else [given]
        if len(given) != len(entries):
            raise InputError(
                f"input_roles must hold one role for each of the {len(entries)} entries of a "
                f"batch, but hold {len(given)}"
            )
        given = dict(zip(entries, given, strict=True))
    if set(given) != set(entries):
        raise InputError(
            f"input_roles have the keys {list(given)}, but a batch has {list(entries)}"
        )
    try:
        return {key: InputRole(given[key]) for key in entries}
    except ValueError:
        raise InputError(
            f"input_roles must be 0 (needs attribution), 1 (the model takes it) or 2 (the model "
            f"does not), but are {list(given.values())}"
        ) from None

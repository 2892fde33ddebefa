"""Attributions together with what is needed to read them."""

from __future__ import annotations

import base64
import dataclasses
import html
import io
from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING, Any

from torch import Tensor
from torch.utils._pytree import tree_map_only

from ascribe import registry, storage
from ascribe.choosing import renderer_for
from ascribe.errors import InputError
from ascribe.inputs import Inputs

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a model answered as it did, by one method, for one or several targets.

    Attributes
    ----------
    values
        Attributions in the form of the inputs (a tensor, or a tuple, list or dict of them), each
        ``(targets, batch, *features)``.
    inputs
        What was attributed, each ``(batch, *features)``: of a method to a layer its activations.
    targets
        The targets, one for each entry of the first axis of ``values``; of a method of a neuron
        its selector.
    scores
        The model's scores of the inputs, ``(targets, batch)``.
    method
        The algorithm's class name.
    parameters
        What the method was given beside model, inputs and targets.
    delta
        By how much attributions miss completeness, ``(targets, batch)``; None if the method does
        not say.
    standard_errors
        How precise ``values`` are, in their form, where the method samples; else None.
    seconds
        How long it took.
    evaluations
        How many evaluations of one example the method made, forwards; None if unknown.
    versions
        Of Ascribe, torch and the distribution that the method came from.
    labels
        What to call the targets; by default the targets themselves, and nothing where the model
        has but one score.
    notes
        What the method warned of that belongs to the numbers: a gradient in place of a rule, say.
    original
        What people see of the inputs where the model sees them scaled: an image array ``(batch,
        height, width, 3)`` in [0, 1]. None where the inputs are fit to be seen.
    """

    values: Any
    inputs: Any
    targets: list[Any]
    scores: Tensor
    method: str
    parameters: dict[str, Any] = field(default_factory=dict)
    delta: Tensor | None = None
    standard_errors: Any = None
    seconds: float = 0.0
    evaluations: int | None = None
    versions: dict[str, str] = field(default_factory=dict)
    labels: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    original: Any = None

    def __post_init__(self) -> None:
        if not self.labels:
            object.__setattr__(self, "labels", [_label(target) for target in self.targets])
        if len(self.labels) != len(self.targets):
            raise InputError(
                f"labels must name the {len(self.targets)} targets, but are {self.labels}"
            )

    def label(self, target: int, example: int) -> str:
        """Return what to call a target for an example: its own, where each has one of its own."""
        chosen = self.targets[target]
        if isinstance(chosen, Tensor) and chosen.dim() > 0 and len(chosen) > 1:
            return str(chosen[example].tolist())
        return self.labels[target]

    def only(self, target: int | None = None, example: int | None = None) -> Explanation:
        """Return the explanation of one target, of one example, or of both alone.

        Parameters
        ----------
        target, example
            Which, counted from 0, or from the last with -1; None for all.

        Raises
        ------
        InputError
            If there is no such target or example.
        """
        batch = Inputs.of(self.inputs).batch
        which = _one(target, len(self.targets), "target")
        of = _one(example, batch, "example")
        whole = self.scores.shape[1] != batch  # one score for all examples

        def parts(values: Any) -> Any:
            return tree_map_only(Tensor, lambda tensor: tensor[which][:, of], values)

        targets = [_of_example(one, of, batch) for one in self.targets[which]]
        pairs = zip(targets, self.targets[which], self.labels[which], strict=True)
        return dataclasses.replace(
            self,
            values=parts(self.values),
            inputs=tree_map_only(Tensor, lambda tensor: tensor[of], self.inputs),
            targets=targets,
            scores=self.scores[which] if whole else self.scores[which][:, of],
            delta=None
            if self.delta is None
            else self.delta[which][:, slice(None) if whole else of],
            standard_errors=parts(self.standard_errors),
            labels=[name if new is old else _label(new) for new, old, name in pairs],
            original=_of_example(self.original, of, batch),
        )

    def render(self, renderer: str | None = None, **options: Any) -> Figure | str:
        """Draw with a renderer: a figure that belongs to no window, HTML, or text.

        Parameters
        ----------
        renderer
            A renderer's name; by default what suits the kind of data: see `ascribe.choosing`.
        **options
            The renderer's own.
        """
        name = renderer or renderer_for(self) or "heat_map"
        return registry.renderers.get(name)().render(self, **options)

    def figure(self, renderer: str | None = None, **options: Any) -> Figure:
        """Draw with a renderer that makes figures. See `render`."""
        drawn = self.render(renderer, **options)
        if isinstance(drawn, str):
            name = renderer or renderer_for(self)
            raise InputError(f"{name} makes text or HTML, not a figure; call render")
        return drawn

    def show(self, renderer: str | None = None, **options: Any) -> None:
        """Draw with a renderer and show it: in the notebook, else in the viewer of pictures."""
        drawn = self.render(renderer, **options)
        if _in_notebook():
            from IPython import display  # there, since this runs in it

            made = display.HTML(drawn) if isinstance(drawn, str) else display.Image(_png(drawn))
            display.display(made)
        elif isinstance(drawn, str):
            raise InputError("HTML cannot be shown here; write what render() returns to a file")
        else:
            from PIL import Image  # only here: `import ascribe` stays light

            Image.open(io.BytesIO(_png(drawn))).show()

    def save(self, path: str | PathLike[str]) -> None:
        """Write everything to one ``.npz`` file, without pickling; see `load`."""
        fields = dataclasses.fields(self)
        storage.save(path, {field.name: getattr(self, field.name) for field in fields})

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Explanation:
        """Read what `save` wrote: numbers bit for bit, callables as what ``repr`` said of them.

        Raises
        ------
        InputError
            If the file is not of this kind.
        """
        stored = storage.load(path)
        known = {field.name for field in dataclasses.fields(cls)}
        if not {"values", "inputs", "targets", "scores", "method"} <= set(stored) <= known:
            raise InputError(f"{path} holds no explanation")
        return cls(**stored)

    def __repr__(self) -> str:
        shapes = [tuple(v.shape) for v in Inputs.of(self.inputs).per_input(self.values, "values")]
        delta = "" if self.delta is None else f", |delta| <= {_largest(self.delta):.2g}"
        if self.standard_errors is not None:
            errors = Inputs.of(self.inputs).per_input(self.standard_errors, "standard errors")
            delta += f", standard errors <= {max(map(_largest, errors)):.2g}"
        notes = f"; {len(self.notes)} notes" if self.notes else ""
        of = ", ".join(filter(None, self.labels))
        return (
            f"Explanation({self.method}{f' of {of}' if of else ''}; "
            f"values {', '.join(map(str, shapes))}{delta}; {self.seconds:.2f} s{notes})"
        )

    def _repr_html_(self) -> str:
        try:
            drawn = self.render()
        except InputError:  # no picture: then the text alone
            drawn = ""
        if not isinstance(drawn, str):
            png = base64.b64encode(_png(drawn)).decode()
            drawn = f'<img alt="attributions" src="data:image/png;base64,{png}">'
        return f"<div>{drawn}<p>{html.escape(repr(self))}</p></div>"

    def _repr_png_(self) -> bytes | None:
        try:
            drawn = self.render()
        except InputError:
            return None
        return None if isinstance(drawn, str) else _png(drawn)


def _one(number: int | None, count: int, what: str) -> slice:
    if number is None:
        return slice(None)
    if not -count <= number < count:
        raise InputError(f"there is no {what} {number}: the explanation has {count}")
    return slice(number % count, number % count + 1)


def _of_example(held: Any, of: slice, batch: int) -> Any:
    """Return what is held of an example, where something is held for each."""
    if isinstance(held, (list, tuple)):
        each = len(held) == batch and not isinstance(held[0], str)
    else:
        each = getattr(held, "ndim", 0) > 0 and len(held) == batch
    return held[of] if each else held


def _label(target: Any) -> str:
    if target is None:
        return ""
    if isinstance(target, Tensor):
        return str(target.tolist())
    return getattr(target, "__name__", str(target)) if callable(target) else str(target)


def _largest(tensor: Tensor) -> float:
    return float(tensor.abs().max()) if tensor.numel() else 0.0


def _png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", bbox_inches="tight")
    return stream.getvalue()


def _in_notebook() -> bool:
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    # A shell in a terminal cannot show a picture.
    return type(get_ipython()).__name__ == "ZMQInteractiveShell"

"""Outputs for inputs that differ from a clean one in places: recomputed where a change can reach.

Nakandala, Kumar and Papakonstantinou, "Incremental and Approximate Inference for Faster
Occlusion-based Deep CNN Explanations", SIGMOD 2019 (the exact part)

Each change is a box, which grows from operation to operation by what `ascribe.locality` says of
them; clean activations stand around it. Where it covers nearly all of a map, or an operation mixes
all places, what follows runs on whole maps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ascribe.locality import GLOBAL, RULES, Run
from ascribe.patches import Patch, changed
from ascribe.program import Operation, Program, Value


class Incremental:
    """A prepared program, with the activations of one clean row.

    Parameters
    ----------
    program
        From `ascribe.prepare.prepared`.
    inputs
        The clean row: ``(1, *features)`` each.
    clean
        Each of the program's values for it, by number; by default they are computed when they are
        wanted.

    Attributes
    ----------
    mixed
        The operations so far that mixed places of patches and have no rule.
    """

    def __init__(
        self,
        program: Program,
        inputs: Sequence[Tensor],
        clean: dict[int, Tensor] | None = None,
    ) -> None:
        self._program, self._inputs = program, inputs
        self._margins: dict[Any, Tensor] = {}
        taken = [operation.values for operation in program.operations]
        outputs = [one.number for one in program.outputs if isinstance(one, Value)]
        self._taken = {number for numbers in (*taken, outputs) for number in numbers}
        made = [operation.results for operation in program.operations]
        named = self._taken.union(range(program.inputs), *made)
        self._clean = clean and {n: value for n, value in clean.items() if n in named}
        self.mixed: list[str] = []

    def run(self, inputs: Sequence[Tensor]) -> Any:
        """Return what the model returns for rows: as `ascribe.program.Program.run`."""
        patches = {
            number: changed(*pair)
            for number, pair in enumerate(zip(inputs, self._inputs, strict=True))
        }
        if all(
            patch is None or patch.tensor is inputs[number] for number, patch in patches.items()
        ):
            return self._program.run(inputs)
        if self._clean is None:
            self._clean = {}
            self._program.run([given.clone() for given in self._inputs], self._clean)
        run = Run(len(inputs[0]), patches, self._clean, self._margins)
        last = self._program.last_uses
        for operation, done in zip(self._program.operations, last, strict=True):
            made = self._made(run, operation)
            run.patches.update(zip(operation.results, made, strict=True))
            for number in done:
                run.patches.pop(number, None)
        values = {number: run.whole(number) for number in run.patches if number >= 0}
        return self._program.output(values, run.rows)

    def _made(self, run: Run, operation: Operation) -> list[Patch | None]:
        if all(run.patches[number] is None for number in operation.values):
            return [None] * len(operation.results)
        rule = RULES.get(operation.kind)
        if rule is not None and not self._taken.intersection(operation.results[1:]):
            made = rule(run, operation)
            if made is not None:
                return made
        self._note(run, operation)
        return run.everywhere(operation)

    def _note(self, run: Run, operation: Operation) -> None:
        """Remember what has no rule, of what is given parts."""
        given = [run.patches[number] for number in operation.values]
        partial = any(
            patch is not None and patch.size != run.sides(number)
            for number, patch in zip(operation.values, given, strict=True)
        )
        name = str(operation.func)
        if partial and operation.kind not in GLOBAL and name not in self.mixed:
            self.mixed.append(name)

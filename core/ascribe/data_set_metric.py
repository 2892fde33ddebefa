"""A metric of a whole data set, as a function of which groups of features are present."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from ascribe.batch_roles import Batch
from ascribe.errors import InputError
from ascribe.feature_groups import FeatureGroups
from ascribe.inputs import Inputs
from ascribe.targets import tensor_output


class Players:
    """Groups of features that take part in every example of a batch, or that baselines replace."""

    def __init__(
        self, inputs: Inputs, groups: FeatureGroups, baselines: tuple[Tensor, ...]
    ) -> None:
        self._features = [tuple(tensor.shape[1:]) for tensor in inputs.tensors]
        self._groups, self._baselines = groups, baselines
        self._device = inputs.tensors[0].device

    def spread(self, present: Tensor) -> list[Tensor]:
        """Return where ``(groups,)`` that are present lie: for each input ``(1, *features)``."""
        table = present.to(self._device).reshape(1, -1, 1)
        return [mask[0] for mask in self._groups.spread(table)]

    def replace(self, batch: Batch, masks: list[Tensor]) -> Batch:
        """Return the batch with baselines where masks are False."""
        tensors = Inputs.of(batch.attributed).tensors
        features = [tuple(tensor.shape[1:]) for tensor in tensors]
        if features != self._features:
            raise InputError(
                f"all batches must have the same features, {self._features} in the first, but one "
                f"has {features}"
            )
        parts = zip(masks, tensors, self._baselines, strict=True)
        return batch.replaced([torch.where(*part) for part in parts])


class Metric:
    """The metrics of a data set as a function of which groups of features are present.

    What was found once is kept: methods ask again, and each answer is a pass over the data.
    """

    def __init__(
        self,
        forward_func: Callable[..., Any],
        dataloader: Iterable[Any],
        input_roles: Any,
        players: Players,
        reduce: Callable[[Any, Any, Any], Any] | None,
        to_metric: Callable[[Any], Any] | None,
    ) -> None:
        self._func, self._dataloader, self._roles = forward_func, dataloader, input_roles
        self._players, self._reduce, self._to_metric = players, reduce, to_metric
        self._found: dict[tuple[int, ...], Tensor] = {}

    def __call__(self, presence: Tensor) -> Tensor:
        """Return ``(rows, metrics)`` for ``(rows, groups)`` of ones and zeros."""
        absent = [tuple((row == 0).nonzero().flatten().tolist()) for row in presence]
        asked = dict(zip(absent, presence != 0, strict=True))
        new = {key: row for key, row in asked.items() if key not in self._found}
        if new:
            self._found.update(self._pass(new))
        return torch.stack([self._found[key] for key in absent])

    @torch.no_grad()
    def _pass(self, asked: Mapping[tuple[int, ...], Tensor]) -> dict[tuple[int, ...], Tensor]:
        masks = {key: self._players.spread(row) for key, row in asked.items()}
        found: dict[tuple[int, ...], Any] = dict.fromkeys(asked)
        batches = 0
        for given in self._dataloader:
            batches += 1
            batch = Batch.of(given, self._roles)
            for key in asked:
                changed = self._players.replace(batch, masks[key])
                found[key] = self._add(found[key], changed.run(self._func), changed.whole)
        if not batches:
            raise InputError(
                "dataloader must give the same batches in each pass, but gave none in a later one"
            )
        return {key: self._measure(accumulated) for key, accumulated in found.items()}

    def _add(self, accumulated: Any, output: Any, entries: Any) -> Any:
        if self._reduce is not None:
            return self._reduce(accumulated, output, entries)
        outputs = [] if accumulated is None else accumulated
        outputs.append(torch.atleast_1d(tensor_output(output)))
        return outputs

    def _measure(self, accumulated: Any) -> Tensor:
        value = accumulated if self._reduce is not None else torch.cat(accumulated)
        value = value if self._to_metric is None else self._to_metric(value)
        if not isinstance(value, (Tensor, int, float)):
            what = "reduce" if self._to_metric is None else "to_metric"
            raise InputError(
                f"{what} must return the metric, a number or a tensor, in the end, but returned "
                f"a {type(value).__name__}; pass to_metric to make a number of it"
            )
        return tensor_output(value).detach().reshape(-1).cpu()

"""Attribution of one number of a whole data set, such as a model's accuracy, to its features.

Each group of features is a player that takes part or not: where it does not, its baseline stands
in for it in every example. So the metric is a function of which groups are present, and a method
that perturbs features attributes it to these. With Shapley values this is the idea of Covert,
Lundberg and Lee, "Understanding Global Feature Contributions With Additive Importance Measures",
NeurIPS 2020, https://arxiv.org/abs/2004.00668 (there features are averaged out, not replaced).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor

from ascribe.attribution import Attribution, PerturbationAttribution
from ascribe.batch_roles import Batch
from ascribe.data_set_metric import Metric, Players
from ascribe.data_sets import check_batches
from ascribe.errors import InputError
from ascribe.feature_groups import FeatureGroups
from ascribe.forward import check_count
from ascribe.guard import modules_in, untouched
from ascribe.inputs import Inputs
from ascribe.parameters import own_parameters
from ascribe.targets import Targets


class DataLoaderAttribution(Attribution):
    """Attributes a metric of a whole data set to the features of its examples.

    Parameters
    ----------
    attr_method
        A method, made with the model, that replaces groups of features by baselines:
        ``FeatureAblation``.

    Raises
    ------
    InputError
        If the method is of another kind.
    """

    def __init__(self, attr_method: Attribution) -> None:
        _check_method(attr_method)
        super().__init__(attr_method.forward_func)
        self.attr_method = attr_method

    def attribute(
        self,
        dataloader: Iterable[Any],
        input_roles: Any = None,
        baselines: Any = None,
        feature_mask: Any = None,
        reduce: Callable[[Any, Any, Any], Any] | None = None,
        to_metric: Callable[[Any], Any] | None = None,
        perturbations_per_pass: int = 1,
        show_progress: bool = False,
        return_input_shape: bool = True,
    ) -> Any:
        """Return by how much the metric falls without each feature, or what the method says.

        Parameters
        ----------
        dataloader
            Gives the same batches in each pass over it: tensors ``(batch, *features)``, or tuples
            or dicts of entries, with the same features in each.
        input_roles
            What the entries of a batch are for: see `ascribe.batch_roles.Batch.of`.
        baselines
            What stands in for features: None (zero), a number, a tensor with a batch of one, or
            one of these for each entry that is attributed.
        feature_mask
            Integers with a batch of one that broadcast to an entry: elements of one number, in
            whichever entry, are replaced together. For several entries one mask for each. By
            default each element is a feature.
        reduce
            Called with what it returned for the batch before (None for the first), what the model
            returns for this batch, and its entries as a tuple or dict, with features replaced;
            returns, say, how many were right and how many there are. By default the model's
            outputs are kept, one after the other, which takes memory.
        to_metric
            Called with what ``reduce`` returned last, or with all outputs in one tensor; returns
            a number or a tensor of several metrics. By default it is taken as it is.
        perturbations_per_pass
            How many perturbations one pass over the data serves, for the sake of data that are
            slow to read; the model is run as often.
        show_progress
            Show a progress bar, which counts perturbations.
        return_input_shape
            Give attributions the shape of the features.

        Returns
        -------
        Tensor or tuple or dict of Tensor
            ``(metrics, *features)`` for each entry that is attributed, in the form of the batches;
            else one tensor ``(metrics, groups)``, in the order of the groups' numbers. In units
            of the metric.

        Raises
        ------
        InputError
            If the data cannot be read so or be read twice, or the parameters do not fit them.
        """
        check_count(perturbations_per_pass, "perturbations_per_pass")
        inputs = Inputs.of(Batch.of(_first(dataloader), input_roles).attributed)
        groups = _shared_groups(inputs, feature_mask)
        players = Players(inputs, groups, _shared_baselines(inputs, baselines))
        metric = Metric(self.forward_func, dataloader, input_roles, players, reduce, to_metric)
        present = torch.ones(1, len(groups), dtype=torch.float64)
        with untouched(modules_in(self.forward_func)):
            whole = metric(present)
            options = {"perturbations_per_eval": perturbations_per_pass}
            if "show_progress" in own_parameters(type(self.attr_method)):
                options["show_progress"] = show_progress
            found = _attributed(self.attr_method, metric, present, whole.shape[1], options)
        dtype = whole.dtype if whole.is_floating_point() else torch.float64
        found = found.to(inputs.tensors[0].device, dtype)
        if not return_input_shape:
            return found[:, 0]
        return inputs.pack(spread[:, 0] for spread in groups.spread(found.mT))


def _check_method(method: Any) -> None:
    own = own_parameters(type(method)) if isinstance(method, PerturbationAttribution) else {}
    complete = all(parameter.default is not parameter.empty for parameter in own.values())
    if not complete or not {"baselines", "feature_mask", "perturbations_per_eval"} <= set(own):
        raise InputError(
            f"attr_method must replace groups of features by baselines and need nothing else, as "
            f"FeatureAblation(model) does, but is "
            f"{method.__name__ if isinstance(method, type) else type(method).__name__}"
        )


def _first(dataloader: Any) -> Any:
    check_batches(dataloader)
    if isinstance(dataloader, Iterator):
        raise InputError(
            "dataloader must give the same batches in each of several passes, as a DataLoader or "
            "a list does, but is an iterator, which gives them once"
        )
    for batch in dataloader:
        return batch
    raise InputError("dataloader must give at least one batch, but gives none")


def _shared_groups(inputs: Inputs, feature_mask: Any) -> FeatureGroups:
    groups = FeatureGroups(inputs, feature_mask)
    if not groups.shared:
        raise InputError("feature_mask must have a batch of one, which serves every example")
    return groups


def _shared_baselines(inputs: Inputs, baselines: Any) -> tuple[Tensor, ...]:
    found = inputs.baselines(baselines)
    if any(len(baseline) != 1 for baseline in found):
        shapes = [tuple(baseline.shape) for baseline in found]
        raise InputError(
            f"baselines must have a batch of one, which serves every example, but have {shapes}"
        )
    return found


def _attributed(
    method: Attribution, metric: Metric, present: Tensor, metrics: int, options: dict[str, Any]
) -> Tensor:
    """Return ``(metrics, 1, groups)``: what a method says of the groups that are present."""
    of_metric = copy.copy(method)
    of_metric.forward_func = metric
    # Thousands of them, perhaps, where each example is one: callables are picked fastest.
    targets = [itemgetter((slice(None), column)) for column in range(metrics)]
    if method.several_targets:
        return of_metric.attribute(present, target=Targets(targets), **options)
    each = [of_metric.attribute(present, target=target, **options) for target in targets]
    return torch.stack(each)

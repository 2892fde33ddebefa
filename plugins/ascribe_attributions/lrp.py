"""Layer-wise relevance propagation: the score, handed down and shared out at each operation.

Bach, Binder, Montavon, Klauschen, Müller and Samek, "On Pixel-Wise Explanations for Non-Linear
Classifier Decisions by Layer-Wise Relevance Propagation", PLOS ONE 2015,
https://doi.org/10.1371/journal.pone.0130140; for transformers Achtibat et al., "AttnLRP", ICML
2024, https://arxiv.org/abs/2402.05602

A batch norm is one with the layer right before it. Where the rules of the papers leave an operation
open, the table below says what is done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ascribe import Attribution, GradientAttribution, InputError, hookimpl
from ascribe.attribution import sum_of
from ascribe.batching import Chunk
from ascribe.internal import layer_form
from ascribe.lrp_composites import composite as composite_of
from ascribe.operations import BILINEAR, ELEMENTWISE
from ascribe.relevance import Propagation
from ascribe.relevance_rules import RelevanceRule, passed_on, softmax, taylor, uniform, won
from ascribe.rules import check_on_unsupported
from ascribe.sums import Sums, outer_rows, summed

#: LRP's rules for operations without weights.
RULES: dict[str, RelevanceRule] = {
    **dict.fromkeys(ELEMENTWISE, passed_on),
    **dict.fromkeys(BILINEAR, uniform),
    **dict.fromkeys([f"max_pool{n}d" for n in (1, 2, 3)], won),
    **dict.fromkeys([f"adaptive_max_pool{n}d" for n in (1, 2, 3)], won),
    "amax": won,
    "div": passed_on,  # a divisor counts as a constant
    "prod": uniform,
    "softmax": softmax,
    "log_softmax": taylor,
    "logsumexp": taylor,
}


class LRP(GradientAttribution):
    """Each input's relevance: its share of the score, handed down operation by operation.

    Parameters
    ----------
    model
        The model: any callable. A module of it may have an attribute ``rule``, one of
        `ascribe.lrp_rules`, which comes before all else.
    composite
        Which rule the operations with weights have: a name out of
        `ascribe.lrp_composites.COMPOSITES`, one rule for all, or a mapping from names of modules,
        classes of modules or names of operations (``conv2d``) to rules, where the first that fits
        counts and LRP-ε is for the rest.
    rules
        Rules of your own for operations without weights, by name or function: see
        `ascribe.relevance_rules`.
    on_unsupported
        What becomes of an operation without a rule: ``error`` raises `UnsupportedOperation`;
        ``gradient`` lets its gradient stand in, with a warning.
    """

    several_targets = True

    @classmethod
    def claims(cls, **parameters: Any) -> dict[str, float]:
        composite = parameters.get("composite", "epsilon")
        claims = {"dummy": 0.0} if composite in ("epsilon", "epsilon_plus") else {}
        if composite == "epsilon":
            # The stabiliser takes its part where a sum is small.
            claims.update(dict.fromkeys(["conservation", "linear_difference", "symmetry"], 1e-6))
            claims["randomisation_sensitivity"] = 0.0
        return claims

    def __init__(
        self,
        model: Callable[..., Any],
        composite: Any = "epsilon",
        rules: Mapping[Any, RelevanceRule] | None = None,
        on_unsupported: str = "error",
    ) -> None:
        super().__init__(model)
        check_on_unsupported(on_unsupported)
        chosen = composite_of(composite, model)
        self._propagation = Propagation(RULES, chosen, rules or {}, on_unsupported)

    @property
    def multiplies_by_inputs(self) -> bool:
        """True: relevance is in units of the score."""
        return True

    def has_convergence_delta(self) -> bool:
        """True: relevance, with what biases and stabilisers absorb, sums to the score."""
        return True

    def attribute(
        self,
        inputs: Any,
        target: Any = None,
        additional_forward_args: Any = None,
        return_convergence_delta: bool = False,
        verbose: bool = False,
    ) -> Any:
        """Return each input's relevance.

        Parameters
        ----------
        inputs
            A tensor ``(batch, *features)``, or a tuple, list or dict of such.
        target
            Which score: None, an int, a tuple, one for each example in a tensor or list, a
            callable from output to scores, or `ascribe.Targets`.
        additional_forward_args
            What else the model takes; tensors with one entry for each example follow it.
        return_convergence_delta
            Also return by how much relevance, with what biases, constants and stabilisers absorb,
            misses the score: not zero where something is hidden from the rules. Examples are then
            run one at a time.
        verbose
            Taken as Captum takes it; nothing is printed.

        Returns
        -------
        Tensor or tuple, list or dict of Tensor
            In the form, shape and dtype of ``inputs``; in units of the score.
        Tensor
            If ``return_convergence_delta``: shape ``(batch,)``, in units of the score.

        Raises
        ------
        UnsupportedOperation
            If the model has an operation that is not linear and has no rule.
        """
        with self.bind(inputs, target, additional_forward_args) as forward:
            deltas = Sums(forward, torch.ones(1))

            def shares(chunk: Chunk) -> tuple[Tensor, ...]:
                relevances, scores, absorbed = self._propagation.relevances(
                    forward, forward.part_of_inputs(chunk), chunk
                )
                if return_convergence_delta:  # of one example, or of a score of the whole batch
                    missed = absorbed[:, None].to(scores) - scores
                    deltas.add(sum_of(relevances), missed, chunk)
                return relevances

            one = 1 if return_convergence_delta else None
            rows = outer_rows(forward, 1, lambda chunk: forward.outer.tensors, one)
            relevances = summed(forward, 1, rows, shares)
            if not return_convergence_delta:
                return forward.pack(relevances)
            return forward.pack(relevances), forward.pack_scores(deltas.total)

    def compute_convergence_delta(self, attributions: Any, output: Any) -> Tensor:  # type: ignore[override]
        """Return the score less the sum of relevance, which biases and stabilisers absorb.

        Parameters
        ----------
        attributions
            Relevance: a tensor ``(batch, *features)``, or several.
        output
            The scores: ``(batch,)``.

        Returns
        -------
        Tensor
            Shape ``(batch,)``, in units of the score.
        """
        tensors = (attributions,) if isinstance(attributions, Tensor) else tuple(attributions)
        if not isinstance(output, Tensor) or output.shape != (len(tensors[0]),):
            raise InputError(f"output must be the scores, one for each example, but is {output!r}")
        return output - sum_of([tensor[None] for tensor in tensors])[0]


LayerLRP = layer_form(LRP)


@hookimpl
def ascribe_attributions() -> list[type[Attribution]]:
    return [LRP, LayerLRP]

"""DeepLIFT over a distribution of references, known as Deep SHAP.

Lundberg and Lee, "A Unified Approach to Interpreting Model Predictions", NeurIPS 2017,
https://arxiv.org/abs/1705.07874
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from ascribe import Attribution, hookimpl
from ascribe.attr import DeepLift
from ascribe.batching import Chunk
from ascribe.internal import layer_form, neuron_form
from ascribe.pools import pools


class DeepLiftShap(DeepLift):  # type: ignore[misc]
    """The mean of DeepLIFT's contributions over a distribution of baselines.

    Parameters
    ----------
    model, multiply_by_inputs, eps, nonlinearity, rules, on_unsupported
        See `DeepLift`.
    """

    draws_baselines = True

    @classmethod
    def claims(cls, **parameters: Any) -> dict[str, float]:
        claims = super().claims(**parameters)
        claims.pop("antisymmetry", None)
        return claims

    def attribute(
        self,
        inputs: Any,
        baselines: Any,
        target: Any = None,
        additional_forward_args: Any = None,
        return_convergence_delta: bool = False,
        custom_attribution_func: Callable[..., Any] | None = None,
    ) -> Any:
        """Return each input's mean contribution to the difference of the score from baselines.

        Parameters
        ----------
        inputs
            A tensor ``(batch, *features)``, or a tuple, list or dict of such.
        baselines
            A distribution, all of which is used for each example: a tensor ``(baselines,
            *features)``, or a number, for each input; or a function that makes these, of the
            inputs or of nothing.
        target, additional_forward_args, return_convergence_delta, custom_attribution_func
            As `DeepLift.attribute` takes them.

        Returns
        -------
        Tensor or tuple, list or dict of Tensor
            In the form, shape and dtype of ``inputs``; in units of the score.
        Tensor
            If ``return_convergence_delta``: by how much they miss the mean difference of the score,
            shape ``(batch,)``.
        """
        with self.bind(inputs, target, additional_forward_args) as forward:
            references = pools(forward.outer, inputs, baselines)

            def begin(chunk: Chunk) -> tuple[Tensor, ...]:
                return tuple(pool[chunk.variants][:, None] for pool in references)

            count = len(references[0])
            return self.mean(
                forward, count, begin, return_convergence_delta, custom_attribution_func
            )


LayerDeepLiftShap, NeuronDeepLiftShap = layer_form(DeepLiftShap), neuron_form(DeepLiftShap)


@hookimpl
def ascribe_attributions() -> list[type[Attribution]]:
    return [DeepLiftShap, LayerDeepLiftShap, NeuronDeepLiftShap]

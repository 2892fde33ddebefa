"""Noise tunnel: any method's attributions of noisy inputs, averaged.

smoothgrad: Smilkov, Thorat, Kim, Viégas and Wattenberg, "SmoothGrad: removing noise by adding
noise", 2017, https://arxiv.org/abs/1706.03825. smoothgrad_sq: Hooker, Erhan, Kindermans and Kim, "A
Benchmark for Interpretability Methods in Deep Neural Networks", NeurIPS 2019,
https://arxiv.org/abs/1806.10758. vargrad: Adebayo et al., "Sanity Checks for Saliency Maps",
NeurIPS 2018, https://arxiv.org/abs/1810.03292

The examples of a batch share the noise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from ascribe import Attribution, InputError, Targets, hookimpl
from ascribe.batching import chunks
from ascribe.draws import Draws, Noise
from ascribe.evaluations import at_least_single
from ascribe.forward import Forward, check_count
from ascribe.inputs import Inputs
from ascribe.parameters import inner_of
from ascribe.samples import by_sample, following
from ascribe.targets import total

#: Bytes of noisy inputs that the method gets in one call, unless the caller says how many samples.
NOISY_BYTES = 2**25

#: What is made of the attributions of noisy inputs: from their mean, their mean square and their
#: variance (divided by the number of samples).
TYPES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "smoothgrad": lambda mean, square, variance: mean,
    "smoothgrad_sq": lambda mean, square, variance: square,
    "vargrad": lambda mean, square, variance: variance,
}


class NoiseTunnel(Attribution):
    """The mean, mean square or variance of a method's attributions under noise.

    Parameters
    ----------
    attribution_method
        The method, made with its model: ``NoiseTunnel(Saliency(model))``.
    """

    @classmethod
    def claims(cls, **parameters: Any) -> dict[str, float]:
        inner = inner_of(parameters)
        own = ("nt_type", "nt_samples", "stdevs", "attribution_method")
        left = {name: value for name, value in parameters.items() if name not in own}
        inside = inner.claims(**left) if inner is not None else {}
        kind = parameters.get("nt_type", "smoothgrad")
        kept = ["dummy", "implementation_invariance"]
        if kind == "smoothgrad":
            kept += ["linearity", "linear_gradient", "linear_magnitude"]
            kept.append("randomisation_sensitivity")
        claims = {name: error for name, error in inside.items() if name in kept}
        if "linear_gradient" in inside and kind == "smoothgrad":
            claims["smoothed_quadratic"] = 0.0
        if "linear_gradient" in inside and kind == "vargrad":
            claims["variance_under_noise"] = 0.0
        return claims

    def __init__(self, attribution_method: Attribution) -> None:
        if not isinstance(attribution_method, Attribution):
            raise InputError(
                f"attribution_method must be a method made with its model, such as "
                f"Saliency(model), but is {attribution_method!r}"
            )
        super().__init__(attribution_method.forward_func)
        self.attribution_method = attribution_method
        self.several_targets = attribution_method.several_targets

    def bind(self, inputs: Any, target: Any = None, additional_forward_args: Any = None) -> Forward:
        """Return the model as the method inside binds it."""
        return self.attribution_method.bind(inputs, target, additional_forward_args)

    @property
    def multiplies_by_inputs(self) -> bool:
        """As the method inside."""
        return self.attribution_method.multiplies_by_inputs

    def has_convergence_delta(self) -> bool:
        """As the method inside."""
        return self.attribution_method.has_convergence_delta()

    def attribute(
        self,
        inputs: Any,
        nt_type: str = "smoothgrad",
        nt_samples: int = 5,
        nt_samples_batch_size: int | None = None,
        stdevs: Any = 1.0,
        draw_baseline_from_distrib: bool = False,
        seed: int = 0,
        **kwargs: Any,
    ) -> Any:
        """Return the method's attributions under Gaussian noise, averaged.

        Parameters
        ----------
        inputs
            A tensor ``(batch, *features)``, or a tuple, list or dict of such.
        nt_type
            ``smoothgrad``, the mean; ``smoothgrad_sq``, the mean square; or ``vargrad``, the
            variance.
        nt_samples
            How many noisy copies of the inputs there are.
        nt_samples_batch_size
            How many of them the method gets in one call; by default as many as fit in a few
            megabytes (the method cuts its own work in turn).
        stdevs
            The standard deviation of the noise, in units of the inputs, or one for each input.
        draw_baseline_from_distrib
            ``baselines`` are a distribution ``(baselines, *features)``, from which each sample
            draws one.
        seed
            Of all that is drawn; the global random state is not touched.
        **kwargs
            What the method takes. Tensors with one entry for each example follow it.

        Returns
        -------
        Tensor or tuple, list or dict of Tensor
            In the form, shape and dtype of what the method returns; its units, or their square.
        Tensor
            If ``return_convergence_delta``: the mean of the method's own, shape ``(batch,)``.
        """
        if nt_type not in TYPES:
            raise InputError(f"nt_type must be one of {', '.join(TYPES)}, but is {nt_type!r}")
        samples = check_count(nt_samples, "nt_samples")
        assert samples is not None
        noisy = _Noisy(Inputs.of(inputs), stdevs, seed, draw_baseline_from_distrib)
        at_once = check_count(nt_samples_batch_size, "nt_samples_batch_size")
        at_once = noisy.samples_at_once(samples, at_once, self.forward_func, kwargs)
        axis = 1 if isinstance(kwargs.get("target"), Targets) else 0
        moments = list[_Moments]()
        for chunk in chunks(samples, 1, at_once):
            given = noisy.arguments(chunk.variants, kwargs)
            found = self.attribution_method.attribute(noisy.inputs(chunk.variants), **given)
            tensors, structure = tree_flatten(found)
            moments = moments or [_Moments() for _ in tensors]
            for moment, tensor in zip(moments, tensors, strict=True):
                moment.add(by_sample(tensor, chunk.copies, axis).movedim(axis + 1, 0))
        made = [moment.made(nt_type) for moment in moments]
        if kwargs.get("return_convergence_delta"):
            made[-1] = moments[-1].made("smoothgrad")
        return tree_unflatten(made, structure)


class _Noisy:
    """Noisy inputs, and what goes with them."""

    def __init__(self, inputs: Inputs, stdevs: Any, seed: int, draws_baseline: bool) -> None:
        self._inputs = inputs
        self._noise = Noise(inputs, stdevs, seed)
        self._which = Draws(seed) if draws_baseline else None

    def samples_at_once(
        self, samples: int, wanted: int | None, model: Callable[..., Any], given: dict[str, Any]
    ) -> int:
        """Return how many samples may share a call: one, where rows of a batch are coupled."""
        size = sum(tensor.nbytes for tensor in self._inputs.tensors)
        at_once = min(samples, wanted or max(1, NOISY_BYTES // max(1, size)))
        if at_once == 1:
            return 1
        target, args = given.get("target", total), given.get("additional_forward_args")
        with Forward(model, self._inputs, target, args) as forward:
            rows = 2 * self._inputs.batch
            forward.check_independence(samples, lambda chunk: self._noised(chunk.variants), rows)
            return 1 if forward.coupled else at_once

    def inputs(self, samples: slice) -> Any:
        """Return noisy inputs, each example's samples in a row, in the caller's form."""
        batch, copies = self._inputs.batch, samples.stop - samples.start
        pairs = zip(self._noised(samples), self._inputs.tensors, strict=True)
        return self._inputs.pack(
            noised.expand(copies, batch, *tensor.shape[1:]).transpose(0, 1).flatten(0, 1)
            for noised, tensor in pairs
        )

    def arguments(self, samples: slice, given: dict[str, Any]) -> dict[str, Any]:
        """Return the method's arguments for these inputs."""
        made = following(given, self._inputs.batch, samples.stop - samples.start)
        if self._which is not None and "baselines" in given:
            made["baselines"] = self._drawn(samples, given["baselines"])
        return made

    def _noised(self, samples: slice) -> tuple[Tensor, ...]:
        return self._noise.added(samples, slice(0, self._inputs.batch))

    def _drawn(self, samples: slice, baselines: Any) -> Any:
        assert self._which is not None
        pools = self._inputs.per_input(baselines, "baselines")
        sizes = {len(pool) for pool in pools if isinstance(pool, Tensor)}
        if len(sizes) != 1:
            raise InputError(
                "draw_baseline_from_distrib needs baselines (baselines, *features), as many for "
                "each input"
            )
        which = self._which.choice(samples, sizes.pop())
        batch = self._inputs.batch
        return self._inputs.pack(
            pool[which.to(pool.device)].repeat(batch, *[1] * (pool.dim() - 1))
            if isinstance(pool, Tensor)
            else pool
            for pool in pools
        )


class _Moments:
    """Mean and variance of what is added, without the loss of digits of a mean of squares."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, values: Tensor) -> None:
        """Add values ``(samples, ...)`` (Chan, Golub and LeVeque 1983)."""
        self.dtype, values = values.dtype, at_least_single(values)
        count, mean = len(values), values.mean(0)
        spread = (values - mean).square().sum(0)
        if not self.count:
            self.count, self.mean, self.spread = count, mean, spread
            return
        both, change = self.count + count, mean - self.mean
        self.spread = self.spread + spread + change.square() * (self.count * count / both)
        self.mean, self.count = self.mean + change * (count / both), both

    def made(self, kind: str) -> Tensor:
        """Return what `TYPES` makes of them."""
        variance = self.spread / self.count
        return TYPES[kind](self.mean, self.mean.square() + variance, variance).to(self.dtype)


@hookimpl
def ascribe_attributions() -> list[type[NoiseTunnel]]:
    return [NoiseTunnel]

"""Path integrals with one bug each."""

from __future__ import annotations

import torch

from ascribe.attr import IntegratedGradients
from ascribe.gradient import sum_of_gradients
from ascribe.quadrature import quadrature


class Path(IntegratedGradients):
    """Not a mutant: integrated gradients, step by step."""

    def attribute(
        self,
        inputs,
        baselines=None,
        target=None,
        additional_forward_args=None,
        internal_batch_size=None,
    ):
        nodes, weights = self.rule(50)
        with self.bind(inputs, target, additional_forward_args) as forward:
            starts, ends = forward.baselines(self.start(baselines)), forward.inputs.tensors

            def path(chunk):
                along = nodes[chunk.variants]
                pairs = [
                    (forward.part(b, chunk), forward.part(x, chunk))
                    for b, x in zip(starts, ends, strict=True)
                ]
                return tuple(
                    b + along.to(x).reshape(-1, *[1] * (x.dim() - 1)) * (x - b) for b, x in pairs
                )

            means = sum_of_gradients(forward, path, weights, internal_batch_size)
            return forward.pack(map(self.share, means, ends, starts))

    def rule(self, n):
        return quadrature("gausslegendre", n)

    def start(self, baselines):
        return baselines

    def share(self, mean, x, b):
        return mean * (x - b)


class TrapezoidOfTooLittle(Path):
    """The trapezoid's n points, each weighed 1 / n and the ends half: a sum of 1 - 1 / n."""

    def rule(self, n):
        weights = torch.full((n,), 1 / n, dtype=torch.float64)
        weights[[0, -1]] /= 2
        return torch.linspace(0, 1, n, dtype=torch.float64), weights


class LeftSums(Path):
    """Left Riemann sums, which treat the two ends of the path unlike."""

    def rule(self, n):
        return quadrature("riemann_left", n)


class StepsButOne(Path):
    """The last step is lost: n - 1 steps, each of 1 / n."""

    def rule(self, n):
        nodes, weights = quadrature("riemann_middle", n)
        return nodes[:-1], weights[:-1]


class UpToTheEnd(Path):
    """Nodes from 0 to 1 whose last is left out, weights that sum to one."""

    def rule(self, n):
        return torch.linspace(0, 1, n)[:-1], torch.full((n - 1,), 1 / (n - 1))


class SinglePrecisionRule(Path):
    """Nodes and weights in single precision."""

    def rule(self, n):
        nodes, weights = super().rule(n)
        return nodes.float(), weights.float()


class FewSteps(Path):
    """Ten times fewer steps than the claims count on."""

    def rule(self, n):
        return quadrature("gausslegendre", 1)


class IgnoresBaseline(Path):
    """The path starts at zero, wherever it should."""

    def start(self, baselines):
        return None


class TimesInput(Path):
    """The mean gradient times the input, not times the difference."""

    def share(self, mean, x, b):
        return mean * x


class NoFactor(Path):
    """The mean gradient alone."""

    def share(self, mean, x, b):
        return mean + 0 * (x - b)


LINEAR = "linear_difference"
OFF = "attribution of a linear model: off by "

#: The mutant, its parameters, the property that must catch it and what the message must tell.
MUTANTS = [
    (TrapezoidOfTooLittle, {}, LINEAR, OFF),
    (LeftSums, {}, "antisymmetry", "with input and baseline exchanged: off by "),
    (LeftSums, {}, "multilinear_path", "on the product of elements "),
    (StepsButOne, {}, LINEAR, OFF),
    (UpToTheEnd, {}, "antisymmetry", "with input and baseline exchanged: off by "),
    (SinglePrecisionRule, {}, LINEAR, OFF),
    (FewSteps, {}, "path_through_kinks", "against the exact integral: off by "),
    (FewSteps, {}, "completeness", "against the change of the score: off by "),
    (IgnoresBaseline, {}, "affine_invariance", "attribution in other units: off by "),
    (IgnoresBaseline, {}, LINEAR, OFF),
    (TimesInput, {}, "null_at_the_baseline", "attribution at the baseline: off by "),
    (NoFactor, {}, "completeness", "against the change of the score: off by "),
]

#: What the mutants are made from, which must pass.
GOOD = [(Path, {})]

"""How far Shapley values by sampling are off, at one budget of evaluations, against their peers.

Random games of two kinds, many seeds each: all coalitions have independent values (nothing to
exploit), or a small neural net with interactions (as models are). The error is the root of the mean
square over players and seeds, as a share of the deviation of the true values. Peers are those
installed: captum, and shap.

    python examples/benchmark_shapley.py [--seeds 200] [--players 10]
"""

import argparse
import warnings

import numpy as np
import torch

from ascribe.attr import KernelShap, PermutationShap, ShapleyValueSampling
from ascribe.coalition_tables import shapley_weight, weighted_marginals


def table_of(kind, players, seed):
    """Return the values of all coalitions: ``(2 ** players,)``, in float64."""
    generator = torch.Generator().manual_seed(seed)
    if kind == "independent":
        return torch.randn(2**players, generator=generator, dtype=torch.float64)
    bits = (torch.arange(2**players)[:, None] >> torch.arange(players) & 1).double()
    first = torch.randn(players, 12, generator=generator, dtype=torch.float64) / players**0.5
    second = torch.randn(12, generator=generator, dtype=torch.float64)
    shift = torch.randn(12, generator=generator, dtype=torch.float64)
    return torch.tanh(3 * bits @ first + shift) @ second


def methods(players, budget):
    """Yield names and functions from a table and a seed to values, all of about the budget."""
    orders = max(1, budget // (players - 1))
    pairs = max(1, budget // (2 * (players - 1)))
    zeros = torch.zeros(1, players, dtype=torch.float64)

    def ours(method, samples):
        def run(table, seed):
            return method(looked_up(table)).attribute(
                zeros + 1, zeros, n_samples=samples, seed=seed
            )[0]

        return run

    yield "ShapleyValueSampling", "Ascribe", ours(ShapleyValueSampling, orders)
    yield "PermutationShap", "Ascribe", ours(PermutationShap, pairs)
    yield "KernelShap", "Ascribe", ours(KernelShap, budget)
    yield from captums(players, budget, orders)
    yield from shaps(players, budget, pairs)


def looked_up(table):
    bits = 2 ** torch.arange(table.shape[0].bit_length() - 1)
    return lambda x: table[(x.round().long() * bits).sum(1)]


def captums(players, budget, orders):
    try:
        from captum.attr import KernelShap, ShapleyValueSampling
    except ImportError:
        return

    def run(method, samples):
        def values(table, seed):
            torch.manual_seed(seed)
            return method(looked_up(table)).attribute(torch.ones(1, players), n_samples=samples)[0]

        return values

    yield "ShapleyValueSampling", "Captum", run(ShapleyValueSampling, orders)
    yield "KernelShap", "Captum", run(KernelShap, budget)


def shaps(players, budget, pairs):
    try:
        import shap
    except ImportError:
        return
    none, everyone = np.zeros((1, players)), np.ones((1, players))

    def function(table):
        numbers, bits = table.numpy(), 2 ** np.arange(players)
        return lambda x: numbers[(np.rint(x).astype(int) * bits).sum(1)]

    def kernel(table, seed):
        np.random.seed(seed)
        explainer = shap.KernelExplainer(function(table), none)
        return torch.from_numpy(
            explainer.shap_values(everyone, nsamples=budget, l1_reg=False, silent=True)[0]
        )

    def permutation(table, seed):
        explainer = shap.PermutationExplainer(function(table), none, seed=seed)
        evaluations = max(1, pairs) * 2 * players + 1  # as it counts them
        return torch.from_numpy(explainer(everyone, max_evals=evaluations, silent=True).values[0])

    yield "KernelShap", "SHAP", kernel
    yield "PermutationShap", "SHAP", permutation


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--players", type=int, default=10)
    parser.add_argument("--budgets", type=int, nargs="+", default=[30, 60, 120, 240, 480])
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    columns = [f"{name}, {whose}" for name, whose, _ in _all(arguments, arguments.budgets[0])]
    print("| game | evaluations | " + " | ".join(columns) + " |")
    print("| --- " * (2 + len(columns)) + "|")
    for kind in ("independent", "net"):
        for budget in arguments.budgets:
            row = [_error(kind, run, arguments) for _, _, run in _all(arguments, budget)]
            print(
                f"| {kind} | {budget} | " + " | ".join(f"{e:.3f}" for e in row) + " |", flush=True
            )


def _all(arguments, budget):
    return sorted(methods(arguments.players, budget), key=lambda method: method[0])


def _error(kind, run, arguments):
    squares, size = 0.0, 0.0
    for seed in range(arguments.seeds):
        table = table_of(kind, arguments.players, seed)
        exact = weighted_marginals(table[None, :, None], shapley_weight)[0, :, 0]
        squares += float((run(table, seed).double() - exact).square().mean())
        size += float((exact - exact.mean()).square().mean())
    return (squares / size) ** 0.5


if __name__ == "__main__":
    main()

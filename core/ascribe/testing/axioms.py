"""The axioms of attribution, each with its exact statement and source.

Notation: ``f`` is the score of the target, ``x`` the input, ``b`` the baseline and ``a`` the
attribution. Each holds up to rounding and the error that a method's claim admits, both relative to
``|f(x)| + |f(b)| + sum |a|``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

from ascribe.testing import zoo
from ascribe.testing.properties import Check, prop
from ascribe.testing.subject import Case, PropertyFailure, Subject, cases, compare
from ascribe.testing.tolerances import rounding

Model = Callable[[Tensor], Tensor]

#: Families whose score changes steadily along any path.
CONTINUOUS = [name for name in zoo.PURE if name != "normalised"]

#: Families whose score depends on every input, and differently on each.
SMOOTH = ("linear", "tanh", "gelu", "gated")


def axiom(check: Check) -> Check:
    """Enter a check that applies where it is claimed."""
    return prop("axiom")(check)


def tolerance(subject: Subject, name: str, case: Case, *parts: Tensor) -> float:
    """Return what rounding, and the error that the claim admits, explain of these magnitudes."""
    scale = sum(float(part.detach().double().abs().sum()) for part in parts)
    # A property that is not claimed is tried as an exact one.
    return rounding(scale, case.depth, case.dtype) + subject.claims.get(name, 0.0) * scale


def score(model: Model, x: Tensor, target: int) -> Tensor:
    """Return the scores of a target: ``(batch,)``."""
    with torch.no_grad():
        return model(x.clone())[:, target]


def sums(attributions: Tensor) -> Tensor:
    """Return the sum over each example's elements."""
    return attributions.flatten(1).sum(1)


@axiom
def completeness(subject: Subject, draw: st.DataObject) -> None:
    """The attributions sum to f(x) - f(b) (Sundararajan, Taly and Yan, ICML 2017)."""
    # A layer norm of few units may jump along the path, and no quadrature bounds a jump.
    inexact = subject.claims.get("completeness", 0.0) > 0
    case = draw.draw(cases(subject, CONTINUOUS if inexact else zoo.PURE))
    model, x, b = case.model(), case.inputs(), subject.baselines(case)
    a = subject.attribute(model, x, target=0, baselines=b)
    b = b if subject.takes("baselines") else torch.zeros_like(x)
    at_x, at_b = score(model, x, 0), score(model, b, 0)
    compare(sums(a), at_x - at_b, tolerance(subject, "completeness", case, at_x, at_b, a),
            "sum of attributions against the change of the score", case)  # fmt: skip


@axiom
def sensitivity(subject: Subject, draw: st.DataObject) -> None:
    """If x and b differ in one element and f(x) differs from f(b), its attribution is not zero
    (Sundararajan, Taly and Yan, ICML 2017)."""  # noqa: D209
    case = draw.draw(cases(subject, zoo.PURE_VECTOR))
    model, b = case.model(), subject.baselines(case)
    x, place = b.clone(), draw.draw(st.integers(0, case.layout.features[0] - 1), label="element")
    x[:, place] += draw.draw(st.sampled_from([1.0, -2.0, 5.0]), label="change")
    a = subject.attribute(model, x, target=0, baselines=b)
    change = score(model, x, 0) - score(model, b, 0)
    limit = tolerance(subject, "sensitivity", case, score(model, x, 0), score(model, b, 0))
    lost = (change.abs() > 1000 * limit) & (a[:, place].abs() <= limit)
    if bool(lost.any()):
        raise PropertyFailure(
            f"the score changes by {float(change[lost][0]):.3g} with element {place} alone, which "
            f"gets {float(a[:, place][lost][0]):.3g}, on {case}"
        )


@axiom
def dummy(subject: Subject, draw: st.DataObject) -> None:
    """An element that f does not depend on gets zero (sensitivity (b), null player)."""
    case = draw.draw(cases(subject, zoo.PURE_VECTOR))
    inner, x, b = case.model(), case.inputs(), subject.baselines(case)
    place = draw.draw(st.integers(0, case.layout.features[0] - 1), label="element")
    keep = torch.ones_like(x[:1]).index_fill(1, torch.tensor([place]), 0)

    blind = zoo.composed(lambda x: inner(x * keep), inner)
    a = subject.attribute(blind, x, target=0, baselines=b)
    limit = tolerance(subject, "dummy", case, a, score(inner, x * keep, 0))
    compare(a[:, place], torch.zeros_like(a[:, place]), limit, "an element without effect", case)


@axiom
def linearity(subject: Subject, draw: st.DataObject) -> None:
    """The attribution of r f + s g is r times that of f plus s times that of g."""
    case = draw.draw(cases(subject, zoo.PURE_VECTOR))
    other = Case(draw.draw(st.sampled_from(SMOOTH), label="g"), case.layout, case.batch)
    f, g, x, b = case.model(), other.model(), case.inputs(), subject.baselines(case)
    r, s = (draw.draw(st.sampled_from([1.0, -1.0, 2.0, 0.5]), label=name) for name in "rs")
    combined = zoo.composed(lambda x: r * f(x.clone()) + s * g(x), f, g)
    both = subject.attribute(combined, x, target=0, baselines=b)
    of_f, of_g = (subject.attribute(model, x, target=0, baselines=b) for model in (f, g))
    limit = tolerance(
        subject, "linearity", case, r * of_f, s * of_g, score(f, x, 0), score(g, x, 0)
    )
    compare(both, r * of_f + s * of_g, limit, "attribution of a combination of models", case)


@axiom
def symmetry(subject: Subject, draw: st.DataObject) -> None:
    """Elements that f treats alike, and that are alike in x and b, get the same
    (Shapley 1953; Sundararajan, Taly and Yan, ICML 2017)."""  # noqa: D209
    case = draw.draw(cases(subject, zoo.PURE_VECTOR))
    inner, x, b = case.model(), case.inputs(), subject.baselines(case)
    swap = torch.arange(case.layout.features[0])
    swap[[0, -1]] = swap[[-1, 0]]
    x[:, -1], b[:, -1] = x[:, 0], b[:, 0]
    alike = zoo.composed(lambda x: inner(x.clone()) + inner(x[:, swap].clone()), inner)
    a = subject.attribute(alike, x, target=0, baselines=b)
    limit = tolerance(subject, "symmetry", case, a, score(inner, x, 0), score(inner, b, 0))
    compare(a[:, 0], a[:, -1], limit, "elements that are treated alike", case)


@axiom
def implementation_invariance(subject: Subject, draw: st.DataObject) -> None:
    """Two models that compute the same function get the same attributions
    (Sundararajan, Taly and Yan, ICML 2017)."""  # noqa: D209
    case = draw.draw(cases(subject, ("relu", "functional relu")))
    model, x, b = case.model(), case.inputs(), subject.baselines(case)
    *hidden, last = model.layers  # type: ignore[misc]

    def rewritten(x: Tensor) -> Tensor:
        for layer in hidden:
            z = layer(x)
            x = (z + z.abs()) / 2  # a ReLU, written otherwise
        return torch.as_tensor(last(x) + 0.5 * (last(x) - last(x)))

    one = subject.attribute(model, x, target=0, baselines=b)
    other = subject.attribute(zoo.composed(rewritten, model), x, target=0, baselines=b)
    limit = tolerance(subject, "implementation_invariance", case, one, score(model, x, 0))
    compare(other, one, limit, "attribution of the same function, written otherwise", case)


@axiom
def affine_invariance(subject: Subject, draw: st.DataObject) -> None:
    """Inputs in other units, x -> s x + c for x and b alike, change no attribution
    (Friedman 2004; Kindermans et al. 2019 for the shift)."""  # noqa: D209
    case = draw.draw(cases(subject, zoo.PURE_VECTOR))
    model, x, b = case.model(), case.inputs(), subject.baselines(case)
    s = draw.draw(st.sampled_from([2.0, -1.0, 0.5]), label="scale")
    c = draw.draw(st.sampled_from([0.0, 1.0, -3.0]), label="shift")
    one = subject.attribute(model, x, target=0, baselines=b)
    in_units = zoo.composed(lambda z: model((z - c) / s), model)
    other = subject.attribute(in_units, s * x + c, target=0, baselines=s * b + c)
    scale = (one, score(model, x, 0), score(model, b, 0), x + abs(c))
    compare(other, one, tolerance(subject, "affine_invariance", case, *scale),
            "attribution in other units", case)  # fmt: skip


@axiom
def demand_monotonicity(subject: Subject, draw: st.DataObject) -> None:
    """If f never falls with an element that is at least its baseline, it gets at least zero
    (Friedman and Moulin 1999)."""  # noqa: D209
    case = draw.draw(cases(subject, ("linear", "relu", "tanh")))
    model, b = case.model(), subject.baselines(case)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("weight"):
                parameter.abs_()
    x = b + case.inputs().abs()
    a = subject.attribute(model, x, target=0, baselines=b)
    limit = tolerance(
        subject, "demand_monotonicity", case, a, score(model, x, 0), score(model, b, 0)
    )
    compare(
        a.clamp(max=0), torch.zeros_like(a), limit, "what only helps, and is counted against", case
    )


@axiom
def null_at_the_baseline(subject: Subject, draw: st.DataObject) -> None:
    """Where x equals b every attribution is zero."""
    case = draw.draw(cases(subject, zoo.PURE))
    x = subject.baselines(case)
    a = subject.attribute(case.model(), x, target=0, baselines=x.clone())
    limit = tolerance(subject, "null_at_the_baseline", case, score(case.model(), x, 0))
    compare(a, torch.zeros_like(a), limit, "attribution at the baseline", case)


@axiom
def antisymmetry(subject: Subject, draw: st.DataObject) -> None:
    """Exchanging x and b turns every attribution's sign."""
    case = draw.draw(cases(subject, zoo.PURE))
    model, x, b = case.model(), case.inputs(), subject.baselines(case)
    there = subject.attribute(model, x, target=0, baselines=b)
    back = subject.attribute(model, b, target=0, baselines=x)
    limit = tolerance(subject, "antisymmetry", case, there, score(model, x, 0), score(model, b, 0))
    compare(back, -there, limit, "attribution with input and baseline exchanged", case)


@axiom
def conservation(subject: Subject, draw: st.DataObject) -> None:
    """On a model without biases the attributions sum to f(x) (Bach et al. 2015, for LRP)."""
    case = draw.draw(cases(subject, ("linear", "relu", "relu in place")))
    model, x = case.model(), case.inputs()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
    a = subject.attribute(model, x, target=0)
    at_x = score(model, x, 0)
    limit = tolerance(subject, "conservation", case, a, at_x)
    compare(sums(a), at_x, limit, "sum of attributions against the score", case)


@axiom
def randomisation_sensitivity(subject: Subject, draw: st.DataObject) -> None:
    """Other weights give another attribution (Adebayo et al., NeurIPS 2018)."""
    case = draw.draw(cases(subject, ("linear", "tanh", "gelu"), batches=(3, 3)))
    layout = case.layout
    x, b, maps = case.inputs(), subject.baselines(case), list[Any]()
    for seed in (layout.seed, layout.seed + 1):
        model = zoo.build(case.family, type(layout)(**{**vars(layout), "seed": seed}))
        a = subject.attribute(model, x, target=0, baselines=b).flatten()
        maps.append(a / a.norm().clamp(min=1e-300))
    likeness = float(maps[0] @ maps[1])
    if likeness > 1 - 1e-9:
        raise PropertyFailure(f"weights drawn anew leave the attribution as it is, on {case}")

"""Hold Captum's methods and Ascribe's to the same properties, and print who keeps which.

    pip install 'ascribe[test,bench]'
    python examples/conformance_matrix.py            # a table in Markdown
    python examples/conformance_matrix.py --failures # and each failure with its smallest model

Every method is held to the contract of the interface and to the axioms that its paper claims, the
same for both libraries. A model that a method refuses with an error counts once, under
``runs_on_every_model``: no number is wrong there. To see one failure again::

    ascribe check captum.attr:Occlusion
"""

import argparse
import warnings

from ascribe import attr
from ascribe.testing import PROPERTIES, check_method
from ascribe.vision import torchvision

METHODS = {
    "Saliency": {},
    "InputXGradient": {},
    "IntegratedGradients": {},
    "GradientShap": {},
    "NoiseTunnel": {"attribution_method": "Saliency", "abs": False},
    "FeatureAblation": {},
    "Occlusion": {},
    "LayerGradientXActivation": {},
    "LayerIntegratedGradients": {},
    "LayerGradientShap": {},
    "LayerConductance": {},
    "InternalInfluence": {},
    "NeuronGradient": {},
    "NeuronIntegratedGradients": {},
    "NeuronConductance": {},
}

#: What is Ascribe's own and nobody else promises.
OURS = ("several_targets_at_once",)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--examples", type=int, default=50)
    parser.add_argument("--failures", action="store_true", help="print each failure")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torchvision()  # which Captum may import, and which may need help
    from captum import attr as captum

    for name in ("GradientShap", "LayerGradientShap"):  # as Ascribe's: a distribution
        getattr(captum, name).draws_baselines = True
    columns, told = {}, []
    for name, parameters in METHODS.items():
        if name == "Occlusion":  # with windows of one, which Captum's must be given
            parameters = {"sliding_window_shapes": (1,)}
        for library, module in (("Captum", captum), ("Ascribe", attr)):
            inner = parameters.get("attribution_method")
            given = (
                {**parameters, "attribution_method": getattr(module, inner)}
                if inner
                else parameters
            )
            report = check_method(
                getattr(module, name),
                given,
                getattr(attr, name).claims(**parameters),
                examples=options.examples,
                unclaimed=False,
            )
            columns[f"{library} {name}"] = {o.prop.name: o for o in report.outcomes}
            for outcome in report.failures:
                told.append(f"- {library} {name}, `{outcome.prop.name}`: {outcome.message}")
    print_summary(columns)
    print_table(columns)
    if options.failures:
        print("\n" + "\n".join(told))


def print_summary(columns: dict) -> None:
    print("| method | properties | Captum breaks | Ascribe breaks |\n| --- | --- | --- | --- |")
    for name in METHODS:
        broken = []
        for library in ("Captum", "Ascribe"):
            outcomes = columns[f"{library} {name}"].values()
            broken.append([o for o in outcomes if o.failed and o.prop.name not in OURS])
        tried = len(columns[f"Captum {name}"])
        print(f"| {name} | {tried} | {len(broken[0])} | {len(broken[1])} |")
    print()


def print_table(columns: dict) -> None:
    names = list(METHODS)
    print("| property | " + " | ".join(names) + " |")
    print("| --- |" + " --- |" * len(names))
    for prop in PROPERTIES:
        row = [cell(columns, name, prop) for name in names]
        if prop not in OURS and any(row):
            print(f"| {prop} | " + " | ".join(row) + " |")


def cell(columns: dict, name: str, prop: str) -> str:
    """Return ``Captum / Ascribe`` as marks, or nothing where neither claims it."""
    marks = []
    for library in ("Captum", "Ascribe"):
        outcome = columns[f"{library} {name}"].get(prop)
        marks.append("" if outcome is None else "✗" if outcome.failed else "✓")
    return " / ".join(marks) if any(marks) else ""


if __name__ == "__main__":
    main()

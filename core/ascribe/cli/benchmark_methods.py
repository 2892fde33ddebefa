"""``ascribe benchmark-methods``: methods judged where the truth is known, and set in a table."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ascribe import registry
from ascribe.batching import progress
from ascribe.cli.benchmark_table import as_json, sorted_rows, table
from ascribe.cli.compare import configured
from ascribe.cli.explain import check_writable
from ascribe.errors import AscribeError, InputError
from ascribe.parameters import own_parameters

if TYPE_CHECKING:
    from ascribe.metrics.scene_benchmark import Case, Judge, Results

#: What suits an image classifier, and what sets it to take seconds; see also `FILLED`.
METHODS: dict[str, dict[str, Any]] = {
    "saliency": {},
    "input_x_gradient": {},
    "integrated_gradients": {"n_steps": 32},
    "gradient_shap": {"n_samples": 16},
    "noise_tunnel": {"attribution_method": "saliency", "nt_samples": 16, "stdevs": 0.1},
    "deep_lift": {},
    "lrp": {"composite": "epsilon_plus"},
    "guided_backprop": {},
    "deconvolution": {},
    "guided_grad_cam": {},
    "grad_cam": {"relu_attributions": True},
    "grad_cam_plus_plus": {},
    "x_grad_cam": {},
    "hi_res_cam": {},
    "layer_cam": {},
    "score_cam": {},
    "ablation_cam": {},
    "eigen_cam": {},
    "eigen_grad_cam": {},
    "full_grad": {},
    "occlusion": {"sliding_window_shapes": (3, 16, 16), "strides": (3, 8, 8)},
    "feature_ablation": {},
    "kernel_shap": {"n_samples": 200},
    "lime": {"n_samples": 200},
    "rise": {"n_samples": 500},
}

#: What a parameter of this name is, where a method takes it: the layer whose maps are the last
#: before evidence is added up, and grey.
FILLED = {"layer": "features", "baselines": 0.5}

#: About how many superpixels are the features of methods with a feature mask.
SUPERPIXELS = 50


@click.command(name="benchmark-methods")
@click.option(
    "--method",
    "methods",
    multiple=True,
    metavar="NAME",
    help="An algorithm; may be repeated. [default: all that suit an image classifier]",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="METHOD.NAME=VALUE",
    help="A parameter of one method, such as rise.n_samples=2000; may be repeated.",
)
@click.option(
    "--scenes",
    default=12,
    show_default=True,
    type=click.IntRange(min=1),
    help="How many pictures: the six samples first, then freshly drawn ones.",
)
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(min=0),
    help="Of drawn scenes, random maps and random weights.",
)
@click.option(
    "--also",
    "extras",
    multiple=True,
    type=click.Choice(["road", "sensitivity", "randomisation"]),
    help="What takes longer; may be repeated.",
)
@click.option(
    "--score",
    default="share",
    show_default=True,
    type=click.Choice(["share", "probability"]),
    help="What insertion and deletion follow: the raw score as a share of its way from the blurred "
    "picture to the picture, or the probability.",
)
@click.option(
    "--steps",
    default=20,
    show_default=True,
    type=click.IntRange(min=1),
    help="Of insertion and deletion.",
)
@click.option(
    "--sort",
    default="relevance_rank_accuracy",
    show_default=True,
    metavar="METRIC",
    help="By what rows are sorted, the best first; or name, or seconds.",
)
@click.option("--markdown", is_flag=True, help="Print the table as Markdown.")
@click.option(
    "--json",
    "to_json",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also write the numbers, unrounded.",
)
def benchmark_methods(
    methods: tuple[str, ...],
    settings: tuple[str, ...],
    scenes: int,
    seed: int,
    extras: tuple[str, ...],
    score: str,
    steps: int,
    sort: str,
    markdown: bool,
    to_json: Path | None,
) -> None:
    """Judge methods on drawn scenes with exact masks, beside controls that know no model."""
    from ascribe import models  # late: these read weights and pictures
    from ascribe.metrics.scene_benchmark import CONTROLS, Judge, Results, cases_of

    check_writable(to_json)
    names = tuple(dict.fromkeys(methods or METHODS))
    chosen = configured(names, settings, {name: _defaults(name) for name in names})
    judge = Judge(models.load_classifier(), extras, steps, score, seed)
    _check_sort(sort, judge.metrics)
    cases, missed = cases_of(judge.classifier, scenes, seed)
    rows: dict[str, Results] = {name: Results() for name in CONTROLS}
    failed: dict[str, str] = {}
    total = len(cases) * (len(chosen) + 1)
    with progress(total, "pictures", sys.stderr.isatty(), "pictures") as advance:
        _judge_controls(judge, cases, rows, seed)
        advance(len(cases))
        masks = [_superpixels(case) for case in cases] if _any_masks(chosen.values()) else []
        for name, (cls, parameters) in chosen.items():
            found = Results()
            try:
                for number, case in enumerate(cases):
                    given = dict(parameters)
                    if "feature_mask" in own_parameters(cls, parameters):
                        given.setdefault("feature_mask", masks[number])
                    judge.method(case, cls, given, found)
                    advance(1)
                rows[name] = found
            except AscribeError as error:  # one method that does not suit must not end the rest
                failed[name] = " ".join(str(error).split())
                click.echo(f"Warning: {name} is left out: {failed[name]}", err=True)
    if len(failed) == len(chosen):
        raise InputError("no method could be judged; see the warnings")
    ordered = sorted_rows(rows, sort)
    columns = [name for name in judge.metrics if any(name in one.numbers for one in rows.values())]
    for line in table(ordered, columns, set(CONTROLS), markdown):
        click.echo(line)
    targets = sum(len(case.targets) for case in cases)
    click.echo(
        f"\n{targets} animals in {len(cases)} pictures, each a target with a mask of its own; "
        f"{missed} more were not found by the classifier and left out. Means, and standard errors "
        f"over pictures. Rows in brackets are controls that know no model."
    )
    for name in rows:
        if name in chosen and chosen[name][1]:
            told = (f"{key}={value!r}" for key, value in chosen[name][1].items())
            click.echo(f"{name}: {', '.join(told)}")
    if to_json is not None:
        about = {
            "scenes": scenes, "pictures": len(cases), "targets": targets, "not_found": missed,
            "seed": seed, "score": score, "steps": steps, "failed": failed,
        }  # fmt: skip
        parameters = {name: given for name, (_, given) in chosen.items()}
        content = {**about, "rows": as_json(ordered, set(CONTROLS), parameters)}
        to_json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        click.echo(f"wrote {to_json}")


def _defaults(method: str) -> dict[str, Any]:
    given = METHODS.get(method, {})
    own = own_parameters(registry.attributions.get(method), given)
    return {**{name: value for name, value in FILLED.items() if name in own}, **given}


def _any_masks(chosen: Iterable[tuple[type, dict[str, Any]]]) -> bool:
    return any("feature_mask" in own_parameters(cls, given) for cls, given in chosen)


def _superpixels(case: Case) -> Any:
    from ascribe.superpixels import regions

    return regions(case.inputs, SUPERPIXELS)


def _judge_controls(judge: Judge, cases: list[Case], rows: dict[str, Results], seed: int) -> None:
    from ascribe.metrics.scene_benchmark import control

    for name, found in rows.items():
        for number, case in enumerate(cases):
            judge.judge(case, control(name, case, number, seed), found)


def _check_sort(sort: str, metrics: list[str]) -> None:
    known = [*metrics, "seconds", "name"]
    if sort not in known:
        raise InputError(f"--sort must be one of {', '.join(known)}, but is {sort!r}")

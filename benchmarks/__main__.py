"""The command line of the benchmark."""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks import scaling
from benchmarks.measuring import Measured, measure
from benchmarks.memory import growth
from benchmarks.report import HEADINGS, as_markdown, cells, surroundings, told
from benchmarks.row import Setting
from benchmarks.rows import ROWS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 1 where numbers disagree, 0 otherwise."""
    options = _parser().parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    setting = Setting(torch.device(options.device), options.small)
    if setting.device.type == "cuda":
        if not torch.cuda.is_available():
            print("there is no CUDA device here", file=sys.stderr)
            return 2
        # Numbers of ten bits would disagree with themselves.
        torch.backends.cudnn.allow_tf32 = False
    if options.list:
        print("\n".join(f"{name}: {row.what}" for name, row in ROWS.items()))
        return 0
    if options.grow:
        name, side = options.grow
        print(json.dumps(growth(ROWS[name], side, setting)))
        return 0
    results = _run(options, setting)
    return int(any(result.status == "disagrees" for result in results))


def _run(options: argparse.Namespace, setting: Setting) -> list[Measured]:
    if options.read:
        files = [json.loads(path.read_text()) for path in options.read]
        results = [Measured.from_json(row) for file in files for row in file["rows"]]
        _show(options, files[0]["surroundings"], results)
        return results
    around = surroundings(setting, options.rounds)
    results = []
    print(told(around), flush=True)
    planned = list(scaling.rows()) if options.scaling else [ROWS[name] for name in options.row]
    for row in planned:
        memory = not (options.no_memory or options.scaling)
        results.append(measure(row, setting, options.rounds, memory))
        _tell(results[-1])
        if options.json:  # after each row: a long run may be cut short
            held = {"surroundings": around, "rows": [result.as_json() for result in results]}
            options.json.write_text(json.dumps(held, indent=1) + "\n")
    _show(options, around, results)
    return results


def _show(options: argparse.Namespace, around: dict[str, Any], results: list[Measured]) -> None:
    if options.markdown:
        print(f"\n{as_markdown(around, results, options.markdown == 'brief')}")


def _tell(result: Measured) -> None:
    for heading, cell in zip(HEADINGS, cells(result), strict=True):
        if cell:
            print(cell if heading == "row" else f"    {heading}: {cell}", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--list", action="store_true", help="say which rows there are")
    parser.add_argument("--row", nargs="+", type=_name, default=list(ROWS), metavar="NAME")
    parser.add_argument("--scaling", action="store_true", help="how occlusion scales, instead")
    parser.add_argument("--rounds", type=int, default=7, help="0 to compare numbers alone")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, default=0, help="of torch; its own choice if 0")
    parser.add_argument("--small", action="store_true", help="to see that it works, in seconds")
    parser.add_argument("--no-memory", action="store_true", help="leave out memory")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there")
    parser.add_argument(
        "--markdown",
        nargs="?",
        const="full",
        choices=("full", "brief"),
        help="print a table for the docs, or a brief one",
    )
    parser.add_argument(
        "--read",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="show what --json wrote, and run nothing",
    )
    parser.add_argument("--grow", nargs=2, metavar=("NAME", "SIDE"), help=argparse.SUPPRESS)
    return parser


def _name(name: str) -> str:
    if name not in ROWS:
        near = difflib.get_close_matches(name, ROWS)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise argparse.ArgumentTypeError(f"there is no row {name!r}{hint} (see --list)")
    return name


if __name__ == "__main__":
    sys.exit(main())

"""Peak memory of one call, each in a process of its own."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import torch

from benchmarks.row import Row, Setting
from benchmarks.timing import quiet

ROOT = Path(__file__).resolve().parents[1]
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def growth_in_a_process(row: Row, side: str, setting: Setting, threads: int) -> float:
    """Return by how many megabytes memory grows during one call, in a fresh process."""
    command = [sys.executable, "-m", "benchmarks", "--grow", row.name, side]
    command += ["--device", setting.device.type, "--threads", str(threads)]
    command += ["--small"] if setting.small else []
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    return float(json.loads(done.stdout.splitlines()[-1]))


def growth(row: Row, side: str, setting: Setting) -> float:
    """Return by how many megabytes memory grows during one call.

    What is there once the model is loaded and has run is not counted.
    """
    case = row.build(setting)
    call = case.calls[side]
    _warm_up(setting)
    before = _begin(setting.device)
    with quiet():
        call()
    return (_peak(setting.device) - before) / 2**20


def _warm_up(setting: Setting) -> None:
    """Run a small net once: what torch allocates on first use belongs to neither library."""
    layer = torch.nn.Conv2d(3, 4, 3, device=setting.device)
    layer(torch.rand(1, 3, 16, 16, device=setting.device, requires_grad=True)).sum().backward()


def _begin(device: torch.device) -> float:
    """Return the bytes in use, and let the peak begin there."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        return float(torch.cuda.memory_allocated(device))
    if _CLEAR.exists():
        with suppress(OSError):  # then the peak is that of loading at least
            _CLEAR.write_text("5")
    return _peak(device)


def _peak(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return float(torch.cuda.max_memory_allocated(device))
    if _STATUS.exists():  # a process inherits what getrusage tells from the one that started it
        (line,) = [line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM")]
        return float(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)

"""The one way to torchvision, which some builds cannot import unaided."""

from __future__ import annotations

import functools
import importlib
import sys
from types import ModuleType

import torch


@functools.cache
def torchvision() -> ModuleType:
    """Import torchvision and return it.

    Built for another torch than the one installed (a CUDA wheel beside a CPU torch, say), its
    compiled operators are missing, and the import fails for want of two schemas that only object
    detection calls. They are then declared, and all else works.
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms does not exist" not in str(error):
            raise
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]  # what the failed import left half done
    _declare_operators()
    return importlib.import_module("torchvision")


def _declare_operators() -> None:
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _kept.append(library)


#: A library undoes its definitions when it is collected.
_kept: list[torch.library.Library] = []

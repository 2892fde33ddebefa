"""Plain values and tensors in one ``.npz`` file: arrays, and JSON that says where each belongs.

Nothing is pickled, and every tensor comes back bit for bit.
"""

from __future__ import annotations

import json
from os import PathLike
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ascribe.errors import InputError

#: Where numpy has no such type, bits are stored as integers of the same size.
_AS_BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def save(path: str | PathLike[str], tree: dict[str, Any]) -> None:
    """Write a tree of dicts, lists, tuples, plain values, tensors and arrays.

    A value of any other kind (a function, say) is stored as what ``repr`` says of it.
    """
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    text = json.dumps(_encode(tree, arrays))
    arrays["json"] = np.array(text)
    with open(path, "wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def load(path: str | PathLike[str]) -> dict[str, Any]:
    """Read what `save` wrote; tensors come back on the CPU.

    Raises
    ------
    InputError
        If the file is not of this kind.
    """
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:
            tree = json.loads(str(stored["json"]))
            decoded = _decode(tree, stored)
    except OSError:
        raise
    except Exception as error:  # a damaged file may make its readers raise anything
        if "allow_pickle" in str(error):  # advice that nobody should follow
            raise InputError(f"{path} is no file that Ascribe saved") from error
        raise InputError(f"{path} is no file that Ascribe saved: {error}") from error
    if not isinstance(decoded, dict):
        raise InputError(f"{path} is no file that Ascribe saved")
    return decoded


def _encode(value: Any, arrays: dict[str, np.ndarray[Any, Any]]) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Tensor):
        return {"$tensor": _store(value, arrays), "dtype": str(value.dtype).removeprefix("torch.")}
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        key = f"array{len(arrays)}"
        arrays[key] = value
        return {"$array": key}
    if isinstance(value, dict):
        return {"$dict": [[_encode(k, arrays), _encode(v, arrays)] for k, v in value.items()]}
    if isinstance(value, (list, tuple)):
        kind = "$tuple" if isinstance(value, tuple) else "$list"
        return {kind: [_encode(one, arrays) for one in value]}
    if isinstance(value, np.generic):
        return _encode(value.item(), arrays)
    return repr(value)


def _store(tensor: Tensor, arrays: dict[str, np.ndarray[Any, Any]]) -> str:
    key = f"array{len(arrays)}"
    tensor = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
    try:
        arrays[key] = tensor.numpy()
    except TypeError:
        arrays[key] = tensor.view(_AS_BITS[tensor.element_size()]).numpy()
    return key


def _decode(value: Any, arrays: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if "$tensor" in value:
        return _restore(arrays[value["$tensor"]], value["dtype"])
    if "$array" in value:
        return arrays[value["$array"]]
    if "$dict" in value:
        return {_decode(k, arrays): _decode(v, arrays) for k, v in value["$dict"]}
    if "$list" in value:
        return [_decode(one, arrays) for one in value["$list"]]
    return tuple(_decode(one, arrays) for one in value["$tuple"])


def _restore(array: np.ndarray[Any, Any], name: str) -> Tensor:
    tensor = torch.from_numpy(array.copy())
    dtype = getattr(torch, name)
    if not isinstance(dtype, torch.dtype):
        raise TypeError(f"{name} is no dtype")
    return tensor if tensor.dtype == dtype else tensor.view(dtype)

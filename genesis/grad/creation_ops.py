"""Creation of gs.Tensors: torch's creation functions on `gs.device` with the types of `gs.init`.

Each takes ``(*args, dtype=None, requires_grad=False, scene=None, **kwargs)`` and returns a fresh leaf: floating-point results are
`gs.tc_float`, integers `gs.tc_int`, truth values torch.bool.
"""

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

import torch

from genesis import runtime
from genesis.errors import InputError
from genesis.grad.tensor import Tensor, plain, wrap
from genesis.log import logger

_FLOATS = (float, torch.float16, torch.bfloat16, torch.float32, torch.float64)
_INTS = (int, torch.int32, torch.int64)
_BOOLS = (bool, torch.bool)
Dtype = torch.dtype | type[float] | type[int] | type[bool] | None
SHARING = ("asarray", "as_tensor", "as_strided", "from_numpy")  # functions of torch that give out the memory of their argument


def _dtype_of(dtype: Dtype, name: str) -> torch.dtype:
    state = runtime.state()
    for kinds, chosen in ((_FLOATS, state.dtype), (_INTS, state.int_dtype), (_BOOLS, torch.bool)):
        if dtype in kinds:
            return chosen
    raise InputError(
        f"gs.{name}: dtype {dtype} is not supported; allowed: float, int, bool (gs.tc_float, gs.tc_int, gs.tc_bool)."
    )


def _kind_of(dtype: torch.dtype, name: str) -> torch.dtype:
    """The type of the runtime for whatever torch made: uint8, int16, … are integers."""
    if dtype.is_floating_point or dtype.is_complex:
        return _dtype_of(dtype, name)
    return torch.bool if dtype is torch.bool else runtime.state().int_dtype


def _creation(function: Callable[..., torch.Tensor], name: str | None = None) -> Callable[..., Tensor]:
    """The function of torch as a creation operation of the library."""
    name = name or function.__name__

    @wraps(function, assigned=("__doc__",), updated=())
    def create(*args: Any, dtype: Dtype = None, requires_grad: bool = False, scene: object = None, **kwargs: Any) -> Tensor:
        state = runtime.state()
        if "device" in kwargs:
            raise InputError(f"gs.{name}: Device selection not supported. All genesis tensors are on gs.device ({state.device}).")
        args = tuple(plain(a) if isinstance(a, torch.Tensor) else a for a in args)
        with torch.no_grad():
            made = function(*args, **kwargs)
            wanted = _kind_of(made.dtype, name) if dtype is None else _dtype_of(dtype, name)
            made = made.to(device=state.device, dtype=wanted, copy=name in SHARING)
        return wrap(made.detach(), scene).requires_grad_(requires_grad)

    create.__name__ = create.__qualname__ = name
    return create


def _tensor(data: Any, **kwargs: Any) -> torch.Tensor:
    return data.detach().clone() if isinstance(data, torch.Tensor) else torch.tensor(data, **kwargs)


def _range(start: float, end: float | None = None, step: float = 1) -> torch.Tensor:
    """start, start + step, … up to and including end."""
    start, end = (0, start) if end is None else (start, end)
    return start + step * torch.arange(math.floor((end - start) / step + 1e-9) + 1)


def from_torch(
    tensor: torch.Tensor, dtype: Dtype = None, requires_grad: bool = False, detach: bool = True, scene: object = None
) -> Tensor:
    """The torch tensor with device and type of the library; ``detach=False`` keeps its graph (and then its requires_grad)."""
    state = runtime.state()
    wanted = _kind_of(tensor.dtype, "from_torch") if dtype is None else _dtype_of(dtype, "from_torch")
    made = plain(tensor).to(device=state.device, dtype=wanted)
    if detach:
        return wrap(made.detach().clone(), scene).requires_grad_(requires_grad)
    if requires_grad and not made.requires_grad:
        logger.warning("gs.from_torch: detach=False keeps the requires_grad of the source (False).")
    return wrap(made, scene)


tensor = _creation(_tensor, "tensor")
asarray = _creation(torch.asarray)
as_tensor = _creation(torch.as_tensor)
as_strided = _creation(torch.as_strided)
from_numpy = _creation(torch.from_numpy)
zeros = _creation(torch.zeros)
zeros_like = _creation(torch.zeros_like)
ones = _creation(torch.ones)
ones_like = _creation(torch.ones_like)
arange = _creation(torch.arange)
linspace = _creation(torch.linspace)
logspace = _creation(torch.logspace)
eye = _creation(torch.eye)
empty = _creation(torch.empty)
empty_like = _creation(torch.empty_like)
empty_strided = _creation(torch.empty_strided)
full = _creation(torch.full)
full_like = _creation(torch.full_like)
rand = _creation(torch.rand)
rand_like = _creation(torch.rand_like)
randn = _creation(torch.randn)
randn_like = _creation(torch.randn_like)
randint = _creation(torch.randint)
randint_like = _creation(torch.randint_like)
randperm = _creation(torch.randperm)
range = _creation(_range, "range")

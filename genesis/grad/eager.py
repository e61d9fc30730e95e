"""Methods that torch.compile leaves as they are: it breaks its graph around them, and autograd joins the parts."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch

# What `torch.compiler.disable` does, without importing torch's compiler, which takes a second. Another torch may lack a name: compiled
# functions then refuse the engine in torch's own words.
_dynamo: Any = getattr(torch._C, "_dynamo", None)
_frames: Any = getattr(_dynamo, "eval_frame", None)
_set_callback: Any = getattr(_frames, "set_eval_frame", None)

Given = ParamSpec("Given")
Result = TypeVar("Result")


def eager(method: Callable[Given, Result]) -> Callable[Given, Result]:
    """The method, outside of what torch.compile captures, also where a compiled function calls it."""
    if _set_callback is None:
        return method

    @wraps(method)
    def uncompiled(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        before = _set_callback(None)
        try:
            return method(*args, **kwargs)
        finally:
            _set_callback(before)

    made: Any = uncompiled
    _skip(made.__code__)
    made._torchdynamo_disable, made._torchdynamo_orig_callable = True, method
    return made


def _skip(code: Any) -> None:
    """Let torch.compile pass over frames of this code."""
    of_code, plainly = getattr(_frames, "set_code_exec_strategy", None), getattr(_frames, "skip_code", None)
    if of_code is not None:
        action = _frames._FrameAction
        of_code(code, _frames._FrameExecStrategy(action.SKIP, action.DEFAULT))
    elif plainly is not None:
        plainly(code)

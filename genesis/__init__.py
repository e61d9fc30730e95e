"""Genesis: differentiable rigid-body simulation with the API of the Genesis physics engine.

`import genesis as gs` does no work: names are loaded when they are first used, torch and taichi with `gs.init` or the first
tensor.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_CREATION = (
    "tensor asarray as_tensor as_strided from_numpy zeros zeros_like ones ones_like arange range linspace logspace eye empty "
    "empty_like empty_strided full full_like rand rand_like randn randn_like randint randint_like randperm from_torch"
).split()

_EXPORTS: dict[str, tuple[str, str | None]] = {  # name -> (module, attribute); None: the module itself
    **{name: ("genesis.runtime", name) for name in ("init", "destroy", "set_seed", "initialized")},
    "logger": ("genesis.log", "logger"),
    "Tensor": ("genesis.grad.tensor", "Tensor"),
    **{name: ("genesis.grad.creation_ops", name) for name in _CREATION},
    **{name: ("genesis.grad.check", name) for name in ("gradcheck", "Steps")},
    "compose": ("genesis_cli.notebook", "compose"),
    "load_solution": ("genesis_cli.stored", "load_solution"),
    "Scene": ("genesis.scene.scene", "Scene"),
    "Trajectory": ("genesis.scene.trajectory", "Trajectory"),
    "SimState": ("genesis.scene.states", "SimState"),
    "RigidSolverState": ("genesis.scene.states", "RigidSolverState"),
    "RigidEntityState": ("genesis.scene.states", "RigidEntityState"),
    **{name: (f"genesis.scene.{name}", None) for name in ("options", "morphs", "materials")},
    **{name: ("genesis.scene.options", name) for name in ("integrator", "constraint_solver", "link_ref_frame")},
    **{name: ("genesis.errors", name) for name in (
        "GenesisError", "InputError", "UnknownNameError", "ModelError", "UnsupportedError", "StateError", "SceneMixError",
        "ContactOverflowError",
        "DivergenceError",
    )},
}  # fmt: skip
_BACKENDS = ("cpu", "gpu", "cuda", "metal", "amdgpu")
_STATE = {  # name -> field of the runtime
    "device": "device", "backend": "backend", "EPS": "eps", "tc_float": "dtype", "tc_int": "int_dtype", "np_float": "np_float",
    "ti_float": "ti_float", "qd_float": "ti_float",
}  # fmt: skip

if TYPE_CHECKING:
    from genesis.grad.check import Steps as Steps
    from genesis.grad.check import gradcheck as gradcheck
    from genesis.grad.creation_ops import *  # noqa: F403
    from genesis.grad.tensor import Tensor as Tensor
    from genesis.log import logger as logger
    from genesis.runtime import destroy as destroy
    from genesis.runtime import init as init
    from genesis.runtime import set_seed as set_seed
    from genesis.scene import materials as materials
    from genesis.scene import morphs as morphs
    from genesis.scene import options as options
    from genesis.scene.scene import Scene as Scene


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        module, attribute = _EXPORTS[name]
        value = import_module(module)
        if attribute is not None:
            value = getattr(value, attribute)
        globals()[name] = value
        return value
    if name in _STATE:
        return getattr(import_module("genesis.runtime").state(), _STATE[name])
    if name in _BACKENDS:
        return import_module("genesis.runtime").Backend[name]
    if name == "tc_bool":
        return import_module("torch").bool
    if name == "np_int":
        return import_module("numpy").int32
    message = f"module 'genesis' has no attribute {name!r}"
    if not name.startswith("_"):
        near = import_module("genesis.errors").nearest_first(name, __dir__())[:3]
        message += f"; nearest: {', '.join(near)}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted([*_EXPORTS, *_STATE, *_BACKENDS, "tc_bool", "np_int", "__version__"])

"""State of the process after `gs.init`: device, precision, seed. The only `ti.init`.

Importing this module imports neither torch nor taichi.
"""

import atexit
import contextlib
import inspect
import io
import logging
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genesis import log
from genesis.errors import InputError, StateError, UnsupportedError, unknown_name
from genesis.kernel_cache import cached_in, open_cache
from genesis.log import logger

if TYPE_CHECKING:
    import numpy as np
    import torch

THREADS_VARIABLE = "GENESIS_NUM_THREADS"


class Backend(Enum):
    """Where kernels run. ``gpu`` means the best there is: CUDA, else the CPU."""

    cpu = "cpu"
    gpu = "gpu"
    cuda = "cuda"
    metal = "metal"
    amdgpu = "amdgpu"


@dataclass(frozen=True)
class Runtime:
    """What `gs.init` decided.

    dtype and int_dtype are torch types, np_float is numpy's, ti_float Taichi's; generation counts the calls of `init` and
    `destroy`.
    """

    backend: Backend
    precision: str
    device: "torch.device"
    dtype: "torch.dtype"
    int_dtype: "torch.dtype"
    np_float: "type[np.floating]"
    ti_float: Any
    seed: int | None
    eps: float
    debug: bool
    cpu_threads: int | None
    generation: int
    asked: tuple


_runtime: Runtime | None = None
_generation = 0
_forked = False  # from a process in which the engine ran
FORKED = (
    "this process was forked from one in which the engine runs, whose threads are not here; start it by spawn or forkserver "
    '(multiprocessing.get_context("spawn"), DataLoader(multiprocessing_context="spawn")), and call gs.init() in it.'
)


def _after_fork() -> None:
    """In a forked child: a launch would wait for threads that only the parent has, for ever."""
    global _runtime, _generation, _forked
    if _runtime is not None:
        _runtime, _generation, _forked = None, _generation + 1, True


os.register_at_fork(after_in_child=_after_fork)


def ended(message: str) -> StateError:
    """What to raise where something belongs to an engine that is over: ``message``, unless this process is a fork."""
    return StateError(FORKED if _forked else message)


@contextlib.contextmanager
def cheap_frame_lookup() -> Iterator[None]:
    """Make `inspect` skip its search through all modules for a frame's source; line caches find it by file name.

    Each of Taichi's decorators looks at its caller's source line once; with hydra and torch loaded that search takes milliseconds
    every time, half a second in all.
    """
    search = inspect.getmodule
    inspect.getmodule = lambda *_: None
    try:
        yield
    finally:
        inspect.getmodule = search


def initialized() -> bool:
    """Whether `gs.init` has been called (and not undone)."""
    return _runtime is not None


def generation() -> int:
    """Which round of `gs.init` is in force, 0 for none: kernels, scenes and graphs of another round are dead."""
    return 0 if _runtime is None else _runtime.generation


def state() -> Runtime:
    """The runtime. Raises: StateError before `gs.init`."""
    if _runtime is None:
        raise ended("Genesis not initialized yet. Call gs.init() first.")
    return _runtime


def init(
    *,
    backend: Backend | str | None = None,
    precision: str = "32",
    logging_level: str | int | None = None,
    debug: bool = False,
    seed: int | None = None,
    eps: float = 1e-15,
    theme: str = "dark",
    logger_verbose_time: bool = False,
    performance_mode: bool = False,
    use_deterministic_algorithms: bool | None = None,
    cpu_threads: int | None = None,
) -> None:
    """Choose device and precision and start Taichi.

    Args:
        backend: gs.cpu (default), gs.gpu (CUDA if there is one, else the CPU with a warning) or gs.cuda.
        precision: "32" or "64", the floating-point type of every array.
        logging_level: "debug", "info", "warning" (default), "error".
        debug: check every control for NaN when it is set; costs some microseconds a call.
        seed: of random, numpy and torch.
        eps: value of gs.EPS.
        theme, logger_verbose_time: colours ("dark", "light", "dumb") and time stamps of the log.
        use_deterministic_algorithms: passed to torch when not None.
        cpu_threads: threads of the kernels on the CPU; default: the environment variable GENESIS_NUM_THREADS, else all cores.

    Calling it again with the same arguments does nothing (with a warning).

    Raises: InputError for a wrong argument or a device that is not there, StateError if other arguments are in force, or in a forked child.
    """
    global _runtime, _generation
    if performance_mode:
        raise UnsupportedError("gs.init: performance_mode is not supported: kernels serve every robot as they are; leave it out.")
    wanted, precision, cpu_threads = _backend(backend), _precision(precision), _threads(cpu_threads)
    asked = (wanted, precision, debug, seed, eps, use_deterministic_algorithms, cpu_threads)
    if _in_force(asked):
        return
    _configure_log(logging_level, theme, logger_verbose_time)
    chosen, device = _device(wanted)
    _seed(seed, use_deterministic_algorithms)
    ti_float = _start_taichi(chosen, precision, seed, cpu_threads)
    _generation += 1
    _runtime = Runtime(
        chosen,
        precision,
        device,
        *_types(precision),
        ti_float=ti_float,
        seed=seed,
        eps=eps,
        debug=debug,
        cpu_threads=cpu_threads,
        generation=_generation,
        asked=asked,
    )
    if _generation == 1:
        atexit.register(destroy)  # in order; it also writes what `genesis.kernel_cache` could not
    logger.info("running on %s, %s-bit", device, precision)


def destroy() -> None:
    """Undo `init`: compiled kernels and every scene are lost; `init` may follow with other arguments."""
    global _runtime, _generation
    if _runtime is None:
        return
    import taichi as ti

    _runtime = None
    _generation += 1  # scenes of before are over even if `init` does not follow
    ti.reset()


def set_seed(seed: int) -> None:
    """Seed random, numpy and torch again."""
    global _runtime
    _runtime = replace(state(), seed=seed)
    _seed(seed, None)


def free_memory(device: "torch.device | None") -> float:
    """Bytes that may still be taken on a torch device, None: the CPU; infinite where the system does not say."""
    if device is not None and device.type == "cuda":
        import torch

        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # by torch, for what it is asked for next
        return float(torch.cuda.mem_get_info(device)[0] + kept)
    free = float("inf")
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = 1024.0 * int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1])
    return min(free, _free_in_cgroup(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")))


def _free_in_cgroup(own: Path, root: Path) -> float:
    """Bytes that the control group of this process (cgroup v2) and those around it leave; infinite where there is no limit.

    Files in memory count as used there, but give way: those that were not read lately are added.
    Source: Linux, Documentation/admin-guide/cgroup-v2.rst.
    """
    free = float("inf")
    with contextlib.suppress(OSError, StopIteration):
        path = next(line[4:] for line in own.read_text().splitlines() if line.startswith("0::/"))
        group = root / path
        for folder in (group, *group.parents):
            with contextlib.suppress(OSError, ValueError):  # the outermost group, and one without a limit ("max"), have no number
                limit, used = (int((folder / f"memory.{name}").read_text()) for name in ("max", "current"))
                stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
                free = min(free, float(limit - used + int(stat.get("inactive_file", 0))))
            if folder == root:
                break
    return free


def _backend(backend: Backend | str | None) -> Backend:
    if backend is None:
        return Backend.cpu
    if isinstance(backend, Backend):
        return backend
    if isinstance(backend, str) and backend in Backend.__members__:
        return Backend[backend]
    raise unknown_name("gs.init", "backend", str(backend), Backend.__members__)


def _in_force(asked: tuple) -> bool:
    """Whether these arguments are in force already, which is told. Raises: StateError if others are, or in a forked child."""
    if _forked:
        raise ended("")
    if _runtime is None:
        return False
    if asked != _runtime.asked:
        raise StateError(
            f"gs.init: already initialized (backend {_runtime.backend.value}, precision {_runtime.precision}) "
            "with other arguments; call gs.destroy() first."
        )
    logger.warning("gs.init: already initialized with these arguments; nothing to do.")
    return True


def _configure_log(level: str | int | None, theme: str, verbose_time: bool) -> None:
    if theme not in log.THEMES:
        raise unknown_name("gs.init", "theme", theme, log.THEMES)
    log.configure(_level(level), theme, verbose_time)


def _precision(precision: str) -> str:
    if str(precision) not in ("32", "64"):
        raise InputError(f'gs.init: precision is "{precision}"; allowed: "32", "64".')
    return str(precision)


def _types(precision: str) -> "tuple[torch.dtype, torch.dtype, type[np.floating]]":
    """Types of the numbers in arrays: reals and integers of torch, reals of numpy."""
    import numpy as np
    import torch

    if precision == "32":
        return torch.float32, torch.int32, np.float32
    return torch.float64, torch.int32, np.float64


def _level(level: str | int | None) -> int:
    """The number of a logging level given by number or name; warnings by default."""
    if level is None:
        return logging.WARNING
    if isinstance(level, str) and level.lower() in log.LEVELS:
        return logging.getLevelNamesMapping()[level.upper()]
    if isinstance(level, int):
        return level
    raise unknown_name("gs.init", "logging_level", str(level), log.LEVELS)


def _threads(count: int | None) -> int | None:
    """Number of CPU threads: the argument, else the environment variable, else None (all cores)."""
    where = "gs.init: cpu_threads"
    value: int | str | None = count
    if value is None and os.environ.get(THREADS_VARIABLE):
        where, value = THREADS_VARIABLE, os.environ[THREADS_VARIABLE]
    if value is None:
        return None
    if not str(value).isdigit() or int(value) < 1:
        raise InputError(f"{where} is {value!r}; allowed: 1, 2, 3, …")
    return int(value)


def _device(backend: Backend) -> "tuple[Backend, torch.device]":
    """The backend that will be used and its torch device."""
    import torch

    has_cuda = torch.cuda.is_available()
    if backend in (Backend.metal, Backend.amdgpu):
        raise UnsupportedError(
            f"gs.init: backend {backend.value} is not supported; supported: cpu, cuda, gpu (cuda if there is one, else cpu)."
        )
    if backend is Backend.cuda and not has_cuda:
        raise InputError(f"gs.init: backend cuda asked, but torch {torch.__version__} sees no CUDA device; there is: cpu.")
    if backend is Backend.gpu and not has_cuda:
        logger.warning("gs.init: no GPU found; running on the CPU.")
    if has_cuda and backend in (Backend.gpu, Backend.cuda):
        return Backend.cuda, torch.device("cuda", torch.cuda.current_device())
    return Backend.cpu, torch.device("cpu")


def _seed(seed: int | None, deterministic: bool | None) -> None:
    import random

    import numpy as np
    import torch

    if deterministic is not None:
        torch.use_deterministic_algorithms(deterministic)
    if seed is not None:
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.manual_seed(seed)


def _start_taichi(backend: Backend, precision: str, seed: int | None, cpu_threads: int | None) -> Any:
    """`ti.init` as the kernels need it: lanes kept as vectors on the CPU, no fast mathematics, kernels cached between runs."""
    os.environ.setdefault("ENABLE_TAICHI_HEADER_PRINT", "0")
    os.environ.setdefault("HOME", tempfile.gettempdir())  # Taichi aborts the process where it has no home for its cache
    with cheap_frame_lookup():
        import taichi as ti

    cached = open_cache(cpu=backend is Backend.cpu)
    ti_float = ti.f32 if precision == "32" else ti.f64
    options: dict[str, int] = {}
    if backend is Backend.cpu:
        options["real_matrix_scalarize"] = False
        if cpu_threads is not None:
            options["cpu_max_num_threads"] = cpu_threads
    with cached_in(cached), contextlib.redirect_stdout(io.StringIO()):  # "[Taichi] Starting on arch=…" is a bare print
        ti.init(
            arch=ti.cpu if backend is Backend.cpu else ti.cuda,
            default_fp=ti_float,
            default_ip=ti.i32,
            advanced_optimization=False,
            fast_math=False,  # `lanes.sincos` rounds by adding and removing a large number, which such rules would cancel
            offline_cache=cached is not None,
            # 100 MB by default: a few sets of geometry pairs push each other out and are compiled again in every process.
            offline_cache_max_size_of_files=1 << 30,
            random_seed=0 if seed is None else seed % 2**31,
            log_level=ti.ERROR,
            verbose=False,
            **options,
        )
    return ti_float

"""What does not fit into memory is refused before any of it is taken."""

from typing import TYPE_CHECKING

from genesis.errors import InputError
from genesis.runtime import free_memory, state

if TYPE_CHECKING:
    import torch

UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
#: Numbers that a rollout keeps of a time step for each degree of freedom: control, its gradient, adjoints of position and velocity; and of
#: each physics step: position, velocity, acceleration.
OF_STEP, OF_SUBSTEP = 4, 3


def rollout_bytes(horizon: int, envs: int, dofs: int, substeps: int, itemsize: int) -> int:
    """Memory that a rollout of T time steps takes at least [bytes]: states, controls, and the gradients in them."""
    return horizon * max(envs, 1) * dofs * (OF_STEP + OF_SUBSTEP * substeps) * itemsize


def refuse_beyond(needed: int, what: str, advice: str, device: "torch.device | None" = None) -> None:
    """Raises: InputError if more memory [bytes] is needed than is free on the device, that of the engine if None."""
    free = free_memory(state().device if device is None else device)
    if needed > free:
        raise InputError(f"{what} need {size(needed)} of memory, and {size(free)} are free; {advice}.")


def task_motion(horizon: int, envs: int, dt: float) -> tuple[str, str]:
    """How a message names the motion of a task, by the key that makes it large, and the likeliest cause."""
    several = f" of {envs} environments" if envs > 1 else ""
    if envs > horizon:
        return f"task.envs: {horizon} time steps{several}", "take fewer environments"
    advice = f"the horizon counts steps of {dt:g} s, so that these are {horizon * dt:g} s of motion"
    return f"task.horizon: {horizon} time steps{several}", advice


def size(count: float) -> str:
    """Bytes in words."""
    unit = next(k for k in range(len(UNITS)) if count < 1024.0 ** (k + 1) or k == len(UNITS) - 1)
    return f"{count / 1024.0**unit:.1f} {UNITS[unit]}"

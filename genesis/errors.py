"""Errors of the library: every one says where, what was found, what is allowed and what to do, in one or two lines."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class GenesisError(Exception):
    """Base of every error raised by this library on purpose."""


class InputError(GenesisError, ValueError):
    """A value from the user that is wrong: shape, range, dtype, name."""


class UnknownNameError(InputError, KeyError):
    """A name that is not in a table (joint, link, config key, loss, ...)."""

    def __str__(self) -> str:  # KeyError would print the repr
        return str(self.args[0]) if self.args else ""


class ModelError(InputError):
    """A robot description that cannot be read or simulated; names file and element."""


class UnsupportedError(ModelError):
    """A feature that exists elsewhere but is not simulated here; named, never ignored."""


class StateError(GenesisError, RuntimeError):
    """A call that comes at the wrong time: step before build, add after build, use before init."""


class SceneMixError(GenesisError, RuntimeError):
    """Tensors of two scenes meet in one operation."""


class DivergenceError(GenesisError, ArithmeticError):
    """The simulation or its gradient left the finite numbers.

    Carries environment, step (from 1; in a rollout from its start), quantity, and of a rollout the trajectory up to there. env is the first in
    time; envs: all that diverged in the same launch, which had `batch` environments (None: not known).
    """

    def __init__(
        self,
        message: str,
        *,
        env: int | None = None,
        step: int | None = None,
        quantity: str = "",
        trajectory: object = None,
        envs: tuple[int, ...] = (),
        batch: int | None = None,
    ) -> None:
        super().__init__(message)
        self.envs, self.batch = envs or (() if env is None else (env,)), batch
        self.env, self.step, self.quantity, self.trajectory = env, step, quantity, trajectory

    def of_batch(self, numbers: Sequence[int]) -> "DivergenceError":
        """The same with environments counted in a batch of which the launch had the environments `numbers` alone."""
        message, env = str(self), self.env
        if env is not None:
            message, env = re.sub(rf"\benvironment {env}\b", f"environment {numbers[env]}", message), numbers[env]
        return type(self)(
            message, env=env, step=self.step, quantity=self.quantity, trajectory=self.trajectory,
            envs=tuple(numbers[k] for k in self.envs),
        )  # fmt: skip


class ContactOverflowError(GenesisError, RuntimeError):
    """More contacts than there is room for: more than ``max_contacts``, or than memory holds.

    Carries environment, step (from 1; in a rollout from its start; None in a backward pass), ``needed`` and ``room``, and ``memory``: None,
    or what the room would take and what there is, in words.
    """

    def __init__(
        self, *, needed: int, room: int, env: int, step: int | None, dt: float, start: int = 0, memory: str | None = None
    ) -> None:
        self.needed, self.room, self.env, self.dt, self.memory = needed, room, env, dt, memory
        self.step = None if step is None else start + step + 1
        when = "while gradients were computed" if self.step is None else f"at step {self.step} (t = {self.step * dt:g} s)"
        remedy = f"give max_contacts={_rounded(needed)} (RigidOptions, or scene.max_contacts of a config)"
        if memory is not None:
            remedy = f"more would take {memory}; simulate fewer environments at once, or fewer contacts (scene.self_collision, contype)"
        super().__init__(f"environment {env} has {needed} contacts {when} and room for {room}; {remedy}.")

    def after(self, steps: int) -> "ContactOverflowError":
        """The same for a launch that began ``steps`` steps after the start."""
        step = None if self.step is None else self.step - 1
        return type(self)(
            needed=self.needed, room=self.room, env=self.env, step=step, dt=self.dt, start=steps, memory=self.memory
        )


def _rounded(count: int) -> int:
    """A quarter more, in steps of four."""
    return -(-5 * count // 16) * 4


#: What a simulation may end in, through no fault of its input.
SIMULATION_FAILURES = (DivergenceError, ContactOverflowError)


def nearest_first(name: str, allowed: Iterable[str]) -> list[str]:
    """The allowed names, those most like ``name`` first."""
    names = sorted(set(allowed))
    close = get_close_matches(name, names, n=len(names), cutoff=0.5) if names else []
    return close + [n for n in names if n not in close]


def unknown_name(where: str, kind: str, name: str, allowed: Iterable[str], limit: int = 12) -> UnknownNameError:
    """`where: unknown kind "name"; known: a, b, c` with the nearest names first."""
    known = nearest_first(name, allowed)
    tail = f", … ({len(known)} in all)" if len(known) > limit else ""
    listed = ", ".join(known[:limit]) or "none"
    return UnknownNameError(f'{where}: unknown {kind} "{name}"; known: {listed}{tail}.')

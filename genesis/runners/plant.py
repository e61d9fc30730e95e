"""A robot that a controller does not know quite: the scene with other numbers, delays, noise and pushes, one control step at a time."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genesis.errors import DivergenceError, InputError, unknown_name
from genesis.grad.tangent import plus
from genesis.setting import Setting

#: What may be wrong in the model, and the core names that it multiplies together.
ERRORS = {
    "mass": ("link_mass", "link_inertia"), "friction": ("geom_friction",), "damping": ("dof_damping",), "armature": ("dof_armature",),
    "frictionloss": ("dof_frictionloss",),
}  # fmt: skip
NOISE = ("qpos", "qvel")


@dataclass(frozen=True)
class Push:
    """force [N] and torque [Nm] (3,) in world axes at the origin of a link, from `begin` [s] on, for `duration` [s]."""

    link: int
    force: Tensor
    torque: Tensor
    begin: float
    duration: float


@dataclass(frozen=True)
class PlantOptions:
    """errors: by a name of `ERRORS`, the largest relative error e of each number, uniform in [−e, e]. noise: standard deviation of measured
    qpos (in tangents) [rad | m] and qvel [rad/s | m/s]. delay: control steps from a control to its effect. pushes: mappings of link, force,
    torque, at [s], duration [s]. seed: of everything random."""

    errors: Mapping[str, float] = field(default_factory=dict)
    noise: Mapping[str, float] = field(default_factory=dict)
    delay: int = 0
    pushes: Sequence[Mapping[str, Any]] = ()
    seed: int = 0


class Plant:
    """See `PlantOptions`. theta (P,): parameters of the model, before they are made wrong. qpos (nq,), qvel (nv,): the true state.

    Raises: InputError, UnknownNameError naming the key.
    """

    def __init__(self, setting: Setting, theta: Tensor, idle: Tensor, asked: PlantOptions) -> None:
        self.setting, self.physics = setting, setting.scene.rigid_solver.physics
        self.random = np.random.default_rng(asked.seed)
        self.theta = self._wrong(theta, asked.errors)
        for name in asked.noise:
            if name not in NOISE:
                raise unknown_name("control.noise", "quantity", name, NOISE)
        self.noise = {name: float(value) for name, value in asked.noise.items()}
        self.pushes = [self._push(f"control.pushes[{k}]", dict(node)) for k, node in enumerate(asked.pushes)]
        self.qpos, self.qvel = (x.clone() for x in setting.one_start())
        self.waiting = deque([idle.clone() for _ in range(asked.delay)])
        self.steps = 0

    def _wrong(self, theta: Tensor, errors: Mapping[str, float]) -> Tensor:
        made, model = theta.clone(), self.setting.scene.rigid_solver.model
        for name, largest in errors.items():
            if name not in ERRORS:
                raise unknown_name("control.errors", "quantity", name, ERRORS)
            if largest == 0.0:
                continue
            if not 0.0 <= float(largest) < 1.0:
                raise InputError(f"control.errors.{name}: {largest} is not allowed; allowed: a relative error from 0 to below 1.")
            rows = {core: model.parameter_offsets[core] for core in ERRORS[name]}
            count = {"link": model.nlink, "geom": model.sizes["ngeom"], "dof_": model.nv}[ERRORS[name][0][:4]]
            factor = torch.from_numpy(1.0 + float(largest) * self.random.uniform(-1.0, 1.0, count)).to(made)
            for first, length in rows.values():
                if length:
                    made[first : first + length] *= factor.repeat_interleave(length // count)
        return made

    def _push(self, where: str, node: dict[str, Any]) -> Push:
        known = ("link", "force", "torque", "at", "duration")
        for name in node:
            if name not in known:
                raise unknown_name(where, "key", name, known)
        if "at" not in node or "duration" not in node or "link" not in node:
            raise InputError(f"{where}: link, at [s] and duration [s] must be given, and force [N] or torque [Nm].")
        links = {str(link.name): int(link.idx) for link in self.setting.robot.links}
        if str(node["link"]) not in links:
            raise unknown_name(f"{where}.link", "link", str(node["link"]), links)
        force, torque = (
            torch.as_tensor(node.get(name, [0.0, 0.0, 0.0]), dtype=self.setting.start_qvel.dtype) for name in ("force", "torque")
        )
        if force.shape != (3,) or torque.shape != (3,):
            raise InputError(f"{where}: force and torque are [x, y, z].")
        return Push(links[str(node["link"])], force, torque, float(node["at"]), float(node["duration"]))

    def measure(self) -> tuple[Tensor, Tensor]:
        """The state as sensors see it: (nq,), (nv,)."""
        q, v, model = self.qpos, self.qvel, self.setting.scene.rigid_solver.model
        if self.noise.get("qpos"):
            q = plus(model, q, self.noise["qpos"] * self._draw(v))
        if self.noise.get("qvel"):
            v = v + self.noise["qvel"] * self._draw(v)
        return q, v

    def _draw(self, like: Tensor) -> Tensor:
        return torch.from_numpy(self.random.standard_normal(like.shape[-1])).to(like)

    def step(self, dof_ctrl: Tensor) -> Tensor:
        """One control step under what the joint controllers are given (nv,), when its delay is over; returns what acted.

        Raises: DivergenceError where the robot leaves the finite numbers.
        """
        self.waiting.append(dof_ctrl)
        acting, time = self.waiting.popleft(), self.steps * self.setting.dt
        xfrc = None
        for push in self.pushes:
            if push.begin <= time + 1e-9 < push.begin + push.duration:
                xfrc = self.qvel.new_zeros(1, self.physics.nlink, 6) if xfrc is None else xfrc
                xfrc[0, push.link] += torch.cat([push.force, push.torque]).to(xfrc)
        with torch.no_grad():
            q, v, _ = self.physics.step(self.theta, self.qpos[None], self.qvel[None], acting[None].contiguous(), None, xfrc)
        if not bool(torch.isfinite(q).all() & torch.isfinite(v).all()):
            raise DivergenceError(f"the plant diverged at step {self.steps} ({time:g} s).", step=self.steps, quantity="qpos")
        self.qpos, self.qvel = q[0], v[0]
        self.steps += 1
        return acting

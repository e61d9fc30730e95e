"""Physics of one model as functions of torch tensors: rollout, step, link states, inverse dynamics; gradients to every input
but the joint geometry (`CONSTANT_KINDS`).

Each function is one kernel launch forward and one backward (`genesis.dynamics`). A parameter vector ``theta`` holds every physical
parameter (`genesis.model.layout`), shared by all environments or one row each.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property

import torch

from genesis import runtime
from genesis.dynamics.schemes import FREE_BODIES, FRICTION_LAWS, INTEGRATORS, SCHEMES
from genesis.errors import InputError, UnsupportedError, unknown_name
from genesis.grad.constrained import ConstraintSetting, constraint_setting
from genesis.grad.contacts import ContactRows
from genesis.grad.eager import eager
from genesis.grad.functions import InverseDynamics, LinkStates, NoContext, Rollout, Step
from genesis.grad.launches import ADDRESSES, Launches
from genesis.grad.pull_back import apply, apply_in_eager, refuse_transform, transforming
from genesis.grad.rollout_launch import States
from genesis.grad.seen import Seen
from genesis.grad.shapes import pack_shapes
from genesis.grad.transforms import MappedLinks
from genesis.grad.truncation import EXACT
from genesis.model.layout import PARAMETER, PARAMETERS
from genesis.model.model import Model
from genesis.runtime import free_memory

CONSTANT_KINDS = (
    "jnt_axis",
    "jnt_pos",
    "jnt_scale",
    "jnt_offset",
    "jnt_pitch",
    "link_invweight",
    "dof_invweight",
    "geom_gap",
    "xpair_gap",
)  # no adjoint is written for these
QUATERNIONS = ("link_quat", "geom_quat")  # normalised on their way into theta


class Physics:
    """One model with a time step and an integrator, in the precision and on the device of the runtime.

    Args:
        model: what to simulate.
        dt: time between control steps [s]; ``substeps`` time steps of dt / substeps each.
        integrator: "Euler" (semi-implicit), "implicitfast", "implicit" or "RK4".
        implicit_damping: Euler only (implicit integrators always do so): joint damping and the velocity gain of the joint controllers
            act at the end of the step.
    """

    def __init__(
        self, model: Model, *, dt: float, substeps: int = 1, integrator: str = "Euler", implicit_damping: bool = True
    ) -> None:
        if integrator not in INTEGRATORS:
            raise unknown_name("Physics", "integrator", integrator, INTEGRATORS)
        if not dt > 0.0 or substeps < 1:
            raise InputError(f"Physics: dt = {dt:g} s with {substeps} substeps; dt is positive and substeps at least 1.")
        state = runtime.state()
        self.model, self.dt, self.substeps, self.device, self.dtype = model, float(dt), int(substeps), state.device, state.dtype
        self.nq, self.nv, self.nu, self.nlink = model.nq, model.nv, model.nu, model.nlink
        self.integrator, self.stages = integrator, INTEGRATORS[integrator].stages
        free = integrator == "implicitfast" and bool(model.integers["link_free"].any())
        self._plain_kind = FREE_BODIES if free else integrator
        self.friction_laws = bool(model.parameters["dof_frictionlaw"][:, 0].any())
        self.step_dt = self.dt / self.substeps
        implicit = SCHEMES[self._plain_kind].implicit_actuators or (implicit_damping and integrator == "Euler")
        self.damping_dt = self.step_dt if implicit else 0.0
        integers, shapes = pack_shapes(model)
        self.integers = torch.as_tensor(integers, device=self.device)
        self.shapes = torch.as_tensor(shapes, dtype=self.dtype, device=self.device)
        self.nothing = torch.zeros(1, 1, 1, dtype=self.dtype, device=self.device)
        self.constraints = constraint_setting(model, self.dtype)
        self.reach, self.truncation = model.constraints.contact_reach, EXACT
        self._launches: dict[int, Launches] = {}
        self.defaults: dict[str, torch.Tensor] = {
            name: torch.as_tensor(value, dtype=self.dtype, device=self.device) for name, value in model.parameters.items()
        }

    @property
    def kind(self) -> str:
        """Of the kernels, a name in `SCHEMES`."""
        return self._plain_kind + (FRICTION_LAWS if self.friction_laws else "")

    @property
    def variant(self) -> tuple[tuple[int, ...], bool, bool] | None:
        """What the rollout kernels are made for: geometry pairs, damping after the constraints (MuJoCo's order), equalities."""
        if self.constraints is None:
            return None
        damped_last = self.damping_dt > 0.0 and self.model.constraints.contact == "mujoco"
        return self.constraints.pairs, damped_last, self.model.sizes["neq"] > 0

    def launches(self, batch: int) -> Launches:
        """Of one number of environments."""
        if batch not in self._launches:
            self._launches[batch] = Launches(self, batch)
        return self._launches[batch]

    @contextmanager
    def without_surrogate(self) -> Iterator[None]:
        """Gradients of trajectories made in here are those of the trajectory alone: `contact_reach` is off."""
        reach, self.reach = self.reach, 0.0
        try:
            yield
        finally:
            self.reach = reach

    def learn_friction(self) -> None:
        """Simulate dry friction from now on also where it is zero, so that its gradient is right there."""
        if self.constraints is None:
            self._constrain()

    def obey_friction_laws(self) -> None:
        """Simulate friction laws from now on, also where no joint has one yet."""
        if not self.friction_laws:
            self.friction_laws = True
            self._launches.clear()
            self.__dict__.pop("_explicit", None)
            self.__dict__.pop("_seen", None)

    def make_room(self, needed: int, launches: Launches) -> str | None:
        """Room for ``needed`` contacts and half as many again, for one batch size now and for the others when they launch; results do not
        depend on it.

        Returns: None, or in words the memory that is lacking: then there is as much room as before.
        """
        before = self.constraints
        for contacts in (needed + needed // 2, needed):
            setting = ConstraintSetting(self.model, self.dtype, contacts)
            lack = self._lack(setting, launches)
            if lack is None:
                try:
                    launches.fit(self, setting)
                except (RuntimeError, MemoryError):
                    lack = f"{launches.ledger_bytes(setting) / 2**30:.1f} GiB of memory, which the system does not give"
                    launches.fit(self, before)
                else:
                    self.constraints = setting
                    return None
        return lack

    def _lack(self, setting: ConstraintSetting, launches: Launches) -> str | None:
        """None if these launches and the others that have constraints may take what a setting asks for, else in words what is lacking."""
        every = {*self._launches.values(), launches}
        largest, most = max(b.ledger_bytes(setting) for b in every), 8 * ADDRESSES
        if largest >= most:
            return f"{largest / 2**30:.1f} GiB of memory, and a kernel addresses {most / 2**30:.1f}"
        held = [(b, b.setting) for b in every if b.setting is not None]
        wanted = sum(b.ledger_bytes(setting) for b, _ in held)
        there = free_memory(self.device) + sum(b.ledger_bytes(now) for b, now in held)
        return f"{wanted / 2**30:.1f} GiB of memory, and {there / 2**30:.1f} are free" if wanted > there else None

    def _constrain(self) -> None:
        """Simulate constraints from now on: dry friction has come to a model that had none."""
        self.constraints = ConstraintSetting(self.model, self.dtype)
        self._launches.clear()
        self.__dict__.pop("_explicit", None)

    def pack(self, params: Mapping[str, torch.Tensor] | None = None) -> torch.Tensor:
        """theta (P,) or (B, P) from named parameters; a name that is left out keeps its described value.

        Args:
            params: name -> tensor of the parameter's shape, or with one leading environment axis. Quaternions are normalised.
        Raises: UnknownNameError, InputError (shape), UnsupportedError (a gradient that is not implemented).
        """
        params = params or {}
        loss = params.get("dof_frictionloss")
        if self.constraints is None and loss is not None and (loss.requires_grad or bool(loss.any())):
            self._constrain()
        for laws in (params.get("dof_frictionlaw"), params.get("act_frictionlaw")):
            if not self.friction_laws and laws is not None and bool((laws[..., 0] != 0.0).any()):
                self.obey_friction_laws()
        parts: list[torch.Tensor] = []
        batch = None
        for name in params:
            if name not in PARAMETER:
                raise unknown_name("physical parameters", "parameter", name, PARAMETER)
        for kind in PARAMETERS:
            value, shape = params.get(kind.name, self.defaults[kind.name]), kind.shape(self.model.sizes)
            if tuple(value.shape[-len(shape) :] if shape else ()) != shape or value.dim() - len(shape) not in (0, 1):
                raise InputError(
                    f"parameter {kind.name}: shape {tuple(value.shape)}; allowed: {shape} or (n_envs, {str(shape)[1:]}."
                )
            if value.requires_grad and kind.name in CONSTANT_KINDS:
                raise UnsupportedError(f"parameter {kind.name}: no gradient is implemented for it; pass it detached.")
            if kind.name in QUATERNIONS:
                value = torch.nn.functional.normalize(value, dim=-1) if kind.name in params else value
            if value.dim() > len(shape):
                batch = value.shape[0]
            parts.append(value.to(self.dtype))
        if batch is None:
            return torch.cat([p.reshape(-1) for p in parts])
        rows = []
        for kind, p in zip(PARAMETERS, parts, strict=True):
            shape = kind.shape(self.model.sizes)
            rows.append(p.reshape(batch, -1) if p.dim() > len(shape) else p.reshape(1, -1).expand(batch, -1))
        return torch.cat(rows, 1)

    def columns(self, names: Iterable[str]) -> torch.Tensor:
        """Where the numbers of named parameters lie in theta, (F,)."""
        spans = (self.model.parameter_offsets[name] for name in names)
        found = [first + k for first, length in spans for k in range(length)]
        return torch.tensor(found, dtype=torch.int64, device=self.device)

    def expect(self, name: str, x: torch.Tensor, shape: tuple[int, ...]) -> None:
        """Raises: InputError. Kernels read memory as it lies, so nothing else may reach them."""
        if x.shape != shape or x.dtype is not self.dtype or x.device != self.device:
            raise InputError(
                f"Physics: {name} is {tuple(x.shape)} {x.dtype} on {x.device}; allowed: {shape} {self.dtype} on {self.device}."
            )

    def _expect_inputs(
        self,
        theta: torch.Tensor,
        qpos: torch.Tensor,
        qvel: torch.Tensor,
        dof_ctrl: torch.Tensor,
        act_ctrl: torch.Tensor | None,
        xfrc: torch.Tensor | None,
        horizon: tuple[int, ...],
    ) -> None:
        batch = (qpos.shape[0],)
        self._expect_parameters(theta, batch)
        self.expect("qpos", qpos, (*batch, self.nq))
        self.expect("qvel", qvel, (*batch, self.nv))
        self.expect("dof_ctrl", dof_ctrl, (*horizon, *batch, self.nv))
        if act_ctrl is not None:
            self.expect("act_ctrl", act_ctrl, (*horizon, *batch, self.nu))
        if xfrc is not None:
            self.expect("xfrc", xfrc, (*horizon, *batch, self.nlink, 6))

    def _expect_parameters(self, theta: torch.Tensor, batch: tuple[int, ...]) -> None:
        size = (self.model.parameter_size,)
        self.expect("theta", theta, size if theta.dim() == 1 else batch + size)

    def rollout(
        self,
        theta: torch.Tensor,
        qpos: torch.Tensor,
        qvel: torch.Tensor,
        dof_ctrl: torch.Tensor,
        act_ctrl: torch.Tensor | None = None,
        xfrc: torch.Tensor | None = None,
    ) -> States:
        """A whole trajectory in one launch.

        Args:
            theta: (P,) or (B, P) from `pack`.
            qpos: (B, nq), qvel: (B, nv) initial state.
            dof_ctrl: (T, B, nv) input u of the joint controllers, clamp(u - kp q - kv v + actuators).
            act_ctrl: (T, B, nu) controls of the actuators of the model file, or None: they exert no force.
            xfrc: (T, B, nlink, 6) force and torque on each link at its origin in the world frame [N, Nm], or None.
        Returns: qpos (T + 1, B, nq), qvel (T + 1, B, nv), qacc (T, B, nv) at the start of each step. A motion that leaves the finite numbers
            comes back as it is.
        Raises: InputError (shape, dtype, device), ContactOverflowError; in the backward pass DivergenceError if a gradient is not finite.
        """
        self._expect_inputs(theta, qpos, qvel, dof_ctrl, act_ctrl, xfrc, tuple(dof_ctrl.shape[:1]))
        return apply(Rollout, self, theta, qpos, qvel, dof_ctrl, act_ctrl, xfrc)

    @eager
    def step(
        self,
        theta: torch.Tensor,
        qpos: torch.Tensor,
        qvel: torch.Tensor,
        dof_ctrl: torch.Tensor,
        act_ctrl: torch.Tensor | None = None,
        xfrc: torch.Tensor | None = None,
        steps: int = 0,
    ) -> States:
        """One control step: as `rollout` with T = 1, every array without the time axis; returns (qpos', qvel', qacc).

        steps: those before it, for the message of an error in the backward pass.
        """
        self._expect_inputs(theta, qpos, qvel, dof_ctrl, act_ctrl, xfrc, ())
        return self.advance(theta, qpos, qvel, dof_ctrl, act_ctrl, xfrc, steps)

    def advance(
        self,
        theta: torch.Tensor,
        qpos: torch.Tensor,
        qvel: torch.Tensor,
        dof_ctrl: torch.Tensor,
        act_ctrl: torch.Tensor | None,
        xfrc: torch.Tensor | None,
        steps: int,
    ) -> States:
        """As `step`, of arguments that are known to be what it asks for."""
        if not torch.is_grad_enabled():
            refuse_transform("Step of the engine")
            return Step.forward(NoContext, (self, steps), theta, qpos, qvel, dof_ctrl, act_ctrl, xfrc)
        return apply_in_eager(Step, (self, steps), theta, qpos, qvel, dof_ctrl, act_ctrl, xfrc)

    def kinematics(
        self, theta: torch.Tensor, qpos: torch.Tensor, qvel: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """World pose and velocity of every link origin.

        Args: qpos (..., B, nq) and qvel (..., B, nv) with any leading axes; B is the axis of theta's rows if it has any.
        Returns: xpos (..., B, nlink, 3), xquat (..., B, nlink, 4), xvel (..., B, nlink, 3), xang (..., B, nlink, 3).
        """
        lead = qpos.shape[:-1]
        q, v = self._expect_samples(theta, qpos, qvel=qvel)
        pose, twist = MappedLinks.apply(self, theta, q, v) if transforming() else apply(LinkStates, self, theta, q, v)
        pose, twist = pose.reshape(*lead, self.nlink, 7), twist.reshape(*lead, self.nlink, 6)
        return pose[..., :3], pose[..., 3:], twist[..., :3], twist[..., 3:]

    def _expect_samples(self, theta: torch.Tensor, qpos: torch.Tensor, **velocities: torch.Tensor) -> list[torch.Tensor]:
        """(S, B, n) of a position and of velocities at it."""
        lead = tuple(qpos.shape[:-1])
        self.expect("qpos", qpos, (*lead, self.nq))
        for name, x in velocities.items():
            self.expect(name, x, (*lead, self.nv))
        self._expect_parameters(theta, lead[-1:] or (1,))
        return [self._samples(x) for x in (qpos, *velocities.values())]

    @staticmethod
    def _samples(x: torch.Tensor) -> torch.Tensor:
        """(S, B, n) from (..., B, n)."""
        return x.reshape(math.prod(x.shape[:-2]), x.shape[-2] if x.dim() > 1 else 1, x.shape[-1])

    def inverse_dynamics(self, theta: torch.Tensor, qpos: torch.Tensor, qvel: torch.Tensor, qacc: torch.Tensor) -> torch.Tensor:
        """tau = M qacc + c (…, B, nv): armature included, no damping, springs or actuators."""
        lead = qpos.shape[:-1]
        samples = self._expect_samples(theta, qpos, qvel=qvel, qacc=qacc)
        return apply(InverseDynamics, self, theta, *samples).reshape(*lead, self.nv)

    def contacts(
        self,
        theta: torch.Tensor,
        qpos: torch.Tensor,
        qvel: torch.Tensor,
        qacc: torch.Tensor,
        dof_ctrl: torch.Tensor | None = None,
        act_ctrl: torch.Tensor | None = None,
    ) -> torch.Tensor | None:
        """Contacts (..., B, room, WIDTH) at states and with the forces at accelerations there: rows of `inspect_contacts.FIELDS`.

        dof_ctrl (..., B, nv), act_ctrl (..., B, nu): controls of the steps with these accelerations, which tell what has reached its
        bounds; None: zero, and no actuators. None for a model without contacts.
        """
        if self.constraints is None or not self.constraints.pairs:
            return None
        lead = qpos.shape[:-1]
        q, v, a = self._expect_samples(theta, qpos, qvel=qvel, qacc=qacc)
        u, c = (None if x is None else self._samples(x) for x in (dof_ctrl, act_ctrl))
        rows = apply(ContactRows, self, theta, q, v, self._seen.acceleration(theta, q, v, a, u, c))
        return rows.reshape(*lead, *rows.shape[2:])

    @cached_property
    def _seen(self) -> Seen:
        return Seen(self)

    def bias(self, theta: torch.Tensor, qpos: torch.Tensor, qvel: torch.Tensor) -> torch.Tensor:
        """Coriolis, centrifugal and gravity forces c (..., B, nv)."""
        return self.inverse_dynamics(theta, qpos, qvel, torch.zeros_like(qvel))

    def mass_matrix(self, theta: torch.Tensor, qpos: torch.Tensor) -> torch.Tensor:
        """Joint-space inertia with armature (..., B, nv, nv)."""
        lead, (flat,) = qpos.shape, self._expect_samples(theta, qpos)
        s, b = flat.shape[:2]
        q = flat[:, None].expand(s, self.nv + 1, b, self.nq).reshape(-1, b, self.nq)
        unit = torch.cat([torch.eye(self.nv, dtype=self.dtype, device=self.device), self.nothing.new_zeros(1, self.nv)])
        a = unit[None, :, None].expand(s, -1, b, -1).reshape(-1, b, self.nv)
        tau = apply(InverseDynamics, self, theta, q, torch.zeros_like(a), a).view(s, self.nv + 1, b, self.nv)
        columns = tau[:, :-1] - tau[:, -1:]
        return columns.movedim(1, -1).reshape(*lead[:-1], self.nv, self.nv)

    def forward_dynamics(
        self,
        theta: torch.Tensor,
        qpos: torch.Tensor,
        qvel: torch.Tensor,
        dof_ctrl: torch.Tensor,
        act_ctrl: torch.Tensor | None = None,
        xfrc: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """qacc (B, nv) at one state: explicit damping, whatever the integrator."""
        return self._explicit.step(theta, qpos, qvel, dof_ctrl, act_ctrl, xfrc)[2]

    @cached_property
    def _explicit(self) -> "Physics":
        """The same model with damping at the start of the step."""
        if self.damping_dt == 0.0 and self.substeps == 1:
            return self
        made = Physics(self.model, dt=self.dt, implicit_damping=False)
        if self.constraints is not None and made.constraints is None:
            made._constrain()
        if self.friction_laws:
            made.obey_friction_laws()
        return made

"""Physics of one model as functions of torch tensors: rollout, step, link states, inverse dynamics; gradients to every input.

Each function is one kernel launch forward and one backward (`genesis.dynamics`). A parameter vector ``theta`` holds every physical
parameter (`genesis.model.layout`), shared by all environments or one row each.
"""

from collections.abc import Mapping
from typing import Any

import torch

from genesis import runtime
from genesis.dynamics.launch import Launcher, kernels, lanes_for
from genesis.dynamics.step import EULER, RK4
from genesis.dynamics.workspace import scratch_size
from genesis.errors import InputError, UnsupportedError, unknown_name
from genesis.model.layout import PARAMETER, PARAMETERS
from genesis.model.model import Model

INTEGRATORS = {"Euler": EULER, "RK4": RK4}
CONSTANT_KINDS = ("jnt_axis", "jnt_pos", "jnt_scale", "jnt_offset")  # no adjoint is written for these


class Bench:
    """Scratch memory and launchers for one batch size."""

    BLOCKS = {"rollout": ((1, 2), (1, 2, 19)), "kinematics": ((1, 2), (1, 2, 9)), "inverse": ((1, 2), (1, 2, 10))}

    def __init__(self, model: Model, batch: int, like: torch.Tensor) -> None:
        self.batch, self.lanes = batch, lanes_for(batch)
        self.blocks = -(-batch // self.lanes)
        self.lane_axis = (self.lanes,) if self.lanes > 1 else ()
        self.room, self.width = scratch_size(model.sizes), model.parameter_size
        self.scratch = like.new_zeros(self.blocks * self.room, *self.lane_axis)
        self._launches: dict[tuple[int, bool, bool, bool], _Launch] = {}
        self._pairs: dict[str, tuple[Launcher, Launcher]] = {}
        self._packed: tuple[Any, int, torch.Tensor] | None = None
        self.no_bar = like.new_zeros(self.width, *self.lane_axis)

    def layout(self, batched: bool) -> tuple[int, int, int, int]:
        """Kernel scalars: environments, blocks, scratch of a block, distance of the parameter rows of two blocks."""
        return self.batch, self.blocks, self.room, self.width if batched else 0

    def rollout(self, physics: "Physics", horizon: int, theta, control, wrench) -> "_Launch":
        key = (horizon, theta.dim() == 2, control is not None, wrench is not None)
        launch = self._launches.get(key)
        if launch is None:
            if len(self._launches) > 64:  # a caller that varies the horizon without end
                self._launches.clear()
            launch = self._launches[key] = _Launch(physics, self, *key)
        return launch

    def pair(self, kind: str) -> tuple[Launcher, Launcher]:
        if kind not in self._pairs:
            forward, adjoint = kernels(kind, self.lanes)
            a, b = self.BLOCKS[kind]
            self._pairs[kind] = (Launcher(forward, self.lanes, a), Launcher(adjoint, self.lanes, b))
        return self._pairs[kind]

    def parameters(self, theta: torch.Tensor) -> torch.Tensor:
        """theta in the memory order of the kernels; the last one is kept."""
        kept = self._packed
        if kept is not None and kept[0] is theta and kept[1] == theta._version:
            return kept[2]
        x = theta.detach()
        if self.lanes == 1:
            packed = x.reshape(-1).contiguous()
        elif x.dim() == 1:
            packed = x[:, None].expand(-1, self.lanes).contiguous()
        else:
            rows = torch.arange(self.blocks * self.lanes, device=x.device).clamp_(max=self.batch - 1)
            packed = x[rows].reshape(self.blocks, self.lanes, -1).transpose(1, 2).reshape(-1, self.lanes).contiguous()
        self._packed = (theta, theta._version, packed)
        return packed

    def parameters_bar(self, want: bool) -> torch.Tensor:
        return self.scratch.new_zeros(self.blocks * self.width, *self.lane_axis) if want else self.no_bar

    def theta_bar(self, bar: torch.Tensor, theta: torch.Tensor) -> torch.Tensor:
        """Adjoint of theta from that of the kernels; lanes that only repeat the last environment are dropped."""
        bar = bar.view(self.blocks, self.width, *self.lane_axis)
        rows = bar if self.lanes == 1 else bar.transpose(1, 2).reshape(self.blocks * self.lanes, -1)[: self.batch]
        return rows.sum(0) if theta.dim() == 1 else rows


def _refuse_second_order(ctx_name: str):
    raise UnsupportedError(
        f"{ctx_name}: derivatives of second order (create_graph=True) are not implemented; "
        "take finite differences of the gradient, or a Gauss-Newton approximation."
    )


class _NoSecondOrder(torch.autograd.Function):
    """Identity on gradients that refuses to be differentiated again; ``count`` tensors that they depend on come before them."""

    @staticmethod
    def forward(ctx, name: str, count: int, *tensors):
        ctx.name = name
        return tuple(None if t is None else t.view_as(t) for t in tensors[count:])

    @staticmethod
    def backward(ctx, *grads):
        _refuse_second_order(ctx.name)


class _Batched:
    """Adjoints for a stack of output gradients (is_grads_batched, vmap over a vector-Jacobian product), one after the other.

    torch has no rule for running a kernel under vmap, but it calls an operator that it does not know row by row: this one. Absent
    tensors pass as empty ones.
    """

    SLOTS = 6
    library = torch.library.Library("genesis_optimize", "DEF")
    calls: dict[int, Any] = {}

    @classmethod
    def run(cls, adjoint, grads):
        key = max(cls.calls, default=0) + 1
        cls.calls[key] = adjoint
        try:
            given = [torch.empty(0) if g is None else g for g in (*grads, *[None] * (3 - len(grads)))]
            out = torch.ops.genesis_optimize.pull_back(key, len(grads), *given)
        finally:
            del cls.calls[key]
        return out

    @classmethod
    def one(cls, key: int, count: int, *grads):
        out = cls.calls[key](*(None if g.dim() == 1 and g.numel() == 0 else g for g in grads[:count]))
        return tuple(torch.empty(0) if o is None else o.clone() for o in (*out, *[None] * (cls.SLOTS - len(out))))


_Batched.library.define("pull_back(int key, int count, Tensor a, Tensor b, Tensor c) -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)")
_Batched.library.impl("pull_back", _Batched.one, "CompositeExplicitAutograd")


def _is_batched(grad: torch.Tensor | None) -> bool:
    """Whether a gradient is one of a stack under vmap: such a tensor has no memory of its own."""
    if grad is None:
        return False
    try:
        grad.data_ptr()
    except RuntimeError:
        return True
    return False


def run_adjoint(ctx, name: str, adjoint, grads):
    """``adjoint(*grads)`` as torch wants it from a backward: batched gradients row by row, second order refused.

    The tensor arguments of the function are what its forward saved last.
    """
    needed = ctx.needs_input_grad[1:]
    if any(_is_batched(g) for g in grads):
        out = _Batched.run(adjoint, grads)
        return tuple(o if n else None for o, n in zip(out, needed, strict=False))
    if torch.is_grad_enabled():  # backward runs with create_graph
        with torch.no_grad():
            out = adjoint(*grads)
        sources = [x for x in (*ctx.saved_tensors[-len(needed) :], *grads) if x is not None and x.requires_grad]
        return _NoSecondOrder.apply(name, len(sources), *sources, *out)
    return adjoint(*grads)


def _dense(x: torch.Tensor | None, otherwise: torch.Tensor) -> torch.Tensor:
    """Contiguous memory of an optional input."""
    return otherwise if x is None else x.contiguous()


class _Launch:
    """What both passes of one kind of rollout share: the scalars of the kernels. Made once per kind, see `Bench.rollout`."""

    def __init__(self, physics: "Physics", bench: Bench, horizon: int, batched: bool, controlled: bool, wrenched: bool) -> None:
        self.physics, self.bench, self.has = physics, bench, (controlled, wrenched)
        integers = (horizon, physics.substeps, *bench.layout(batched), physics.integrator, int(controlled), int(wrenched))
        self.scalars = (integers, physics.reals)
        self.adjoint_scalars = {
            (want, accelerated): ((*integers, int(want), bench.width, int(accelerated)), physics.reals)
            for want in (False, True)
            for accelerated in (False, True)
        }
        new = bench.scratch.new_zeros  # adjoints of positions and velocities that no loss depends on
        self.no_q_bar, self.no_v_bar = (new(horizon, bench.batch, physics.nq), new(horizon, bench.batch, physics.nv))
        self.run, self.run_adjoint = bench.pair("rollout")

    def forward(self, theta, inputs, outputs) -> None:
        self.run((self.physics.integers, self.bench.parameters(theta), self.bench.scratch, *inputs, *outputs), self.scalars)

    def adjoint(self, need_theta: bool, theta, inputs, outputs, q_bar, v_bar, a_bar):
        """Adjoints of (theta, q0, v0, command, control, wrench)."""
        p, b = self.physics, self.bench
        u, c, w, q0, v0 = inputs
        u_bar, q0_bar, v0_bar = torch.empty_like(u), torch.empty_like(q0), torch.empty_like(v0)
        c_bar = torch.empty_like(c) if self.has[0] else p.nothing
        w_bar = torch.empty_like(w) if self.has[1] else p.nothing
        theta_bar = b.parameters_bar(need_theta)
        arrays = (
            p.integers, b.parameters(theta), b.scratch, *inputs, *outputs,
            self.no_q_bar if q_bar is None else q_bar, self.no_v_bar if v_bar is None else v_bar,
            p.nothing if a_bar is None else a_bar,
            u_bar, c_bar, w_bar, q0_bar, v0_bar, theta_bar,
        )  # fmt: skip
        self.run_adjoint(arrays, self.adjoint_scalars[need_theta, a_bar is not None])
        return (
            b.theta_bar(theta_bar, theta) if need_theta else None, q0_bar, v0_bar, u_bar,
            c_bar if self.has[0] else None, w_bar if self.has[1] else None,
        )  # fmt: skip


class _Rollout(torch.autograd.Function):
    """(physics, theta, q0, v0, command, control, wrench) -> states and accelerations over T steps."""

    @staticmethod
    def forward(ctx, physics, theta, q0, v0, command, control, wrench):
        bench, horizon, batch = physics.bench(q0.shape[0]), command.shape[0], q0.shape[0]
        steps, new = horizon * physics.substeps, physics.nothing.new_empty
        q, v, a = new(steps + 1, batch, physics.nq), new(steps + 1, batch, physics.nv), new(steps * physics.stages, batch, physics.nv)
        q[0], v[0] = q0, v0
        u, c, w = command.contiguous(), _dense(control, physics.nothing), _flat_wrench(wrench, physics.nothing)
        ctx.launch = launch = bench.rollout(physics, horizon, theta, control, wrench)
        launch.forward(theta, (u, c, w, q[0], v[0]), (q[1:], v[1:], a))
        ctx.save_for_backward(u, c, w, q, v, a, theta, q0, v0, command, control, wrench)
        ctx.set_materialize_grads(False)
        every = physics.substeps
        if every == 1 and physics.stages == 1:
            return q, v, a
        return q[::every], v[::every], a[:: every * physics.stages]

    @staticmethod
    def backward(ctx, *grads):
        need_theta = ctx.needs_input_grad[1]

        def adjoint(q_grad, v_grad, a_grad):
            u, c, w, q, v, a, theta, *_ = ctx.saved_tensors
            q_grad, v_grad, a_grad = (None if g is None else g.contiguous() for g in (q_grad, v_grad, a_grad))
            after = (None if g is None else g[1:] for g in (q_grad, v_grad))
            theta_bar, q0_bar, v0_bar, u_bar, c_bar, w_bar = ctx.launch.adjoint(
                need_theta, theta, (u, c, w, q[0], v[0]), (q[1:], v[1:], a), *after, a_grad
            )
            if q_grad is not None:
                q0_bar += q_grad[0]
            if v_grad is not None:
                v0_bar += v_grad[0]
            return theta_bar, q0_bar, v0_bar, u_bar, c_bar, _link_wrench(w_bar)

        return (None, *run_adjoint(ctx, "rollout", adjoint, grads))


class _Step(torch.autograd.Function):
    """One control step: `_Rollout` with T = 1 and no time axis, for loops in Python, where every torch operation counts."""

    @staticmethod
    def forward(ctx, physics, theta, q0, v0, command, control, wrench):
        batch, new = q0.shape[0], physics.nothing.new_empty
        bench, many, stages = physics.bench(batch), physics.substeps, physics.stages
        if many == 1:
            q, v = new(batch, physics.nq), new(batch, physics.nv)
        else:
            q, v = new(many, batch, physics.nq), new(many, batch, physics.nv)
        a = new(batch, physics.nv) if many * stages == 1 else new(many * stages, batch, physics.nv)
        inputs = (command.contiguous(), _dense(control, physics.nothing), _flat_wrench(wrench, physics.nothing), q0.contiguous(), v0.contiguous())
        ctx.launch = launch = bench.rollout(physics, 1, theta, control, wrench)
        launch.forward(theta, inputs, (q, v, a))
        ctx.save_for_backward(*inputs, q, v, a, theta, q0, v0, command, control, wrench)
        ctx.set_materialize_grads(False)
        return q if many == 1 else q[-1], v if many == 1 else v[-1], a if a.dim() == 2 else a[0]

    @staticmethod
    def backward(ctx, *grads):
        need_theta = ctx.needs_input_grad[1]

        def adjoint(*grads):
            u, c, w, q0, v0, q, v, a, theta, *_ = ctx.saved_tensors
            dense = (None if g is None else g.contiguous() for g in grads)
            out = ctx.launch.adjoint(need_theta, theta, (u, c, w, q0, v0), (q, v, a), *dense)
            return (*out[:-1], _link_wrench(out[-1]))

        return (None, *run_adjoint(ctx, "step", adjoint, grads))


class _NoContext:
    """Stands in for the autograd context where nothing will be differentiated."""

    launch = None

    @staticmethod
    def save_for_backward(*tensors) -> None:
        pass

    @staticmethod
    def set_materialize_grads(value: bool) -> None:
        pass


def _flat_wrench(wrench: torch.Tensor | None, otherwise: torch.Tensor) -> torch.Tensor:
    """(..., nlink, 6) as the kernels read it, (..., 6 nlink)."""
    return otherwise if wrench is None else wrench.contiguous().flatten(-2)


def _link_wrench(bar: torch.Tensor | None):
    return None if bar is None else bar.unflatten(-1, (-1, 6))


class _LinkStates(torch.autograd.Function):
    """(physics, theta, q (S, B, nq), v (S, B, nv)) -> pose (S, B, nlink, 7), twist (S, B, nlink, 6)."""

    @staticmethod
    def forward(ctx, physics, theta, q, v):
        bench = physics.bench(q.shape[1])
        given, (q, v) = (theta, q, v), (x.detach().contiguous() for x in (q, v))
        pose, twist = q.new_empty(*q.shape[:2], 7 * physics.nlink), q.new_empty(*q.shape[:2], 6 * physics.nlink)
        scalars = (q.shape[0], *bench.layout(theta.dim() == 2))
        bench.pair("kinematics")[0]((physics.integers, bench.parameters(theta), bench.scratch, q, v, pose, twist), (scalars, ()))
        ctx.physics, ctx.bench, ctx.scalars = physics, bench, scalars
        ctx.save_for_backward(q, v, *given)
        return pose.view(*q.shape[:2], physics.nlink, 7), twist.view(*q.shape[:2], physics.nlink, 6)

    @staticmethod
    def backward(ctx, *grads):
        need = ctx.needs_input_grad

        def adjoint(pose_bar, twist_bar):
            q, v, theta, *_ = ctx.saved_tensors
            bench, want = ctx.bench, bool(need[1])
            q_bar, v_bar, theta_bar = torch.empty_like(q), torch.empty_like(v), bench.parameters_bar(want)
            arrays = (
                ctx.physics.integers, bench.parameters(theta), bench.scratch, q, v,
                pose_bar.contiguous().flatten(-2), twist_bar.contiguous().flatten(-2), q_bar, v_bar, theta_bar,
            )  # fmt: skip
            bench.pair("kinematics")[1](arrays, ((*ctx.scalars, int(want), bench.width), ()))
            return bench.theta_bar(theta_bar, theta) if want else None, q_bar, v_bar

        return (None, *run_adjoint(ctx, "link states", adjoint, grads))


class _InverseDynamics(torch.autograd.Function):
    """(physics, theta, q (S, B, nq), v, a (S, B, nv)) -> tau (S, B, nv)."""

    @staticmethod
    def forward(ctx, physics, theta, q, v, a):
        bench = physics.bench(q.shape[1])
        given, (q, v, a) = (theta, q, v, a), (x.detach().contiguous() for x in (q, v, a))
        tau = torch.empty_like(v)
        scalars = (q.shape[0], *bench.layout(theta.dim() == 2))
        bench.pair("inverse")[0]((physics.integers, bench.parameters(theta), bench.scratch, q, v, a, tau), (scalars, ()))
        ctx.physics, ctx.bench, ctx.scalars = physics, bench, scalars
        ctx.save_for_backward(q, v, a, *given)
        return tau

    @staticmethod
    def backward(ctx, *grads):
        need = ctx.needs_input_grad

        def adjoint(tau_bar):
            q, v, a, theta, *_ = ctx.saved_tensors
            bench, want = ctx.bench, bool(need[1])
            bars, theta_bar = [torch.empty_like(x) for x in (q, v, a)], bench.parameters_bar(want)
            arrays = (ctx.physics.integers, bench.parameters(theta), bench.scratch, q, v, a, tau_bar.contiguous(), *bars, theta_bar)
            bench.pair("inverse")[1](arrays, ((*ctx.scalars, int(want), bench.width), ()))
            return (bench.theta_bar(theta_bar, theta) if want else None, *bars)

        return (None, *run_adjoint(ctx, "inverse dynamics", adjoint, grads))


class Physics:
    """One model with a time step and an integrator, in the precision and on the device of the runtime.

    Args:
        model: what to simulate.
        dt: time between control steps [s]; ``substeps`` time steps of dt / substeps each.
        integrator: "Euler" (semi-implicit) or "RK4".
        implicit_damping: Euler only: joint damping and the velocity gain of the joint controllers act at the end of the step.
    """

    def __init__(self, model: Model, *, dt: float, substeps: int = 1, integrator: str = "Euler", implicit_damping: bool = True) -> None:
        if integrator not in INTEGRATORS:
            raise unknown_name("Physics", "integrator", integrator, INTEGRATORS)
        if not dt > 0.0 or substeps < 1:
            raise InputError(f"Physics: dt = {dt:g} s with {substeps} substeps; dt is positive and substeps at least 1.")
        state = runtime.state()
        self.model, self.dt, self.substeps, self.device, self.dtype = model, float(dt), int(substeps), state.device, state.dtype
        self.nq, self.nv, self.nu, self.nlink = model.nq, model.nv, model.nu, model.nlink
        self.integrator = INTEGRATORS[integrator]
        self.stages = 4 if self.integrator == RK4 else 1
        self.step_dt = self.dt / self.substeps
        self.damping_dt = self.step_dt if implicit_damping and self.integrator == EULER else 0.0
        self.reals = (self.step_dt, self.damping_dt)
        self.integers = torch.as_tensor(model.pack_integers(), device=self.device)
        self.nothing = torch.zeros(1, 1, 1, dtype=self.dtype, device=self.device)
        self._benches: dict[int, Bench] = {}
        self.defaults: dict[str, torch.Tensor] = {
            name: torch.as_tensor(value, dtype=self.dtype, device=self.device) for name, value in model.parameters.items()
        }

    def bench(self, batch: int) -> Bench:
        if batch not in self._benches:
            self._benches[batch] = Bench(self.model, batch, self.nothing)
        return self._benches[batch]

    def pack(self, params: Mapping[str, torch.Tensor] | None = None) -> torch.Tensor:
        """theta (P,) or (B, P) from named parameters; a name that is left out keeps its described value.

        Args:
            params: name -> tensor of the parameter's shape, or with one leading environment axis. Quaternions are normalised.
        Raises: UnknownNameError, InputError (shape), UnsupportedError (a gradient that is not implemented).
        """
        params = params or {}
        parts: list[torch.Tensor] = []
        batch = None
        for name in params:
            if name not in PARAMETER:
                raise unknown_name("physical parameters", "parameter", name, PARAMETER)
        for kind in PARAMETERS:
            value, shape = params.get(kind.name, self.defaults[kind.name]), kind.shape(self.model.sizes)
            if tuple(value.shape[-len(shape) :] if shape else ()) != shape or value.dim() - len(shape) not in (0, 1):
                raise InputError(f"parameter {kind.name}: shape {tuple(value.shape)}; allowed: {shape} or (n_envs, {str(shape)[1:]}.")
            if value.requires_grad and kind.name in CONSTANT_KINDS:
                raise UnsupportedError(f"parameter {kind.name}: no gradient is implemented for it; pass it detached.")
            if kind.name == "link_quat":
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

    def rollout(self, theta, qpos, qvel, dof_ctrl, act_ctrl=None, xfrc=None):
        """A whole trajectory in one launch.

        Args:
            theta: (P,) or (B, P) from `pack`.
            qpos: (B, nq), qvel: (B, nv) initial state.
            dof_ctrl: (T, B, nv) input u of the joint controllers, clamp(u - kp q - kv v).
            act_ctrl: (T, B, nu) controls of the actuators of the model file, or None: they exert no force.
            xfrc: (T, B, nlink, 6) force and torque on each link at its origin in the world frame [N, Nm], or None.
        Returns: qpos (T + 1, B, nq), qvel (T + 1, B, nv), qacc (T, B, nv) at the start of each step.
        """
        return _Rollout.apply(self, theta, qpos, qvel, dof_ctrl, act_ctrl, xfrc)

    def step(self, theta, qpos, qvel, dof_ctrl, act_ctrl=None, xfrc=None):
        """One control step: as `rollout` with T = 1, every array without the time axis; returns (qpos', qvel', qacc)."""
        if not torch.is_grad_enabled():
            return _Step.forward(_NoContext, self, theta, qpos, qvel, dof_ctrl, act_ctrl, xfrc)
        return _Step.apply(self, theta, qpos, qvel, dof_ctrl, act_ctrl, xfrc)

    def kinematics(self, theta, qpos, qvel):
        """World pose and velocity of every link origin.

        Args: qpos (..., B, nq) and qvel (..., B, nv) with any leading axes; B is the axis of theta's rows if it has any.
        Returns: xpos (..., B, nlink, 3), xquat (..., B, nlink, 4), xvel (..., B, nlink, 3), xang (..., B, nlink, 3).
        """
        lead = qpos.shape[:-1]
        q, v = self._samples(qpos), self._samples(qvel)
        pose, twist = _LinkStates.apply(self, theta, q, v)
        pose, twist = pose.reshape(*lead, self.nlink, 7), twist.reshape(*lead, self.nlink, 6)
        return pose[..., :3], pose[..., 3:], twist[..., :3], twist[..., 3:]

    @staticmethod
    def _samples(x: torch.Tensor) -> torch.Tensor:
        """(S, B, n) from (..., B, n)."""
        return x.reshape(-1, x.shape[-2] if x.dim() > 1 else 1, x.shape[-1])

    def inverse_dynamics(self, theta, qpos, qvel, qacc):
        """tau = M qacc + c (…, B, nv): armature included, no damping, springs or actuators."""
        lead = qpos.shape[:-1]
        return _InverseDynamics.apply(self, theta, *(self._samples(x) for x in (qpos, qvel, qacc))).reshape(*lead, self.nv)

    def bias(self, theta, qpos, qvel):
        """Coriolis, centrifugal and gravity forces c (..., B, nv)."""
        return self.inverse_dynamics(theta, qpos, qvel, torch.zeros_like(qvel))

    def mass_matrix(self, theta, qpos):
        """Joint-space inertia with armature (..., B, nv, nv)."""
        lead = qpos.shape
        flat = qpos.reshape(-1, lead[-2] if qpos.dim() > 1 else 1, self.nq)
        s, b = flat.shape[:2]
        q = flat[:, None].expand(s, self.nv + 1, b, self.nq).reshape(-1, b, self.nq)
        unit = torch.cat([torch.eye(self.nv, dtype=self.dtype, device=self.device), self.nothing.new_zeros(1, self.nv)])
        a = unit[None, :, None].expand(s, -1, b, -1).reshape(-1, b, self.nv)
        tau = _InverseDynamics.apply(self, theta, q, torch.zeros_like(a), a).view(s, self.nv + 1, b, self.nv)
        columns = tau[:, :-1] - tau[:, -1:]
        return columns.movedim(1, -1).reshape(*lead[:-1], self.nv, self.nv)

    def forward_dynamics(self, theta, qpos, qvel, dof_ctrl, act_ctrl=None, xfrc=None):
        """qacc (B, nv) at one state: explicit damping, whatever the integrator."""
        explicit = self._explicit()
        return explicit.step(theta, qpos, qvel, dof_ctrl, act_ctrl, xfrc)[2]

    def _explicit(self) -> "Physics":
        if self.damping_dt == 0.0 and self.substeps == 1:
            return self
        if not hasattr(self, "_explicit_twin"):
            self._explicit_twin = Physics(self.model, dt=self.dt, implicit_damping=False)
        return self._explicit_twin

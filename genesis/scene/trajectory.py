"""The result of `scene.rollout`: a trajectory with its links, points, derivatives, and how it is seen."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import torch

from genesis.errors import InputError, StateError, unknown_name
from genesis.grad.controllers import controller_force, parameter
from genesis.grad.eager import eager
from genesis.grad.rollout_launch import States
from genesis.grad.rotation import multiply, rotate
from genesis.grad.tensor import Tensor, adopt, plain, wrap
from genesis.log import logger
from genesis.scene.clearance import LinkPairs, link_pairs
from genesis.scene.inputs import ArrayLike
from genesis.scene.solver import RigidSolver
from genesis.scene.step_derivatives import StepDerivatives, along_trajectory
from genesis.scene.variants import Variants, roll_out_variants

if TYPE_CHECKING:
    from genesis.replay.replay import Replay
    from genesis.replay.viewer import Viewer
    from genesis.scene.entity import RigidEntity

KINDS = ("force", "position", "velocity")


class Trajectory:
    """Result of `scene.rollout` over T steps; every tensor is differentiable, time first, then ([n_envs,] ...).

    qpos (T+1, [n_envs,] nq), qvel (T+1, [n_envs,] nv), qacc (T, [n_envs,] nv) at the start of each step.
    time (T+1,) [s].
    links_pos, links_quat, links_vel, links_ang (T+1, [n_envs,] nlink, ...) and links_contact_force (T, [n_envs,] nlink, 3) in the world
    frame are computed when first asked for. kind is that of the controls. theta: packed parameters (P,), (n_envs, P), or of a probe
    (`genesis.scene.linear`) (T+1, n_envs, P), a row for each state. simulated: qacc is that of the steps, not made of velocities.
    """

    def __init__(
        self,
        solver: RigidSolver,
        theta: torch.Tensor,
        states: States,
        controls: torch.Tensor | None,
        dt: float,
        start: int,
        kind: str,
        act_ctrl: torch.Tensor | None = None,
        simulated: bool = True,
    ) -> None:
        self._solver, self._theta, self._start, self.kind, self.simulated = solver, theta, start, kind, simulated
        self._controls, self._act_ctrl = controls, act_ctrl
        self._motions: dict[range, tuple[torch.Tensor, ...]] = {}
        self._pose_jacobians: dict[tuple[int, range], torch.Tensor] = {}  # by link; of `genesis.scene.frame_jacobian`
        self._distances: dict[Any, Any] = {}  # of `genesis.scene.clearance`
        self.dt, self.horizon = dt, len(states[2])
        qpos, qvel, qacc = states
        self._flat = qpos.ndim == 2  # one environment, without an axis for it; a batch may be of any size, whatever the scene has
        self.qpos, self.qvel, self.qacc = adopt(qpos, solver.scene), adopt(qvel, solver.scene), adopt(qacc, solver.scene)

    @cached_property
    def controls(self) -> Tensor | None:
        """As given to the joint controllers, (T, [n_envs,] nv), or None."""
        return None if self._controls is None else wrap(self._controls, self._solver.scene)

    @cached_property
    def time(self) -> Tensor:
        """(T+1,) [s]."""
        steps = torch.arange(self._start, self._start + self.horizon + 1, dtype=self.qpos.dtype, device=self.qpos.device)
        return wrap(steps * self.dt, self._solver.scene)

    @cached_property
    def links_pos(self) -> Tensor:
        """Origins of the links [m]."""
        return self._give(self._kinematics[0])

    @cached_property
    def links_quat(self) -> Tensor:
        """Orientations of the links, wxyz."""
        return self._give(self._kinematics[1])

    @cached_property
    def links_vel(self) -> Tensor:
        """Velocities of the origins of the links [m/s]."""
        return self._give(self._kinematics[2])

    @cached_property
    def links_ang(self) -> Tensor:
        """Angular velocities of the links [rad/s]."""
        return self._give(self._kinematics[3])

    @cached_property
    @eager
    def links_contact_force(self) -> Tensor:
        """Sum of the contact forces on each link in each step (T, [n_envs,] nlink, 3) [N] in the world frame."""
        solver = self._solver
        solver.alive()
        states = (plain(self.qpos)[:-1], plain(self.qvel)[:-1], plain(self.qacc))
        q, v, a = (x.unsqueeze(1) if self._flat else x for x in states)
        u, c = (x.unsqueeze(1) if x is not None and self._flat else x for x in (self._dof_ctrl(), self._act_ctrl))
        rows = solver.physics.contacts(self._theta, q, v, a, u, c)
        if rows is None:
            return self._give(q.new_zeros(*q.shape[:2], solver.model.nlink, 3))
        return self._give(solver.contact_table().net_forces(rows))

    @cached_property
    def controller_force(self) -> Tensor:
        """What the joint controllers ask for at the start of each step (T, [n_envs,] nv) [N | Nm], before the bounds of force; without
        the actuators of model files."""
        solver, dof_ctrl = self._solver, self._dof_ctrl()
        if dof_ctrl is None:
            return wrap(torch.zeros_like(plain(self.qacc)), solver.scene)
        states = plain(self.qpos)[:-1], plain(self.qvel)[:-1]
        return wrap(controller_force(solver.physics, self._theta_of_steps(), dof_ctrl, *states), solver.scene)

    def distance(self, pairs: LinkPairs | Sequence[Sequence[str]], steps: slice | None = None) -> Tensor:
        """How far pairs of links are apart (T+1, [n_envs,] P) [m], negative where they overlap; steps: of these states alone.

        Exact slopes in the states, and in where geoms sit and their sizes; where several points are equally near, to one side.
        pairs: `genesis.scene.clearance.LinkPairs`, which is made once for many trajectories, or [[a, b], …], names as it takes them.
        """
        which = slice(0, self.horizon + 1) if steps is None else steps
        made = link_pairs("Trajectory.distance: pairs", self._solver.scene, pairs)
        return wrap(made.measure(self, which), self._solver.scene)

    def _dof_ctrl(self) -> torch.Tensor | None:
        """What the joint controllers are given, (T, [n_envs,] nv)."""
        gain = {"force": None, "position": "dof_kp", "velocity": "dof_kv"}[self.kind]
        if self._controls is None or gain is None:
            return self._controls
        return parameter(self._solver.physics, self._theta_of_steps(), gain) * self._controls

    def _theta_of_steps(self) -> torch.Tensor:
        if self._theta.dim() < 3:
            return self._theta
        return self._theta[:-1].squeeze(1) if self._flat else self._theta[:-1]

    def variants(
        self, columns: list[int], shifts: torch.Tensor, qpos: torch.Tensor, qvel: torch.Tensor, *, bounded: bool = True
    ) -> Variants:
        """The same controls in B environments, whatever the scene has: with other physical parameters, from other starts.

        Args:
            columns: entries of the packed parameter vector (`Model.parameter_offsets`); shifts: (B, k) what is added to each.
            qpos, qvel: (B, nq), (B, nv) start.
            bounded: joint forces keep to their bounds.

        Raises: InputError for a trajectory of several environments, or without controls.
        """
        solver, controls = self._solver, self._controls
        solver.alive()
        if not self._flat or controls is None:
            raise InputError("Trajectory.variants: needs controls, and a scene built with n_envs=0.")
        return roll_out_variants(solver.physics, self.kind, self._theta, controls, columns, shifts, (qpos, qvel), bounded)

    def linearization(self, wanted: Sequence[str] = ()) -> StepDerivatives:
        """Every step at the state it starts from, (T, [n_envs,] ...); ``wanted`` as in `Scene.linearize`."""
        return along_trajectory(self, wanted)

    def point(
        self, entity: "RigidEntity | str", name: str, local_pos: ArrayLike | None = None, steps: slice | None = None
    ) -> Tensor:
        """World positions (T+1, [n_envs,] 3) [m] of the link or site ``name``, or of the point local_pos (3,) of its frame.

        steps: of these states alone, which costs no more than they do.
        """
        link, pos, quat = self._frame(entity, name)
        if local_pos is not None:
            pos = pos + rotate(quat, self._local(local_pos))
        xpos, xquat, _, _ = self._motion(steps)
        if local_pos is None and not pos.any():
            return self._give(xpos[:, :, link])
        return self._give(xpos[:, :, link] + rotate(xquat[:, :, link], pos))

    def point_vel(self, entity: "RigidEntity | str", name: str, local_pos: ArrayLike | None = None) -> Tensor:
        """World velocities (T+1, [n_envs,] 3) [m/s] of the point that `point` follows."""
        link, pos, quat = self._frame(entity, name)
        if local_pos is not None:
            pos = pos + rotate(quat, self._local(local_pos))
        _, xquat, xvel, xang = self._kinematics
        return self._give(xvel[:, :, link] + torch.linalg.cross(xang[:, :, link], rotate(xquat[:, :, link], pos)))

    def frame_quat(self, entity: "RigidEntity | str", name: str, steps: slice | None = None) -> Tensor:
        """World orientations (T+1, [n_envs,] 4), wxyz, of the link or site ``name``; ``steps`` as in `point`."""
        link, _, quat = self._frame(entity, name)
        turn = self._motion(steps)[1][:, :, link]
        return self._give(turn if quat[0] == 1.0 else multiply(turn, quat))

    def __len__(self) -> int:
        return self.horizon

    def __repr__(self) -> str:
        envs = "" if self._flat else f", {self.qpos.shape[1]} environments"
        return f"<Trajectory of {self._solver.scene}: {self.horizon} steps of {self.dt:g} s, {self.qvel.shape[-1]} degrees of freedom{envs}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Raises: StateError, for `copy.deepcopy` and `pickle`."""
        raise StateError(
            "a Trajectory holds its scene and cannot be copied or pickled; keep its tensors: torch.save({'qpos': trajectory.qpos, …}, FILE)."
        )

    @property
    def _kinematics(self) -> tuple[torch.Tensor, ...]:
        return self._motion(None)

    def _motion(self, steps: slice | None) -> tuple[torch.Tensor, ...]:
        """Poses and velocities of all links in these states, computed once for each slice that is asked for."""
        try:
            which = range(self.horizon + 1)[slice(None) if steps is None else steps]
        except (IndexError, TypeError, ValueError):
            which = range(0)
        if not isinstance(which, range) or not which or which.step < 1:
            raise InputError(
                f"Trajectory: steps is {steps!r}; allowed: a slice of the {self.horizon + 1} states that runs forward and is not empty."
            )
        if which not in self._motions:
            self._solver.alive()
            states = (plain(x)[which.start : which.stop : which.step] for x in (self.qpos, self.qvel))
            q, v = (x.unsqueeze(1) if self._flat else x for x in states)
            self._motions[which] = self._links(which, q, v)
        return self._motions[which]

    @eager
    def _links(self, which: range, q: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, ...]:
        if self._theta.dim() < 3:
            return self._solver.physics.kinematics(self._theta, q, v)
        rows = self._theta[which.start : which.stop : which.step].flatten(0, 1)
        made = self._solver.physics.kinematics(rows, q.flatten(0, 1)[None], v.flatten(0, 1)[None])
        return tuple(x[0].unflatten(0, q.shape[:2]) for x in made)

    def _give(self, x: torch.Tensor) -> Tensor:
        # squeeze, not x[:, 0]: its adjoint is a view
        return wrap(x.squeeze(1) if self._flat else x, self._solver.scene)

    def _local(self, value: ArrayLike) -> torch.Tensor:
        made = self._solver.inputs.tensor(value, "Trajectory.point: local_pos", keep_graph=True)
        if made.shape != (3,):
            raise InputError(f"Trajectory.point: local_pos has shape {tuple(made.shape)}; allowed: (3,).")
        return made

    def _frame(self, entity: "RigidEntity | str", name: str) -> tuple[int, torch.Tensor, torch.Tensor]:
        """(link of the scene, position, orientation in it) of a link or site. Raises: UnknownNameError."""
        entity = self._solver.scene.get_entity(entity) if isinstance(entity, str) else entity
        like = plain(self.qpos).detach()
        for link in entity.links:
            if link.name == name:
                return link.idx, like.new_zeros(3), like.new_tensor([1.0, 0.0, 0.0, 0.0])
        for site in entity.sites:
            if site.name == name and site.link >= 0:
                return (
                    entity.link_start + site.link,
                    like.new_tensor(np.asarray(site.pos)),
                    like.new_tensor(np.asarray(site.quat)),
                )
        known = [link.name for link in entity.links] + [site.name for site in entity.sites if site.link >= 0]
        raise unknown_name(f'entity "{entity.name}"', "link or site", name, known)

    # ---- to be seen

    def replay(self, title: str = "", env: int = 0) -> "Replay":
        """What is to be seen of it, of one environment: for `genesis.replay`'s pages, films and pictures."""
        from genesis.scene.pictures import replay_of

        return replay_of(self, title=title, env=env)

    def show(self, port: int | None = None, block: bool = True, open_browser: bool = True) -> "Viewer":
        """Play it in the browser. block: stay until Ctrl-C; else the viewer that is given back is to be closed.

        port: None: 8080, or the next that is free. Raises: StateError where a named port is in use.
        """
        from genesis.replay.viewer import serve

        viewer = serve(self.replay(), port, open_browser=open_browser)
        if open_browser and not viewer.browser:
            logger.warning("no browser here: the motion is at %s.", viewer.url)
        if block:
            viewer.wait()
        return viewer

    def _repr_html_(self) -> str:
        """Plays it in a notebook."""
        from html import escape

        from genesis.replay.html import html_of

        page = escape(html_of(self.replay()), quote=True)
        return f'<iframe srcdoc="{page}" width="100%" height="480" style="border:0"></iframe>'

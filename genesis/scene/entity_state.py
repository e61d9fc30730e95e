"""Positions and velocities of an entity: getters and setters. Shapes ([n_envs,] ...), SI units, quaternions wxyz, world frame.

Every getter is differentiable and hands out a copy. Every setter takes numbers, arrays and tensors with or without gradient,
is exact where it writes, cuts the gradient of what it overwrites and keeps all others.
"""

import torch

from genesis.errors import InputError, UnsupportedError
from genesis.grad.rotation import from_rotation_vector, normalized, rotate, rotate_inverse, to_rotation_vector, unit
from genesis.grad.tensor import Tensor
from genesis.scene.entity_base import EntityBase
from genesis.scene.inputs import ArrayLike, Index, IndexLike, assign, rows_of, take
from genesis.scene.options import link_ref_frame
from genesis.scene.solver import RigidSolver
from genesis.scene.states import RigidEntityState

XPOS, XQUAT, XVEL, XANG = range(4)


class EntityState(EntityBase):
    """State of an entity. ``envs_idx`` selects environments, ``*_idx_local`` counts inside the entity; None means all."""

    def bind(self, solver: RigidSolver) -> None:
        super().bind(solver)
        info = self.info
        self._qadr = [int(q) for q in solver.model.integers["dof_qadr"][info.dof_start : info.dof_start + info.n_dofs]]
        joints = solver.model.joints[info.joint_start : info.joint_start + info.n_joints]
        # first rotational degree of freedom of joints that turn in space -> (address of the quaternion, joint)
        self._turns = {
            j.dof_adr - info.dof_start + j.kind.quaternion: (j.qpos_adr - info.q_start + j.kind.quaternion, j.name)
            for j in joints
            if j.kind.quaternion is not None
        }
        self._base_at = self._links_at(0) if info.n_links else None
        self._coordinates: dict[Index, Index | None] = {}  # degrees of freedom -> coordinates, None with turns

    # ---- base link

    def get_pos(self, envs_idx: IndexLike = None, *, relative: bool = True) -> Tensor:
        """Origin of the base link in the world frame ([n_envs,] 3) [m].

        ``relative`` has no effect: the frame of the file is the link's.
        """
        return self._base(XPOS, envs_idx)

    def get_quat(self, envs_idx: IndexLike = None, *, relative: bool = True) -> Tensor:
        """Orientation of the base link in the world frame ([n_envs,] 4)."""
        return self._base(XQUAT, envs_idx)

    def get_vel(self, envs_idx: IndexLike = None) -> Tensor:
        """Velocity of the base link's origin in the world frame ([n_envs,] 3) [m/s]."""
        return self._base(XVEL, envs_idx)

    def get_ang(self, envs_idx: IndexLike = None) -> Tensor:
        """Angular velocity of the base link in the world frame ([n_envs,] 3) [rad/s]."""
        return self._base(XANG, envs_idx)

    def set_pos(
        self,
        pos: ArrayLike,
        envs_idx: IndexLike = None,
        *,
        zero_velocity: bool = True,
        relative: bool = True,
        skip_forward: bool = False,
    ) -> None:
        """Put the base link's origin at pos ([n_envs,] 3) [m] of the world frame.

        A base that does not float is moved as a whole: pos is the place its own joints (if any) start from.

        Args:
            zero_velocity: whether the entity stops.
            relative, skip_forward: without effect, there is one frame, and kinematics runs when it is asked for.
        """
        self._set_base("set_pos", "link_pos", pos, 3, 0, envs_idx, zero_velocity)

    def set_quat(
        self,
        quat: ArrayLike,
        envs_idx: IndexLike = None,
        *,
        zero_velocity: bool = True,
        relative: bool = True,
        skip_forward: bool = False,
    ) -> None:
        """Turn the base link to quat ([n_envs,] 4), normalised; otherwise as `set_pos`."""
        self._set_base("set_quat", "link_quat", quat, 4, 3, envs_idx, zero_velocity)

    def set_vel(self, vel: ArrayLike, envs_idx: IndexLike = None) -> None:
        """Velocity of a floating base link's origin in the world frame ([n_envs,] 3) [m/s]."""
        self._put_base_velocity("set_vel", vel, envs_idx)

    def set_ang(self, ang: ArrayLike, envs_idx: IndexLike = None) -> None:
        """Angular velocity of a floating base link in the world frame ([n_envs,] 3) [rad/s]."""
        self._put_base_velocity("set_ang", ang, envs_idx)

    def _put_base_velocity(self, name: str, value: ArrayLike, envs_idx: IndexLike) -> None:
        solver = self.solver
        what, rows = f'entity "{self.name}".{name}', solver.envs_of(envs_idx)
        if not self.is_free:
            raise UnsupportedError(f"{what}: the base link does not float on a free joint; use set_dofs_velocity.")
        made = solver.inputs.rows_of(value, what, (3,), rows)
        solver.inputs.finite(made, what)
        if name == "set_ang":  # the joint's own velocity is in the frame of the link
            quat = normalized(rows_of(take(solver.qpos, self._qs_at(range(3, 7))), rows))
            made = rotate_inverse(quat, made)
        columns = self._dofs_at(range(3) if name == "set_vel" else range(3, 6))
        solver.put_state(qvel=assign(solver.qvel, made, columns, rows))

    def _base(self, which: int, envs_idx: IndexLike) -> Tensor:
        solver = self.solver
        return solver.give(solver.kinematics()[which][:, self.link_start], solver.envs_of(envs_idx))

    def _set_base(
        self, what: str, parameter: str, value: ArrayLike, width: int, offset: int, envs_idx: IndexLike, zero_velocity: bool
    ) -> None:
        solver = self.solver
        what, rows = f'entity "{self.name}".{what}', solver.envs_of(envs_idx)
        made = solver.inputs.rows_of(value, what, (width,), rows)
        solver.inputs.finite(made, what)
        if width == 4:
            made = unit(made, what)
        if self.is_free:
            columns = self._qs_at(range(offset, offset + width))
            solver.put_state(qpos=assign(solver.qpos, made, columns, rows))
        else:
            assert self._base_at is not None
            solver.parameters.set(parameter, made.unsqueeze(1), self._base_at, rows, what)
        if zero_velocity:
            self.zero_all_dofs_velocity(envs_idx)

    # ---- generalised coordinates

    def get_qpos(self, qs_idx_local: IndexLike = None, envs_idx: IndexLike = None) -> Tensor:
        """Coordinates ([n_envs,] n_qs) [m | rad | quaternion wxyz]."""
        solver = self.solver
        return solver.give(take(solver.qpos, self._qs_at(qs_idx_local)), solver.envs_of(envs_idx))

    def set_qpos(
        self,
        qpos: ArrayLike,
        qs_idx_local: IndexLike = None,
        envs_idx: IndexLike = None,
        *,
        zero_velocity: bool = True,
        skip_forward: bool = False,
    ) -> None:
        """Set coordinates ([n_envs,] n_qs); quaternions are normalised, one of which only a part is given stays as it results.

        Raises: InputError (shape, not finite, a quaternion that is zero).
        """
        solver = self.solver
        what, columns, rows = f'entity "{self.name}".set_qpos', self._qs_at(qs_idx_local), solver.envs_of(envs_idx)
        value = solver.inputs.rows_of(qpos, what, (columns.n,), rows)
        solver.inputs.finite(value, what)
        solver.put_state(qpos=self._with_quaternions(what, value, columns, rows))
        if zero_velocity:
            self.zero_all_dofs_velocity(envs_idx)

    def _with_quaternions(self, what: str, value: torch.Tensor, columns: Index, rows: Index | None) -> torch.Tensor:
        """The qpos (B, nq) of the scene with value (b, n) at columns, quaternions given as a whole normalised."""
        parts = []
        for first, joint in self._turns.values():
            name, four = f'{what}: joint "{joint}"', tuple(range(first, first + 4))
            k = columns.local.index(first) if first in columns.local else -1
            if k >= 0 and columns.local[k : k + 4] == four:
                value = torch.cat([value[:, :k], unit(value[:, k : k + 4], name), value[:, k + 4 :]], 1)
            elif not set(four).isdisjoint(columns.local):
                parts.append((self.q_start + first, name))
        whole = assign(self.solver.qpos, value, columns, rows)
        for start, name in parts:
            unit(whole[:, start : start + 4], name)
        return whole

    def get_dofs_position(self, dofs_idx_local: IndexLike = None, envs_idx: IndexLike = None) -> Tensor:
        """Positions ([n_envs,] n_dofs): plain coordinates as they are, rotation vectors where a joint turns in space."""
        solver = self.solver
        return solver.give(self.dofs_of(solver.qpos, self._dofs_at(dofs_idx_local)), solver.envs_of(envs_idx))

    def set_dofs_position(
        self, position: ArrayLike, dofs_idx_local: IndexLike = None, envs_idx: IndexLike = None, *, zero_velocity: bool = True
    ) -> None:
        """Set positions ([n_envs,] n_dofs), as in `get_dofs_position`; the three turns of one joint only together."""
        solver = self.solver
        what, columns, rows = f'entity "{self.name}".set_dofs_position', self._dofs_at(dofs_idx_local), solver.envs_of(envs_idx)
        value = solver.inputs.rows_of(position, what, (columns.n,), rows)
        solver.inputs.finite(value, what)
        at = self._coordinates_of(columns)
        if at is None:
            value, at = self._with_turns(what, value, columns)
        solver.put_state(qpos=assign(solver.qpos, value, at, rows))
        if zero_velocity:
            self.zero_all_dofs_velocity(envs_idx)

    def _coordinates_of(self, columns: Index) -> Index | None:
        """The coordinates of degrees of freedom; None if a turn of a ball or free joint is among them."""
        if columns not in self._coordinates:
            plain = all(self._qadr[i] >= 0 for i in columns.local)
            at = self._qs_at([self._qadr[i] - self.q_start for i in columns.local]) if plain else None
            self._coordinates[columns] = at
        return self._coordinates[columns]

    def _with_turns(self, what: str, value: torch.Tensor, columns: Index) -> tuple[torch.Tensor, Index]:
        """Positions (b, n) with rotation vectors as coordinates, and where they go."""
        places, pieces, k = [], [], 0
        while k < columns.n:
            dof = columns.local[k]
            if self._qadr[dof] >= 0:
                places.append(self._qadr[dof] - self.q_start)
                pieces.append(value[:, k : k + 1])
                k += 1
                continue
            if dof not in self._turns or columns.local[k : k + 3] != (dof, dof + 1, dof + 2):
                raise InputError(
                    f'{what}: the turns of joint "{self._turning(dof)}" are set together, as three degrees of freedom in order.'
                )
            first = self._turns[dof][0]
            places += range(first, first + 4)
            pieces.append(from_rotation_vector(value[:, k : k + 3]))
            k += 3
        return torch.cat(pieces, 1), self._qs_at(places)

    def get_dofs_velocity(self, dofs_idx_local: IndexLike = None, envs_idx: IndexLike = None) -> Tensor:
        """Velocities ([n_envs,] n_dofs) [m/s | rad/s]; turns of balls and free joints in the link's own frame."""
        solver = self.solver
        return solver.give(take(solver.qvel, self._dofs_at(dofs_idx_local)), solver.envs_of(envs_idx))

    def set_dofs_velocity(
        self,
        velocity: ArrayLike | None = None,
        dofs_idx_local: IndexLike = None,
        envs_idx: IndexLike = None,
        *,
        skip_forward: bool = False,
    ) -> None:
        """Set velocities ([n_envs,] n_dofs); None is zero."""
        solver = self.solver
        what, columns, rows = f'entity "{self.name}".set_dofs_velocity', self._dofs_at(dofs_idx_local), solver.envs_of(envs_idx)
        if velocity is None:
            value = solver.controls.zero[:1, : columns.n]
        else:
            value = solver.inputs.rows_of(velocity, what, (columns.n,), rows)
            solver.inputs.finite(value, what)
        solver.put_state(qvel=assign(solver.qvel, value, columns, rows))

    def zero_all_dofs_velocity(self, envs_idx: IndexLike = None, *, skip_forward: bool = False) -> None:
        """Stop the entity."""
        self.set_dofs_velocity(None, None, envs_idx)

    def get_dofs_acc(self, dofs_idx_local: IndexLike = None, envs_idx: IndexLike = None) -> Tensor:
        """Accelerations of the last step ([n_envs,] n_dofs) [m/s² | rad/s²]; zero before the first."""
        solver = self.solver
        return solver.give(take(solver.qacc, self._dofs_at(dofs_idx_local)), solver.envs_of(envs_idx))

    def dofs_of(self, qpos: torch.Tensor, columns: Index) -> torch.Tensor:
        """Positions (B, n) of degrees of freedom in the qpos (B, nq) of the scene."""
        at = self._coordinates_of(columns)
        if at is not None:
            return take(qpos, at)
        vectors = {
            first: to_rotation_vector(qpos[:, self.q_start + q : self.q_start + q + 4]) for first, (q, _) in self._turns.items()
        }
        pieces = []
        for i in columns.local:
            if self._qadr[i] >= 0:
                pieces.append(qpos[:, self._qadr[i]])
            else:
                first = max(f for f in self._turns if f <= i)
                pieces.append(vectors[first][:, i - first])
        return torch.stack(pieces, 1) if pieces else qpos[:, :0]

    def _turning(self, dof: int) -> str:
        return next(name for first, (_, name) in self._turns.items() if first <= dof < first + 3)

    # ---- links

    def get_links_pos(
        self,
        links_idx_local: IndexLike = None,
        envs_idx: IndexLike = None,
        *,
        ref: link_ref_frame = link_ref_frame.link_origin,
        relative: bool = True,
    ) -> Tensor:
        """Points of the links in the world frame ([n_envs,] n_links, 3) [m]; ref: the link's origin or its centre of mass."""
        solver, columns = self.solver, self._links_at(links_idx_local)
        pos = take(solver.kinematics()[XPOS], columns)
        if _reference(ref) is link_ref_frame.link_COM:
            pos = pos + rotate(take(solver.kinematics()[XQUAT], columns), take(solver.parameters.value("link_com"), columns))
        return solver.give(pos, solver.envs_of(envs_idx))

    def get_links_quat(self, links_idx_local: IndexLike = None, envs_idx: IndexLike = None, *, relative: bool = True) -> Tensor:
        """Orientations of the links in the world frame ([n_envs,] n_links, 4)."""
        return self._links_of(XQUAT, links_idx_local, envs_idx)

    def get_links_vel(
        self, links_idx_local: IndexLike = None, envs_idx: IndexLike = None, *, ref: link_ref_frame = link_ref_frame.link_origin
    ) -> Tensor:
        """Velocities of points of the links in the world frame ([n_envs,] n_links, 3) [m/s]; ref as in `get_links_pos`."""
        solver, columns = self.solver, self._links_at(links_idx_local)
        vel = take(solver.kinematics()[XVEL], columns)
        if _reference(ref) is link_ref_frame.link_COM:
            arm = rotate(take(solver.kinematics()[XQUAT], columns), take(solver.parameters.value("link_com"), columns))
            vel = vel + torch.linalg.cross(take(solver.kinematics()[XANG], columns), arm)
        return solver.give(vel, solver.envs_of(envs_idx))

    def get_links_ang(self, links_idx_local: IndexLike = None, envs_idx: IndexLike = None) -> Tensor:
        """Angular velocities of the links in the world frame ([n_envs,] n_links, 3) [rad/s]."""
        return self._links_of(XANG, links_idx_local, envs_idx)

    def _links_of(self, which: int, links_idx_local: IndexLike, envs_idx: IndexLike) -> Tensor:
        solver = self.solver
        return solver.give(take(solver.kinematics()[which], self._links_at(links_idx_local)), solver.envs_of(envs_idx))

    def forward_kinematics(
        self, qpos: ArrayLike, links_idx_local: IndexLike = None, envs_idx: IndexLike = None
    ) -> tuple[Tensor, Tensor]:
        """Poses the links would have at qpos ([n_envs,] n_qs).

        Returns: positions ([n_envs,] n_links, 3) [m], orientations ([n_envs,] n_links, 4).
        """
        solver, rows = self.solver, self.solver.envs_of(envs_idx)
        value = solver.inputs.rows_of(qpos, f'entity "{self.name}".forward_kinematics', (self.n_qs,), rows)
        whole = assign(solver.qpos, value, self._qs_at(None), rows)
        xpos, xquat, _, _ = solver.physics.kinematics(solver.theta(), whole, solver.qvel)
        columns = self._links_at(links_idx_local)
        return solver.give(take(xpos, columns), rows), solver.give(take(xquat, columns), rows)

    def get_state(self) -> RigidEntityState:
        """Pose of the base link now, with its graph."""
        return RigidEntityState(self, self.solver.steps, self.get_pos(), self.get_quat())


def _reference(ref: object) -> link_ref_frame:
    if ref in (link_ref_frame.link_origin, link_ref_frame.link_COM):
        return ref
    raise InputError(f"ref is {ref}; allowed: gs.link_ref_frame.link_origin, gs.link_ref_frame.link_COM.")

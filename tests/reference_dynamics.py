"""Rigid-body dynamics of a description in plain numpy, written to be read, not to be fast: the twin that others are tested by.

Spatial vectors are (angular, linear) at the world origin, in world axes. The columns of ``S`` are the motions of single degrees
of freedom; every quantity of the mechanics follows from them by one sum.
Source: Featherstone, Rigid Body Dynamics Algorithms (2008), ch. 2 to 6.
"""

from dataclasses import dataclass

import numpy as np

from genesis.description.description import Description, Joint, Link
from genesis.description.poses import quat_multiply, quat_to_matrix


def skew(v: np.ndarray) -> np.ndarray:
    """[v]× with [v]× w = v × w."""
    return np.array([[0.0, -v[2], v[1]], [v[2], 0.0, -v[0]], [-v[1], v[0], 0.0]])


def cross_motion(V: np.ndarray, W: np.ndarray) -> np.ndarray:
    """V × W of two motions: the rate of change of W, fixed in a body that moves with V."""
    return np.concatenate([np.cross(V[:3], W[:3]), np.cross(V[:3], W[3:]) + np.cross(V[3:], W[:3])])


def cross_force(V: np.ndarray, F: np.ndarray) -> np.ndarray:
    """V ×* F of a motion and a force."""
    return np.concatenate([np.cross(V[:3], F[:3]) + np.cross(V[3:], F[3:]), np.cross(V[:3], F[3:])])


def axis_rotation(axis: np.ndarray, angle: float) -> np.ndarray:
    """R (3, 3) = exp([axis]× angle)."""
    K = skew(axis)
    return np.eye(3) + np.sin(angle) * K + (1.0 - np.cos(angle)) * K @ K


@dataclass
class Dof:
    """One degree of freedom of link ``link``: column of qvel, motion S (6,) per unit of it, and Ṡ qvel (6,) at the state."""

    link: int
    column: int
    scale: float
    S: np.ndarray
    S_dot_v: np.ndarray


@dataclass
class State:
    """What forward kinematics gives: R_WL (nlink, 3, 3), p_WL (nlink, 3), V (nlink, 6), dofs in order of the links."""

    R: np.ndarray
    p: np.ndarray
    V: np.ndarray
    dofs: list[Dof]


class ReferenceDynamics:
    """Poses, mass matrix and bias of one description; mimic joints follow and own neither qpos nor qvel."""

    def __init__(self, description: Description, gravity: np.ndarray | tuple = (0.0, 0.0, -9.81)) -> None:
        self.links, self.gravity = description.links, np.asarray(gravity, float)
        self.joints: list[Joint] = [joint for link in self.links for joint in link.joints]
        self.q_of: dict[str, int] = {}
        self.v_of: dict[str, int] = {}
        self.nq = self.nv = 0
        for joint in self.joints:
            if joint.mimic is None:
                self.q_of[joint.name], self.v_of[joint.name] = self.nq, self.nv
                self.nq, self.nv = self.nq + joint.kind.nq, self.nv + joint.kind.nv

    def qpos0(self) -> np.ndarray:
        """qpos (nq) of the described pose."""
        parts = []
        for link in self.links:
            for joint in link.joints:
                if joint.mimic is None:
                    free = np.concatenate([link.pos, link.quat])
                    parts.append({"free": free, "ball": np.array([1.0, 0, 0, 0])}.get(joint.type, np.array([joint.ref])))
        return np.concatenate(parts) if parts else np.zeros(0)

    def _leader(self, joint: Joint) -> tuple[str, float, float]:
        return (joint.name, 1.0, 0.0) if joint.mimic is None else (joint.mimic.joint, joint.mimic.multiplier, joint.mimic.offset)

    def kinematics(self, qpos: np.ndarray, qvel: np.ndarray | None = None) -> State:
        """Poses and velocities of all links [m, rad, m/s, rad/s]."""
        n = len(self.links)
        qvel = np.zeros(self.nv) if qvel is None else qvel
        state = State(np.empty((n, 3, 3)), np.empty((n, 3)), np.empty((n, 6)), [])
        for k, link in enumerate(self.links):
            R, p, V = (np.eye(3), np.zeros(3), np.zeros(6))
            if link.parent >= 0:
                R, p, V = state.R[link.parent], state.p[link.parent], state.V[link.parent]
            R, p = R @ quat_to_matrix(link.quat), p + R @ link.pos
            for joint in link.joints:
                leader, scale, offset = self._leader(joint)
                q_at, v_at = self.q_of[leader], self.v_of[leader]
                q, v = qpos[q_at : q_at + joint.kind.nq], qvel[v_at : v_at + joint.kind.nv]
                if joint.kind.scalar:
                    q, v = scale * q + offset, scale * v
                R, p, S = _move(joint, R, p, q)
                S_dot_v = _motion_rate(joint, V, R, p, v, S)
                for i in range(len(v)):
                    state.dofs.append(Dof(k, v_at + i, scale, S[:, i], S_dot_v[:, i]))
                V = V + S @ v
            state.R[k], state.p[k], state.V[k] = R, p, V
        return state

    def inertia(self, state: State, k: int) -> np.ndarray:
        """Spatial inertia (6, 6) of link k at the world origin."""
        link, R = self.links[k], state.R[k]
        c = skew(state.p[k] + R @ link.com)
        turning = R @ link.inertia @ R.T + link.mass * c @ c.T
        return np.block([[turning, link.mass * c], [link.mass * c.T, link.mass * np.eye(3)]])

    def mass_matrix(self, qpos: np.ndarray, armature: bool = True) -> np.ndarray:
        """M (nv, nv): S_iᵀ I^c S_j with the composite inertia of the later link, plus armature on the diagonal."""
        state = self.kinematics(qpos)
        composite = [self.inertia(state, k) for k in range(len(self.links))]
        for k in reversed(range(len(self.links))):
            if self.links[k].parent >= 0:
                composite[self.links[k].parent] += composite[k]
        M = np.zeros((self.nv, self.nv))
        for i, dof in enumerate(state.dofs):
            force = composite[dof.link] @ dof.S * dof.scale
            for other in state.dofs[: i + 1]:
                if self._carries(other.link, dof.link):
                    value = other.scale * other.S @ force
                    M[dof.column, other.column] += value
                    if other is not dof:
                        M[other.column, dof.column] += value
        if armature:
            for joint in self.joints:
                leader, scale, _ = self._leader(joint)
                columns = range(self.v_of[leader], self.v_of[leader] + joint.kind.nv)
                M[columns, columns] += scale**2 * joint.armature
        return M

    def _carries(self, ancestor: int, link: int) -> bool:
        while link > ancestor:
            link = self.links[link].parent
        return link == ancestor

    def inverse_dynamics(self, qpos: np.ndarray, qvel: np.ndarray, qacc: np.ndarray, armature: bool = True) -> np.ndarray:
        """Joint forces (nv) of a motion: M qacc + bias, by Newton and Euler outwards and inwards."""
        state = self.kinematics(qpos, qvel)
        n = len(self.links)
        A = np.zeros((n, 6))
        own = [[dof for dof in state.dofs if dof.link == k] for k in range(n)]
        F = np.zeros((n, 6))
        for k, link in enumerate(self.links):
            A[k] = A[link.parent] if link.parent >= 0 else np.concatenate([np.zeros(3), -self.gravity])
            for dof in own[k]:
                A[k] += dof.S * dof.scale * qacc[dof.column] + dof.S_dot_v
            momentum = self.inertia(state, k) @ state.V[k]
            F[k] = self.inertia(state, k) @ A[k] + cross_force(state.V[k], momentum)
        tau = np.zeros(self.nv)
        for k in reversed(range(n)):
            for dof in own[k]:
                tau[dof.column] += dof.scale * dof.S @ F[k]
            if self.links[k].parent >= 0:
                F[self.links[k].parent] += F[k]
        if armature:
            tau += (self.mass_matrix(qpos) - self.mass_matrix(qpos, armature=False)) @ qacc
        return tau

    def bias(self, qpos: np.ndarray, qvel: np.ndarray) -> np.ndarray:
        """qfrc_bias (nv): Coriolis, centrifugal and gravity."""
        return self.inverse_dynamics(qpos, qvel, np.zeros(self.nv))


def _move(joint: Joint, R: np.ndarray, p: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pose of the link after this joint, and the motions S (6, nv) of the joint there."""
    if joint.type == "free":
        R, p = quat_to_matrix(q[3:]), q[:3]
        turns = np.vstack([R, skew(p) @ R])
        shifts = np.vstack([np.zeros((3, 3)), np.eye(3)])
        return R, p, np.hstack([shifts, turns])
    anchor, axis = p + R @ joint.pos, R @ joint.axis
    if joint.type == "slide":
        return R, p + axis * (q[0] - joint.ref), np.concatenate([np.zeros(3), axis])[:, None]
    if joint.type == "hinge":
        R = R @ axis_rotation(joint.axis, q[0] - joint.ref)
        return R, anchor - R @ joint.pos, np.concatenate([axis, np.cross(anchor, axis)])[:, None]
    if joint.type == "screw":
        R = R @ axis_rotation(joint.axis, q[0] - joint.ref)
        p = anchor + joint.pitch * (q[0] - joint.ref) * axis - R @ joint.pos
        return R, p, np.concatenate([axis, np.cross(anchor, axis) + joint.pitch * axis])[:, None]
    R = R @ quat_to_matrix(q)
    return R, anchor - R @ joint.pos, np.vstack([R, skew(anchor) @ R])


def _motion_rate(joint: Joint, V: np.ndarray, R: np.ndarray, p: np.ndarray, v: np.ndarray, S: np.ndarray) -> np.ndarray:
    """Ṡ v, one column for each degree of freedom: S is fixed in what moves with V before the joint, except for the free joint."""
    if joint.type != "free":
        return np.stack([cross_motion(V, S[:, i]) * v[i] for i in range(len(v))], axis=1)
    rate = np.zeros((6, 6))
    w = R @ v[3:]
    for i in range(3):  # R e_i turns with the link, and the point p it turns about moves with v
        turned = np.cross(w, R[:, i])
        rate[:, 3 + i] = np.concatenate([turned, np.cross(v[:3], R[:, i]) + np.cross(p, turned)]) * v[3 + i]
    return rate


def integrate(dynamics: ReferenceDynamics, qpos: np.ndarray, qvel: np.ndarray, dt: float) -> np.ndarray:
    """qpos ⊕ dt qvel: quaternions turn by the angular velocity in their own frame."""
    moved = qpos.copy()
    for joint in dynamics.joints:
        if joint.mimic is not None:
            continue
        q, v = dynamics.q_of[joint.name], dynamics.v_of[joint.name]
        if joint.kind.scalar:
            moved[q] += dt * qvel[v]
            continue
        if joint.type == "free":
            moved[q : q + 3] += dt * qvel[v : v + 3]
            q, v = q + 3, v + 3
        w = qvel[v : v + 3] * dt
        angle = np.linalg.norm(w)
        half = np.concatenate([[np.cos(angle / 2)], np.sinc(angle / 2 / np.pi) / 2 * w])
        moved[q : q + 4] = quat_multiply(qpos[q : q + 4], half)
    return moved


def random_state(dynamics: ReferenceDynamics, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """qpos away from the described pose and qvel of order one."""
    rng = np.random.default_rng(seed)
    return integrate(dynamics, dynamics.qpos0(), rng.normal(size=dynamics.nv), 1.0), rng.normal(size=dynamics.nv)


def link_index(description: Description, name: str) -> int:
    return [link.name for link in description.links].index(name)


def total_mass(links: list[Link]) -> float:
    return sum(link.mass for link in links)

"""Ball: a unit quaternion; the velocity is the angular velocity in the frame of the moved link.

Adjoints live in the tangent space of body-fixed rotations, q' = q exp(d/2); derivation in docs/adjoints/integrate.md.
"""

from genesis.description.kinds import BALL
from genesis.joints.pose import Pose
from genesis.math.lanes import Cells, let, maximum
from genesis.math.rotation import (
    TINY,
    Quat,
    Vec3,
    exp,
    log,
    right_jacobian_inverse_adjoint,
    right_jacobian_inverse_apply,
    right_jacobian_inverse_transpose_apply,
    right_jacobian_transpose_apply,
)
from genesis.math.spatial import Spatial


class Ball:
    KIND = BALL

    @staticmethod
    def turn(m, s, j) -> None:
        Quat.load(s.row("q", m.jnt_qadr(j))).normalized().store(s.row("turn", j))

    @staticmethod
    def place(m, s, j, pose: Pose, anchor: Vec3) -> None:
        """Turn the pose by the quaternion; remember the link's axes and the anchor in the world frame."""
        pose.q.assign(pose.q * Quat.load(s.row("turn", j)))
        pose.r.assign(pose.q.matrix())
        first = m.jnt_axisadr(j)
        for k in range(3):
            cells = s.row("axis", first + k)
            pose.r.column(k).store(cells, 0)
            anchor.store(cells, 3)

    @staticmethod
    def axis(m, j, cells: Cells, origin: Vec3) -> Spatial:
        """Motion per unit of velocity: rotation about one axis of the link through the anchor."""
        a = Vec3.load(cells, 0)
        return Spatial(a, (Vec3.load(cells, 3) - origin).cross(a))

    @staticmethod
    def integrate(q: Cells, v: Cells, dt) -> None:
        """q <- q exp(dt v / 2), normalised."""
        (Quat.load(q) * exp(Vec3.load(v) * dt)).normalized().store(q)

    @staticmethod
    def integrate_adjoint(v: Cells, dt, q_next_bar: Cells) -> tuple[list, list]:
        """Adjoints of q, as a tangent, and of v: d' = R(exp(dt v))^T d + dt J_r(dt v) dv."""
        step, bar = Vec3.load(v) * dt, Vec3.load(q_next_bar)
        return list((exp(step).matrix() @ bar).parts()), list((right_jacobian_transpose_apply(step, bar) * dt).parts())

    @staticmethod
    def difference(q: Cells, base: Cells, width: int) -> list:
        """log(base* q), the rotation vector that leads from base to q; of any length."""
        return list(log(Quat.load(base).conjugate() * Quat.load(q), width).parts())

    @staticmethod
    def rate(k: Cells, v: Cells, dt) -> None:
        """k <- J_r(u)^-1 v at u = dt k: the rate of the rotation vector u in q exp(u/2), for Runge-Kutta stages."""
        right_jacobian_inverse_apply(Vec3.load(k) * dt, Vec3.load(v)).store(k)

    @staticmethod
    def rate_adjoint(before: Cells, v: Cells, dt, k_bar: Cells, before_bar: Cells, v_bar: Cells) -> None:
        """Adjoint of `rate`, ``before`` being its k at the start."""
        step_bar, bar = right_jacobian_inverse_adjoint(Vec3.load(before) * dt, Vec3.load(v), Vec3.load(k_bar))
        (step_bar * dt).add_to(before_bar)
        bar.add_to(v_bar)

    @staticmethod
    def _stretch(m, s, j) -> Vec3:
        """Rotation vector from the rest orientation of the spring to the present one."""
        rest = Quat.load(m.cells("qpos_spring", m.jnt_qadr(j)))
        return log(rest.conjugate() * Quat.load(s.row("q", m.jnt_qadr(j))).normalized(), m.lanes)

    @staticmethod
    def spring(m, s, j) -> None:
        """tau -= k log(q_spring^-1 q)."""
        d = m.jnt_dof(j)
        (Ball._stretch(m, s, j) * (0.0 - m.get("dof_stiffness", d))).add_to(s.row("tau", d))

    @staticmethod
    def spring_adjoint(m, s, j, bar, want_parameters) -> None:
        d = m.jnt_dof(j)
        stretch, w = Ball._stretch(m, s, j), Vec3.load(s.row("w", d))
        k = m.get("dof_stiffness", d)
        (right_jacobian_inverse_transpose_apply(stretch, w) * (0.0 - k)).add_to(s.row("q_bar", d))
        if want_parameters:
            bar.add("dof_stiffness", 0.0 - stretch.dot(w), d)
            # the rest orientation turns the stretch the other way: log(exp(-e) exp(phi)) = phi - J_r(phi)^-T e
            turn = right_jacobian_inverse_transpose_apply(stretch * -1.0, w) * k
            q = m.jnt_qadr(j)
            rest = Quat.load(m.cells("qpos_spring", q))
            for i, c in enumerate((rest * Quat(0.0 * turn.x, *turn.parts())).parts()):
                bar.add("qpos_spring", 2.0 * c, q, i)

    @staticmethod
    def tangent_of(q: Cells, q_bar: Cells) -> list:
        """d_bar = Im(q* q_bar) / 2, for a unit quaternion."""
        return list(((Quat.load(q).normalized().conjugate() * Quat.load(q_bar)).vec() * 0.5).parts())

    @staticmethod
    def coordinates_of(q: Cells, tangent: Cells) -> list:
        """q_bar = 2 q (0, d_bar) / |q|: the gradient of the normalised quaternion, free of a component along q; 0 at q = 0."""
        raw = Quat.load(q)
        inverse = let(1.0 / maximum(raw.norm(), TINY))
        bar = Vec3.load(tangent)
        return list((raw.scaled(inverse) * Quat(0.0 * bar.x, *bar.parts())).scaled(2.0 * inverse).parts())

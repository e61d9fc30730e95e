"""What hinge and slide share: one coordinate on a line.

displacement = scale * q + offset; a joint that mimics another has that joint's coordinate and its own scale and offset.
"""

from genesis.math.lanes import Cells, let


def displacement(m, s, j):
    """Displacement of joint j from the described pose [rad | m]."""
    return let(m.get("jnt_scale", j) * s.get("q", m.jnt_qadr(j)) + m.get("jnt_offset", j))


class ScalarJoint:
    """Coordinate, velocity and adjoint are plain numbers."""

    AXES = 1
    NQ = 1

    @staticmethod
    def integrate(q: Cells, v: Cells, dt) -> None:
        """q += dt v."""
        q.set(q.get() + dt * v.get())

    @staticmethod
    def integrate_adjoint(v: Cells, dt, q_next_bar: Cells, q_bar: Cells, v_bar: Cells) -> None:
        q_bar.add(q_next_bar.get())
        v_bar.add(dt * q_next_bar.get())

    @staticmethod
    def rate(k: Cells, v: Cells, dt) -> None:
        """k <- v: the rate of a coordinate that adds."""
        k.set(v.get())

    @staticmethod
    def rate_adjoint(before: Cells, v: Cells, dt, k_bar: Cells, before_bar: Cells, v_bar: Cells) -> None:
        v_bar.add(k_bar.get())

    @staticmethod
    def spring(m, s, j) -> None:
        """tau -= k (q - q_spring)."""
        d, q = m.jnt_dof(j), m.jnt_qadr(j)
        s.add("tau", m.get("dof_stiffness", d) * (m.get("qpos_spring", q) - s.get("q", q)), d)

    @staticmethod
    def spring_adjoint(m, s, j, bar, want_parameters) -> None:
        d, q = m.jnt_dof(j), m.jnt_qadr(j)
        k, w = m.get("dof_stiffness", d), s.get("w", d)
        s.add("q_bar", 0.0 - k * w, d)
        if want_parameters:
            bar.add("dof_stiffness", (m.get("qpos_spring", q) - s.get("q", q)) * w, d)
            bar.add("qpos_spring", k * w, q)

    @staticmethod
    def tangent_of(q: Cells, q_bar: Cells) -> list:
        """Adjoint in the tangent space from the adjoint of the coordinate."""
        return [q_bar.get()]

    @staticmethod
    def coordinates_of(q: Cells, tangent: Cells) -> list:
        """Adjoint of the coordinate from the adjoint in the tangent space."""
        return [tangent.get()]

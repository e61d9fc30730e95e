"""What joints of one coordinate share.

displacement = scale * q + offset; a joint that mimics another has that joint's coordinate and its own scale and offset.
"""

from genesis.math.lanes import Cells, let


def displacement(m, s, j):
    """Displacement of joint j from the described pose [rad | m]."""
    return let(m.get("jnt_scale", j) * s.get("q", m.jnt_qadr(j)) + m.get("jnt_offset", j))


class ScalarJoint:
    """Coordinate, velocity and adjoint are plain numbers."""

    @staticmethod
    def integrate(q: Cells, v: Cells, dt) -> None:
        """q += dt v."""
        q.set(q.get() + dt * v.get())

    @staticmethod
    def integrate_adjoint(v: Cells, dt, q_next_bar: Cells) -> tuple[list, list]:
        """Adjoints of q, as a tangent, and of v."""
        bar = q_next_bar.get()
        return [bar], [dt * bar]

    @staticmethod
    def difference(q: Cells, base: Cells, width: int) -> list:
        """q - base."""
        return [let(q.get() - base.get())]

    @staticmethod
    def rate(k: Cells, v: Cells, dt) -> None:
        """k <- v: the rate of a coordinate that adds."""
        k.set(v.get())

    @staticmethod
    def rate_adjoint(before: Cells, v: Cells, dt, k_bar: Cells, before_bar: Cells, v_bar: Cells) -> None:
        v_bar.add(k_bar.get())

    @staticmethod
    def spring(m, s, j) -> None:
        """Done with all else that concerns a degree of freedom, see `genesis.dynamics.joint_forces`."""

    @staticmethod
    def spring_adjoint(m, s, j, bar, want_parameters) -> None:
        """As above."""

    @staticmethod
    def tangent_of(q: Cells, q_bar: Cells) -> list:
        """Adjoint in the tangent space from the adjoint of the coordinate."""
        return [q_bar.get()]

    @staticmethod
    def coordinates_of(q: Cells, tangent: Cells) -> list:
        """Adjoint of the coordinate from the adjoint in the tangent space."""
        return [tangent.get()]

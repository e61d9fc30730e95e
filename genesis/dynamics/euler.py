"""Semi-implicit Euler. Derivation of the adjoint: docs/adjoints/integrate.md"""

import taichi as ti

from genesis.dynamics.integrate import integrate_position, integrate_position_adjoint
from genesis.dynamics.step import acceleration, acceleration_adjoint
from genesis.dynamics.vectors import axpy, clear, copy

STAGES = 1


@ti.func
def step(m: ti.template(), s: ti.template(), o: ti.template(), out: ti.template()):
    """v' = v + dt a, q' = q (+) dt v'.

    Reads: q, v, controls      Writes: q, v; the acceleration through ``out.keep_acceleration``
    Adjoint: `step_adjoint` below
    Source:  Hairer, Lubich, Wanner, Geometric Numerical Integration (2006), §I.1
    """
    acceleration(m, out.page(s, 0), o)
    out.keep_acceleration(m, s, 0)
    axpy(m, s, o.dt, "a", "v")
    integrate_position(m, s, "q", "v", o.dt)


@ti.func
def step_adjoint(m: ti.template(), s: ti.template(), bar: ti.template(), o: ti.template(), kept: ti.template()):
    """Adjoint of `step`, with the stored acceleration.

    Reads:  q, v (state at the start of the step), q_next_bar, v_next_bar, a_bar (direct), controls
    Writes: q_bar, v_bar (of that state); adds to the adjoints of controls and parameters
    """
    kept.load_acceleration(m, s, 0)
    copy(m, s, "nv", "v", "step_velocity")
    axpy(m, s, o.dt, "a", "step_velocity")
    copy(m, s, "nv", "v_next_bar", "v_bar")
    clear(m, s, "q_bar")
    integrate_position_adjoint(m, s, "step_velocity", o.dt, "q_next_bar", "q_bar", "v_bar")
    axpy(m, s, o.dt, "v_bar", "a_bar")
    acceleration_adjoint(m, kept.page(s, 0), bar, o)

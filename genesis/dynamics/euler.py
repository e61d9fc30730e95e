"""Semi-implicit Euler. Derivation of the adjoint: docs/adjoints/integrate.md"""

import taichi as ti

from genesis.dynamics.integrate import integrate_position, integrate_position_adjoint
from genesis.dynamics.step import acceleration, acceleration_adjoint
from genesis.math.lanes import let

STAGES = 1


@ti.func
def step(m: ti.template(), s: ti.template(), o: ti.template(), stored: ti.template()):
    """v' = v + dt a, q' = q (+) dt v'.

    Reads: q, v, controls      Writes: q, v (and the acceleration through ``stored.keep_acceleration``)
    Adjoint: `step_adjoint`
    Source:  Hairer, Lubich, Wanner, Geometric Numerical Integration (2006), §I.1
    """
    acceleration(m, s, o, stored.tape_row(s, 0))
    for i in range(m.size("nv")):
        a = s.get("a", i)
        stored.keep_acceleration(a, 0, i)
        s.add("v", o.dt * a, i)
    integrate_position(m, s, "q", "v", o.dt)


@ti.func
def step_adjoint(m: ti.template(), s: ti.template(), bar: ti.template(), o: ti.template(), stored: ti.template()):
    """Adjoint of `step`, with the stored acceleration.

    Reads: q, v (state at the start of the step), controls
    Overwrites: q_bar, v_bar (from those of the state after the step to those of the one before), a_bar (direct)
    Adds to: dof_ctrl_bar, act_ctrl_bar, wrench_bar, parameters
    """
    for i in range(m.size("nv")):
        a = stored.acceleration(0, i)
        s.set("a", a, i)
        s.set("step_velocity", s.get("v", i) + o.dt * a, i)
    integrate_position_adjoint(m, s, "step_velocity", o.dt, "q_bar", "q_bar", "v_bar")
    for i in range(m.size("nv")):
        x = let(s.get("a_bar", i) + o.dt * s.get("v_bar", i))
        s.set("a_bar", x, i)
        s.set("w", x, i)
    acceleration_adjoint(m, stored.on_tape(s, 0), bar, o)

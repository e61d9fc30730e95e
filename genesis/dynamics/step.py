"""The order of mechanics, written once: acceleration, its adjoint in reverse, and one time step of each integrator.

Derivation: docs/adjoints/dynamics.md (acceleration), docs/adjoints/integrate.md (time step).
"""

import taichi as ti

from genesis.dynamics.actuation import commanded_force, commanded_force_adjoint
from genesis.dynamics.adjoint_sweep import gather_bars, probe_links
from genesis.dynamics.factorization import factorize, solve
from genesis.dynamics.integrate import (
    displacement_rate,
    displacement_rate_adjoint,
    integrate_position,
    integrate_position_adjoint,
)
from genesis.dynamics.kinematics import kinematics
from genesis.dynamics.mass_matrix import clear_mass_matrix, composite
from genesis.dynamics.passive import passive, passive_adjoint
from genesis.math.lanes import constant, let

EULER, RK4 = 0, 1
# classical Runge-Kutta: stage i starts at offset STAGE[i] * dt along stage i - 1; WEIGHT sums the stages
STAGE = (0.0, 0.5, 0.5, 1.0)
WEIGHT = (1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0)


class Options:
    """Scalars of a launch: time step, implicit-damping step (0: explicit), integrator, and which optional inputs are present."""

    _data_oriented = True

    def __init__(self, dt, damping_dt, integrator, actuated, wrenched, want) -> None:
        self.dt, self.damping_dt, self.integrator = dt, damping_dt, integrator
        self.stages = let(1 + 3 * integrator)
        self.actuated, self.wrenched, self.want = actuated, wrenched, want


@ti.func
def acceleration(m: ti.template(), s: ti.template(), o: ti.template()):
    """(M + dt d) a = tau - c.

    Reads: q, v, command, control, wrench      Writes: a, and all the scratch of the stages
    """
    commanded_force(m, s, o.actuated)
    passive(m, s)
    kinematics(m, s, False, o.wrenched)
    clear_mass_matrix(m, s, o.damping_dt)
    composite(m, s)
    factorize(m, s)
    for i in range(m.size("nv")):
        s.set("a", s.get("tau", i), i)
    solve(m, s, "a")


@ti.func
def acceleration_adjoint(m: ti.template(), s: ti.template(), bar: ti.template(), o: ti.template()):
    """H w = a_bar, then minus the gradient of w . g with a and w held fixed.

    Reads: q, v, a (of this state), a_bar, command, control, wrench
    Adds to: q_bar, v_bar, parameters      Writes: command_bar, control_bar, wrench_bar
    """
    commanded_force(m, s, o.actuated)
    kinematics(m, s, True, o.wrenched)
    clear_mass_matrix(m, s, o.damping_dt)
    composite(m, s)
    factorize(m, s)
    for i in range(m.size("nv")):
        s.set("w", s.get("a_bar", i), i)
    solve(m, s, "w")
    probe_links(m, s, bar, o.wrenched, o.want)
    gather_bars(m, s, bar, o.want)
    passive_adjoint(m, s, bar, o.damping_dt, o.want)
    commanded_force_adjoint(m, s, bar, o.damping_dt, o.actuated, o.want)


@ti.func
def copy(m: ti.template(), s: ti.template(), size: ti.template(), source: ti.template(), target: ti.template()):
    for i in range(m.size(size)):
        s.set(target, s.get(source, i), i)


@ti.func
def axpy(m: ti.template(), s: ti.template(), factor: ti.template(), source: ti.template(), target: ti.template()):
    """target += factor * source over the degrees of freedom."""
    for i in range(m.size("nv")):
        s.add(target, factor * s.get(source, i), i)


@ti.func
def clear(m: ti.template(), s: ti.template(), name: ti.template()):
    for i in range(m.size("nv")):
        s.set(name, constant(0.0, m.lanes), i)


@ti.func
def stage_offset(integrator: ti.i32, i: ti.i32):
    """Where stage i lies in the step: 0 for Euler; 0, 1/2, 1/2, 1 for Runge-Kutta."""
    c = 0.0
    for k in ti.static(range(1, 4)):
        if integrator == RK4 and i == k:
            c = STAGE[k]
    return c


@ti.func
def stage_weight(integrator: ti.i32, i: ti.i32):
    c = 1.0
    for k in ti.static(range(4)):
        if integrator == RK4 and i == k:
            c = WEIGHT[k]
    return c


@ti.func
def enter_stage(m: ti.template(), s: ti.template(), offset_dt: ti.template()):
    """q <- q_start (+) offset_dt rate, v <- v_start + offset_dt a, by rate and a of the stage before; then this stage's rate."""
    copy(m, s, "nq", "q_start", "q")
    integrate_position(m, s, "q", "rate", offset_dt)
    copy(m, s, "nv", "v_start", "v")
    axpy(m, s, offset_dt, "a", "v")
    displacement_rate(m, s, offset_dt)


@ti.func
def step(m: ti.template(), s: ti.template(), o: ti.template(), out: ti.template()):
    """One time step: semi-implicit Euler (v' = v + dt a, q' = q (+) dt v') or the classical Runge-Kutta method.

    Reads: q, v, controls      Writes: q, v; the acceleration of every stage through ``out.keep_acceleration``
    Adjoint: `step_adjoint` below
    Source:  Hairer, Norsett, Wanner, Solving Ordinary Differential Equations I (1993), table II.1.2; on quaternions the same
             scheme for the rotation vector from the start of the step: Munthe-Kaas, Runge-Kutta methods on Lie groups, BIT 38
             (1998)
    """
    copy(m, s, "nq", "q", "q_start")
    copy(m, s, "nv", "v", "v_start")
    clear(m, s, "step_velocity")
    clear(m, s, "a_sum")
    copy(m, s, "nv", "v", "rate")
    for i in range(o.stages):
        if i > 0:
            enter_stage(m, s, let(stage_offset(o.integrator, i) * o.dt))
        acceleration(m, s, o)
        out.keep_acceleration(m, s, i)
        weight = stage_weight(o.integrator, i)
        axpy(m, s, weight, "rate", "step_velocity")
        axpy(m, s, weight, "a", "a_sum")
    copy(m, s, "nv", "v_start", "v")
    axpy(m, s, o.dt, "a_sum", "v")
    copy(m, s, "nq", "q_start", "q")
    if o.integrator == EULER:
        copy(m, s, "nv", "v", "step_velocity")
    integrate_position(m, s, "q", "step_velocity", o.dt)


@ti.func
def stages_again(m: ti.template(), s: ti.template(), o: ti.template(), kept: ti.template()):
    """Velocities and rates of the stages, and velocity of the position update, from the stored accelerations.

    Writes: stage_velocity, stage_rate, step_velocity
    """
    clear(m, s, "step_velocity")
    copy(m, s, "nv", "v_start", "rate")
    for i in range(o.stages):
        copy(m, s, "nv", "v_start", "v")
        if i > 0:
            c = let(stage_offset(o.integrator, i) * o.dt)
            kept.load_acceleration(m, s, i - 1)
            axpy(m, s, c, "a", "v")
            displacement_rate(m, s, c)
        keep_stage(m, s, "v", "stage_velocity", i)
        keep_stage(m, s, "rate", "stage_rate", i)
        axpy(m, s, stage_weight(o.integrator, i), "rate", "step_velocity")
    if o.integrator == EULER:
        kept.load_acceleration(m, s, 0)
        axpy(m, s, o.dt, "a", "step_velocity")


@ti.func
def copy_stage(m: ti.template(), s: ti.template(), source: ti.template(), i: ti.i32, target: ti.template()):
    for k in range(m.size("nv")):
        s.set(target, s.get(source, i * m.size("nv") + k), k)


@ti.func
def keep_stage(m: ti.template(), s: ti.template(), source: ti.template(), target: ti.template(), i: ti.i32):
    for k in range(m.size("nv")):
        s.set(target, s.get(source, k), i * m.size("nv") + k)


@ti.func
def step_adjoint(m: ti.template(), s: ti.template(), bar: ti.template(), o: ti.template(), kept: ti.template()):
    """Adjoint of `step`; the stages are rebuilt from the stored accelerations, nothing is solved twice.

    Reads:  q_start, v_start (state at the start of the step), q_next_bar, v_next_bar, a_bar (of the first stage), controls
    Writes: q_start_bar, v_start_bar; adds to the adjoints of controls and parameters
    """
    stages_again(m, s, o, kept)
    clear(m, s, "q_start_bar")
    clear(m, s, "step_velocity_bar")
    copy(m, s, "nv", "v_next_bar", "v_start_bar")
    integrate_position_adjoint(m, s, "step_velocity", o.dt, "q_next_bar", "q_start_bar", "step_velocity_bar")
    if o.integrator == EULER:
        axpy(m, s, 1.0, "step_velocity_bar", "v_start_bar")
    for i in range(o.stages):
        weight = stage_weight(o.integrator, i)
        for k in range(m.size("nv")):
            at = i * m.size("nv") + k
            s.set("stage_acceleration_bar", o.dt * weight * s.get("v_start_bar", k), at)
            s.set("stage_rate_bar", weight * s.get("step_velocity_bar", k), at)
            if i == 0:
                s.add("stage_acceleration_bar", s.get("a_bar", k), at)
    for r in range(o.stages):
        i = o.stages - 1 - r
        c = let(stage_offset(o.integrator, i) * o.dt)
        copy(m, s, "nq", "q_start", "q")
        if i > 0:
            copy_stage(m, s, "stage_rate", i - 1, "step_velocity")
            integrate_position(m, s, "q", "step_velocity", c)
        copy_stage(m, s, "stage_velocity", i, "v")
        kept.load_acceleration(m, s, i)
        copy_stage(m, s, "stage_acceleration_bar", i, "a_bar")
        clear(m, s, "v_bar")
        if i > 0:
            displacement_rate_adjoint(m, s, i, c)
        elif o.integrator == RK4:
            copy_stage(m, s, "stage_rate_bar", 0, "v_bar")
        clear(m, s, "q_bar")
        acceleration_adjoint(m, s, bar, o)
        axpy(m, s, 1.0, "v_bar", "v_start_bar")
        if i > 0:
            clear(m, s, "step_velocity_bar")
            integrate_position_adjoint(m, s, "step_velocity", c, "q_bar", "q_start_bar", "step_velocity_bar")
            for k in range(m.size("nv")):
                before = (i - 1) * m.size("nv") + k
                s.add("stage_rate_bar", s.get("step_velocity_bar", k), before)
                s.add("stage_acceleration_bar", c * s.get("v_bar", k), before)
        else:
            axpy(m, s, 1.0, "q_bar", "q_start_bar")

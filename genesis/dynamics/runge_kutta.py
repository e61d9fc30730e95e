"""The classical Runge-Kutta method of order four, on the manifold of the coordinates. Derivation: docs/adjoints/integrate.md"""

import taichi as ti

from genesis.dynamics.integrate import (
    displacement_rate,
    displacement_rate_adjoint,
    integrate_position,
    integrate_position_adjoint,
)
from genesis.dynamics.step import acceleration, acceleration_adjoint
from genesis.dynamics.vectors import axpy, clear, copy
from genesis.math.lanes import let

STAGES = 4
OFFSET = (0.0, 0.5, 0.5, 1.0)  # stage i lies at OFFSET[i] * dt, reached along the rates of stage i - 1
WEIGHT = (1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0)


@ti.func
def stage_offset(i: ti.i32):
    """Where stage i lies in the step."""
    c = 0.0
    for k in ti.static(range(1, STAGES)):
        if i == k:
            c = OFFSET[k]
    return c


@ti.func
def stage_weight(i: ti.i32):
    c = 0.0
    for k in ti.static(range(STAGES)):
        if i == k:
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
def step(m: ti.template(), s: ti.template(), o: ti.template(), stored: ti.template()):
    """One time step of the classical Runge-Kutta method.

    Reads: q, v, controls      Writes: q, v (and the acceleration of every stage through ``stored.keep_acceleration``)
    Adjoint: `step_adjoint`
    Source:  Hairer, Norsett, Wanner, Solving Ordinary Differential Equations I (1993), table II.1.2; on quaternions the same
             scheme for the rotation vector from the start of the step: Munthe-Kaas, Runge-Kutta methods on Lie groups, BIT 38
             (1998)
    """
    copy(m, s, "nq", "q", "q_start")
    copy(m, s, "nv", "v", "v_start")
    clear(m, s, "step_velocity")
    clear(m, s, "a_sum")
    copy(m, s, "nv", "v", "rate")
    for i in range(STAGES):
        if i > 0:
            enter_stage(m, s, let(stage_offset(i) * o.dt))
        acceleration(m, s, o, stored.tape_row(s, i))
        for k in range(m.size("nv")):
            stored.keep_acceleration(s.get("a", k), i, k)
        weight = stage_weight(i)
        axpy(m, s, weight, "rate", "step_velocity")
        axpy(m, s, weight, "a", "a_sum")
    copy(m, s, "nv", "v_start", "v")
    axpy(m, s, o.dt, "a_sum", "v")
    copy(m, s, "nq", "q_start", "q")
    integrate_position(m, s, "q", "step_velocity", o.dt)


@ti.func
def stages_again(m: ti.template(), s: ti.template(), o: ti.template(), stored: ti.template()):
    """Velocities and rates of the stages, and velocity of the position update, from the stored accelerations.

    Writes: stage_velocity, stage_rate, step_velocity
    """
    clear(m, s, "step_velocity")
    copy(m, s, "nv", "v_start", "rate")
    for i in range(STAGES):
        copy(m, s, "nv", "v_start", "v")
        if i > 0:
            c = let(stage_offset(i) * o.dt)
            load_acceleration(m, s, stored, i - 1)
            axpy(m, s, c, "a", "v")
            displacement_rate(m, s, c)
        keep_stage(m, s, "v", "stage_velocity", i)
        keep_stage(m, s, "rate", "stage_rate", i)
        axpy(m, s, stage_weight(i), "rate", "step_velocity")


@ti.func
def load_acceleration(m: ti.template(), s: ti.template(), stored: ti.template(), i: ti.i32):
    """a <- the stored one of stage i."""
    for k in range(m.size("nv")):
        s.set("a", stored.acceleration(i, k), k)


@ti.func
def copy_stage(m: ti.template(), s: ti.template(), source: ti.template(), i: ti.i32, target: ti.template()):
    for k in range(m.size("nv")):
        s.set(target, s.get(source, i * m.size("nv") + k), k)


@ti.func
def keep_stage(m: ti.template(), s: ti.template(), source: ti.template(), target: ti.template(), i: ti.i32):
    for k in range(m.size("nv")):
        s.set(target, s.get(source, k), i * m.size("nv") + k)


@ti.func
def step_adjoint(m: ti.template(), s: ti.template(), bar: ti.template(), o: ti.template(), stored: ti.template()):
    """Adjoint of `step`; the stages are rebuilt from the stored accelerations, nothing is solved twice.

    Reads: q, v (state at the start of the step), controls
    Overwrites: q_bar, v_bar (from those of the state after the step to those of the one before), a_bar (direct, of the first stage)
    Adds to: dof_ctrl_bar, act_ctrl_bar, wrench_bar, parameters
    """
    copy(m, s, "nq", "q", "q_start")
    copy(m, s, "nv", "v", "v_start")
    stages_again(m, s, o, stored)
    clear(m, s, "q_start_bar")
    clear(m, s, "step_velocity_bar")
    copy(m, s, "nv", "v_bar", "v_start_bar")
    integrate_position_adjoint(m, s, "step_velocity", o.dt, "q_bar", "q_start_bar", "step_velocity_bar")
    for i in range(STAGES):
        weight = stage_weight(i)
        for k in range(m.size("nv")):
            at = i * m.size("nv") + k
            s.set("stage_acceleration_bar", o.dt * weight * s.get("v_start_bar", k), at)
            s.set("stage_rate_bar", weight * s.get("step_velocity_bar", k), at)
            if i == 0:
                s.add("stage_acceleration_bar", s.get("a_bar", k), at)
    for r in range(STAGES):
        i = STAGES - 1 - r
        c = let(stage_offset(i) * o.dt)
        copy(m, s, "nq", "q_start", "q")
        if i > 0:
            copy_stage(m, s, "stage_rate", i - 1, "step_velocity")
            integrate_position(m, s, "q", "step_velocity", c)
        copy_stage(m, s, "stage_velocity", i, "v")
        load_acceleration(m, s, stored, i)
        copy_stage(m, s, "stage_acceleration_bar", i, "a_bar")
        copy(m, s, "nv", "a_bar", "w")
        clear(m, s, "v_bar")
        if i > 0:
            displacement_rate_adjoint(m, s, i, c)
        else:
            copy_stage(m, s, "stage_rate_bar", 0, "v_bar")
        clear(m, s, "q_bar")
        acceleration_adjoint(m, stored.on_tape(s, i), bar, o)
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
    copy(m, s, "nv", "q_start_bar", "q_bar")
    copy(m, s, "nv", "v_start_bar", "v_bar")

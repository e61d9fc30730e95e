"""The order of mechanics: the acceleration of a state, and its adjoint in reverse. Derivation: docs/adjoints/dynamics.md

There are three orders, each from its first stage to its last in one function: nothing constrains (`free_acceleration`), damping acts with the
constraints (`constrained_acceleration`), something acts after them (`two_stage_acceleration`). docs/one_step.md lists the stages.
"""

import taichi as ti

from genesis.dynamics.actuator_damping import MATRIX, actuator_damping_bars, add_actuator_damping, find_unsaturated
from genesis.dynamics.adjoint_sweep import Base, find_motion_w, gather_bars, move_links_and_w
from genesis.dynamics.constraints.damped import (
    DampedBase,
    add_damping,
    correct_damping_bars,
    second_motions,
    seen_acceleration,
)
from genesis.dynamics.constraints.motion_a import ConstrainedBase, find_motion_a
from genesis.dynamics.constraints.step import Constraints, add_constraint_bars, constrain, meet_constraints
from genesis.dynamics.coriolis import NONE, add_coriolis, coriolis_bars, coriolis_matrix, find_velocity_forces
from genesis.dynamics.factorization import factorize, factorize_lu, solve, solve_lu
from genesis.dynamics.friction_laws import add_friction_damping, friction_forces, friction_forces_adjoint
from genesis.dynamics.joint_forces import ball_springs, joint_forces, joint_forces_adjoint
from genesis.dynamics.kinematics import kinematics, move_links, place_links
from genesis.dynamics.mass_matrix import clear_mass_matrix, composite
from genesis.dynamics.vectors import copy
from genesis.math.spatial import Inertia, Spatial


class Options:
    """Scalars of a launch: time step, implicit-damping step (0: explicit), which optional inputs are present, and ``tape_width``: 0 where
    the dynamics are not kept on a tape for the adjoint to find them. At compile time: whether the adjoints of the parameters are wanted, the
    constraints if there are any, and what the time integration takes at the end of the step:

    implicit_actuators: the velocity feedback of actuators, see actuator_damping.py. implicit_coriolis: Coriolis forces, of what, see
    coriolis.py. damped_last: whether damping and that feedback act after the constraints (MuJoCo's order) or with them; Coriolis forces
    always do. friction_laws: whether joints may have such, see friction_laws.py. So ``two_stage``: whether the constraints see another
    acceleration than that of the step.
    """

    _data_oriented = True

    def __init__(
        self,
        dt,
        damping_dt,
        actuated,
        wrenched,
        want,
        constraints=None,
        damped_last=False,
        tape_width=0,
        implicit_actuators=False,
        implicit_coriolis=NONE,
        friction_laws=False,
    ) -> None:
        self.tape_width, self.friction_laws = tape_width, friction_laws
        self.dt, self.damping_dt, self.damped_last = dt, damping_dt, damped_last
        self.actuated, self.wrenched, self.want = actuated, wrenched, want
        self.constraints, self.constrained = constraints, isinstance(constraints, Constraints)  # Taichi turns None into a value
        self.implicit_actuators, self.implicit_coriolis, self.two_stage = (
            implicit_actuators,
            implicit_coriolis,
            is_two_stage(self.constrained, damped_last, implicit_coriolis),
        )


def is_two_stage(constrained: bool, damped_last: bool, implicit_coriolis: int) -> bool:
    """`Options.two_stage`."""
    return constrained and (damped_last or implicit_coriolis != NONE)


@ti.func
def acceleration(m: ti.template(), s: ti.template(), o: ti.template(), row: ti.template()):
    """(M + dt d) a = tau - c, and with constraints + J^T f(J a); with damping last, f is that of dt d = 0.

    Reads: q, v, dof_ctrl, act_ctrl, wrench, a (with constraints: of the step before)
    Writes: a (and all the scratch of the stages; ``row`` of the tape, where there is one)
    Adjoint: `acceleration_adjoint`
    """
    if ti.static(o.two_stage):
        two_stage_acceleration(m, s, o)
    elif ti.static(o.constrained):
        constrained_acceleration(m, s, o)
    else:
        free_acceleration(m, s, o, row)


@ti.func
def free_acceleration(m: ti.template(), s: ti.template(), o: ti.template(), row: ti.template()):
    """Nothing constrains: (M + dt (d + E + C)) a = tau - c, with what of it the time integration takes.

    Reads: q, v, dof_ctrl, act_ctrl, wrench      Writes: a (and all the scratch of the stages; ``row`` of the tape, where there is one)
    Adjoint: `free_adjoint`
    """
    forces_and_motions(m, s, o)
    clear_mass_matrix(m, s, o.damping_dt)
    if ti.static(s.taped):
        if o.tape_width != 0:
            tape_links(m, s, row)
    composite(m, s, True)
    if ti.static(o.implicit_actuators):
        add_actuator_damping(m, s, o.damping_dt, MATRIX, "mass")
    if ti.static(o.friction_laws):
        add_friction_damping(m, s, o.damping_dt, MATRIX, "mass")
    if ti.static(o.implicit_coriolis):
        coriolis_matrix(m, s, o.implicit_coriolis)
    solve_last(m, s, o)
    if ti.static(s.taped):
        if o.tape_width != 0:
            tape_factors(m, s, row)


@ti.func
def constrained_acceleration(m: ti.template(), s: ti.template(), o: ti.template()):
    """Damping with the constraints: (M + dt (d + E)) a = tau - c + J^T f(J a).

    Reads: q, v, dof_ctrl, act_ctrl, wrench, a (of the step before)      Writes: a (and all the scratch of the stages)
    Adjoint: `constrained_adjoint`
    """
    forces_and_motions(m, s, o)
    clear_mass_matrix(m, s, o.damping_dt)
    composite(m, s, True)
    if ti.static(o.implicit_actuators):
        add_actuator_damping(m, s, o.damping_dt, MATRIX, "mass")
    if ti.static(o.friction_laws):
        add_friction_damping(m, s, o.damping_dt, MATRIX, "mass")
    copy(m, s, "nM", "mass", "mass_matrix")
    copy(m, s, "nv", "a", "warm")
    solve_first(m, s)
    constrain(m, s, o.constraints, False)


@ti.func
def two_stage_acceleration(m: ti.template(), s: ti.template(), o: ti.template()):
    """Something acts after the constraints, damping (MuJoCo's order) or Coriolis forces: f from M a_1 = tau - c + J^T f(J a_1), then
    (M + dt (d + E + C)) a = tau - c + J^T f.

    Reads: q, v, dof_ctrl, act_ctrl, wrench, a (of the step before)      Writes: a (and all the scratch of the stages)
    Adjoint: `two_stage_adjoint`
    """
    forces_and_motions(m, s, o)
    clear_mass_matrix(m, s, 0.0 if ti.static(o.damped_last) else o.damping_dt)
    composite(m, s, True)
    if ti.static(o.implicit_actuators and not o.damped_last):
        add_actuator_damping(m, s, o.damping_dt, MATRIX, "mass")
    if ti.static(o.friction_laws and not o.damped_last):
        add_friction_damping(m, s, o.damping_dt, MATRIX, "mass")
    copy(m, s, "nM", "mass", "mass_matrix")
    copy(m, s, "nv", "a", "warm")
    if ti.static(o.implicit_coriolis):
        coriolis_matrix(m, s, o.implicit_coriolis)
    solve_first(m, s)
    constrain(m, s, o.constraints, True)
    add_damping(m, s, o)
    solve_last(m, s, o)


@ti.func
def forces_and_motions(m: ti.template(), s: ti.template(), o: ti.template()):
    """What all orders begin with: joint forces, and the links from the root outwards.

    Reads: q, v, dof_ctrl, act_ctrl, wrench
    Writes: ctrl_force, active, tau, turn, pose, axis, velocity, acceleration, inertia, force, act_active (of implicit integrators),
    velocity_force (with Coriolis forces), axis_rate (with Coriolis forces)
    """
    joint_forces(m, s, o.actuated)
    ball_springs(m, s)
    if ti.static(o.friction_laws):
        friction_forces(m, s)
    if ti.static(o.implicit_actuators):
        find_unsaturated(m, s, o.actuated, False)
    kinematics(m, s, False, o.wrenched)
    if ti.static(o.implicit_coriolis):
        find_velocity_forces(m, s, o.implicit_coriolis)


@ti.func
def solve_first(m: ti.template(), s: ti.template()):
    """a = mass^-1 tau.

    Reads: tau      Writes: a, inverse_pivot      Overwrites: mass
    """
    factorize(m, s)
    copy(m, s, "nv", "tau", "a")
    solve(m, s, "a")


@ti.func
def solve_last(m: ti.template(), s: ti.template(), o: ti.template()):
    """The same with Coriolis forces, where the step ends with them.

    Reads: tau, coriolis, coriolis_upper      Writes: a, inverse_pivot, upper      Overwrites: mass
    """
    if ti.static(o.implicit_coriolis):
        add_coriolis(m, s, o.dt)
        factorize_lu(m, s)
        copy(m, s, "nv", "tau", "a")
        solve_lu(m, s, "a", "upper", "mass")
    else:
        solve_first(m, s)


@ti.func
def tape_links(m: ti.template(), s: ti.template(), row: ti.template()):
    """What the tape keeps of the links, before their inertias are summed up.

    Reads: inertia, axis      Writes: link_inertia (on the tape), axis (on the tape)
    """
    for l in range(m.size("nlink")):
        Inertia.load(s.row("inertia", l + 1)).store(row.row("link_inertia", l + 1))
    for x in range(m.size("naxis")):
        Spatial.load(s.row("axis", x)).store(row.row("axis", x))


@ti.func
def tape_factors(m: ti.template(), s: ti.template(), row: ti.template()):
    """What the tape keeps of the degrees of freedom.

    Reads: mass, inverse_pivot, active      Writes: mass (on the tape), inverse_pivot (on the tape), active (on the tape)
    """
    for k in range(m.size("nM")):
        row.row("mass", k).set(s.get("mass", k))
    for i in range(m.size("nv")):
        row.row("inverse_pivot", i).set(s.get("inverse_pivot", i))
        row.row("active", i).set(s.get("active", i))


@ti.func
def acceleration_again(m: ti.template(), s: ti.template(), o: ti.template()):
    """What the adjoint needs of `acceleration` besides its motions and forces: a tape that was kept has it.

    Reads: q, v, dof_ctrl, act_ctrl, a (with constraints or Coriolis forces), wrench (with Coriolis forces)
    Writes: link_inertia, axis, mass, inverse_pivot, active, mass_matrix (with constraints), a_seen (with constraints), act_active (of implicit
    integrators), upper (with Coriolis forces; and the scratch of the stages)
    """
    joint_forces(m, s, o.actuated)
    if ti.static(o.implicit_actuators):
        find_unsaturated(m, s, o.actuated, o.want)
    place_links(m, s)
    if ti.static(o.implicit_coriolis):
        move_links(m, s, o.wrenched)
        find_velocity_forces(m, s, o.implicit_coriolis)
    clear_mass_matrix(m, s, 0.0 if ti.static(o.damped_last) else o.damping_dt)
    composite(m, s, False)
    if ti.static(o.implicit_actuators and not o.damped_last):
        add_actuator_damping(m, s, o.damping_dt, MATRIX, "mass")
    if ti.static(o.friction_laws and not o.damped_last):
        add_friction_damping(m, s, o.damping_dt, MATRIX, "mass")
    if ti.static(o.constrained):
        copy(m, s, "nM", "mass", "mass_matrix")
        copy(m, s, "nv", "a", "a_seen")
    if ti.static(o.implicit_coriolis):
        coriolis_matrix(m, s, o.implicit_coriolis)
    if ti.static(o.two_stage):
        seen_acceleration(m, s, o)
        add_damping(m, s, o)
    if ti.static(o.implicit_coriolis):
        add_coriolis(m, s, o.dt)
        factorize_lu(m, s)
    else:
        factorize(m, s)


def of_vector(name: str):
    """The function (s, i) that gives a scratch vector."""
    return lambda s, i: s.get(name, i)


def last_multiplier(s, i):
    """The multiplier of what acts after the constraints: w without the part of the constraints."""
    return s.get("w", i) - s.get("w_seen", i)


def difference(s, i):
    """What the acceleration that the constraints see has more."""
    return s.get("a_seen", i) - s.get("a", i)


@ti.func
def acceleration_adjoint(m: ti.template(), s: ti.template(), bar: ti.template(), o: ti.template()):
    """H^T w = a_bar, then minus the gradient of w . g with a and w held fixed.

    Reads: q, dof_ctrl, act_ctrl, wrench, a_bar (with constraints)
    Overwrites: w (begins as a_bar), v (with Coriolis forces), a (with Coriolis forces)
    Adds to: q_bar, v_bar, dof_ctrl_bar, act_ctrl_bar, wrench_bar, parameters
    """
    if ti.static(o.two_stage):
        two_stage_adjoint(m, s, bar, o)
    elif ti.static(o.constrained):
        constrained_adjoint(m, s, bar, o)
    else:
        free_adjoint(m, s, bar, o)


@ti.func
def free_adjoint(m: ti.template(), s: ti.template(), bar: ti.template(), o: ti.template()):
    """Of `free_acceleration`. What the tape has is not computed again.

    Reads: q, dof_ctrl, act_ctrl, wrench      Overwrites: w (begins as a_bar), v (with Coriolis forces), a (with Coriolis forces)
    Adds to: q_bar, v_bar, dof_ctrl_bar, act_ctrl_bar, wrench_bar, parameters
    """
    if ti.static(s.taped):
        if o.tape_width == 0:
            acceleration_again(m, s, o)
    else:
        acceleration_again(m, s, o)
    solve_multiplier(m, s, o)
    move_links_and_w(m, s, bar, o.wrenched, o.want)
    gather_bars(m, s, bar, o.want, Base)
    joint_forces_adjoint(m, s, bar, o.damping_dt, o.actuated, o.want)
    if ti.static(o.friction_laws):
        friction_forces_adjoint(m, s, bar, o)
    if ti.static(o.want):
        damping_bars(m, s, bar, o)
    if ti.static(o.implicit_coriolis):
        coriolis_bars(m, s, bar, o.dt, o.implicit_coriolis, of_vector("w"), o.want)


@ti.func
def constrained_adjoint(m: ti.template(), s: ti.template(), bar: ti.template(), o: ti.template()):
    """Of `constrained_acceleration`.

    Reads: q, v, a, dof_ctrl, act_ctrl, wrench, a_bar      Overwrites: w (begins as a_bar)
    Adds to: q_bar, v_bar, dof_ctrl_bar, act_ctrl_bar, wrench_bar, parameters
    """
    acceleration_again(m, s, o)
    solve_multiplier(m, s, o)
    move_links(m, s, o.wrenched)
    meet_constraints(m, s, o.constraints, False)
    find_motion_w(m, s, bar, o.wrenched, o.want)
    find_motion_a(m, s)
    add_constraint_bars(m, s, bar, o.constraints, o.want)
    gather_bars(m, s, bar, o.want, ConstrainedBase)
    joint_forces_adjoint(m, s, bar, o.damping_dt, o.actuated, o.want)
    if ti.static(o.friction_laws):
        friction_forces_adjoint(m, s, bar, o)
    if ti.static(o.want):
        damping_bars(m, s, bar, o)


@ti.func
def two_stage_adjoint(m: ti.template(), s: ti.template(), bar: ti.template(), o: ti.template()):
    """Of `two_stage_acceleration`. What acts at the end of the step has its own multiplier.

    Reads: q, dof_ctrl, act_ctrl, wrench      Overwrites: w (begins as a_bar), v (with Coriolis forces), a (with Coriolis forces)
    Adds to: q_bar, v_bar, dof_ctrl_bar, act_ctrl_bar, wrench_bar, parameters
    """
    acceleration_again(m, s, o)
    solve_multiplier(m, s, o)
    move_links(m, s, o.wrenched)
    meet_constraints(m, s, o.constraints, True)
    find_motion_w(m, s, bar, o.wrenched, o.want)
    find_motion_a(m, s)
    second_motions(m, s, bar, o.want)
    add_constraint_bars(m, s, bar, o.constraints, o.want)
    gather_bars(m, s, bar, o.want, DampedBase)
    joint_forces_adjoint(m, s, bar, o.damping_dt, o.actuated, o.want)
    if ti.static(o.friction_laws):
        friction_forces_adjoint(m, s, bar, o)
    if ti.static(o.want):
        damping_bars(m, s, bar, o)
    if ti.static(o.implicit_coriolis):
        coriolis_bars(m, s, bar, o.dt, o.implicit_coriolis, last_multiplier, o.want)


@ti.func
def damping_bars(m: ti.template(), s: ti.template(), bar: ti.template(), o: ti.template()):
    """What damping at the end of the step owes to its parameters, beside `joint_forces_adjoint`.

    Reads: w, a, active (in two stages), act_active (of implicit integrators), w_seen (in two stages), a_seen (in two stages)
    Adds to: parameters
    """
    if ti.static(o.two_stage):
        correct_damping_bars(m, s, bar, o)
    if ti.static(o.implicit_actuators and o.two_stage and o.damped_last):
        actuator_damping_bars(m, s, bar, o.damping_dt, last_multiplier, of_vector("a"))
    elif ti.static(o.implicit_actuators):
        actuator_damping_bars(m, s, bar, o.damping_dt, of_vector("w"), of_vector("a"))
        if ti.static(o.two_stage):
            actuator_damping_bars(m, s, bar, o.damping_dt, of_vector("w_seen"), difference)


@ti.func
def solve_multiplier(m: ti.template(), s: ti.template(), o: ti.template()):
    """w <- H^-T w with the factors of `acceleration_again`.

    Reads: mass, inverse_pivot, upper (with Coriolis forces)      Overwrites: w
    """
    if ti.static(o.implicit_coriolis):
        solve_lu(m, s, "w", "mass", "upper")
    else:
        solve(m, s, "w")

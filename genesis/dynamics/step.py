"""The order of mechanics, written once: the acceleration of a state, and its adjoint in reverse. Derivation: docs/adjoints/dynamics.md"""

import taichi as ti

from genesis.dynamics.actuator_damping import actuator_damping_bars, add_actuator_damping, find_unsaturated
from genesis.dynamics.adjoint_sweep import Base, gather_bars, move_and_probe_links, probe_links
from genesis.dynamics.constraints.damped import (
    DampedBase,
    add_damping,
    correct_damping_bars,
    seen_acceleration,
    spread_difference,
)
from genesis.dynamics.constraints.lift import LiftedBase, lift_links
from genesis.dynamics.constraints.step import Constraints, add_constraint_bars, constrain, meet_constraints
from genesis.dynamics.coriolis import NONE, add_coriolis, coriolis_bars, coriolis_matrix, find_velocity_forces
from genesis.dynamics.factorization import factorize, factorize_lu, solve, solve_lu
from genesis.dynamics.joint_forces import ball_springs, joint_forces, joint_forces_adjoint
from genesis.dynamics.kinematics import kinematics, move_links, place_links
from genesis.dynamics.mass_matrix import clear_mass_matrix, composite
from genesis.dynamics.vectors import copy
from genesis.math.spatial import Inertia, Spatial


class Options:
    """Scalars of a launch: time step, implicit-damping step (0: explicit), which optional inputs are present, and ``kept``: whether the
    dynamics are kept on a tape, where the adjoint finds them. At compile time: whether the adjoints of the parameters are wanted, the
    constraints if there are any, and what the time integration takes at the end of the step:

    implicit_actuators: the velocity feedback of actuators, see actuator_damping.py. implicit_coriolis: Coriolis forces, of what, see
    coriolis.py. damped_last: whether damping and that feedback act after the constraints (MuJoCo's order) or with them; Coriolis forces
    always do. So ``two_stage``: whether the constraints see another acceleration than that of the step.
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
        kept=0,
        implicit_actuators=False,
        implicit_coriolis=NONE,
    ) -> None:
        self.kept = kept
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
def acceleration(m: ti.template(), s: ti.template(), o: ti.template(), page: ti.template()):
    """(M + dt d) a = tau - c, and with constraints + J^T f(J a); with damping last, f is that of dt d = 0.

    Reads: q, v, command, control, wrench      Writes: a, and all the scratch of the stages; ``page``, where dynamics are kept
    """
    joint_forces(m, s, o.actuated)
    ball_springs(m, s)
    if ti.static(o.implicit_actuators):
        find_unsaturated(m, s, o.actuated, False)
    kinematics(m, s, False, o.wrenched)
    if ti.static(o.implicit_coriolis):
        find_velocity_forces(m, s, o.implicit_coriolis)
    clear_mass_matrix(m, s, 0.0 if ti.static(o.damped_last) else o.damping_dt)
    if ti.static(s.taped):
        if o.kept != 0:
            keep_links(m, s, page)
    composite(m, s, True)
    if ti.static(o.implicit_actuators and not o.damped_last):
        add_actuator_damping(m, s, o.damping_dt)
    if ti.static(o.constrained):
        copy(m, s, "nM", "mass", "mass_matrix")
        copy(m, s, "nv", "a", "warm")
    if ti.static(o.implicit_coriolis):
        coriolis_matrix(m, s, o.implicit_coriolis)
        coriolis_acceleration(m, s, o)
    else:
        symmetric_acceleration(m, s, o)
    if ti.static(s.taped):
        if o.kept != 0:
            keep_factors(m, s, page)


@ti.func
def symmetric_acceleration(m: ti.template(), s: ti.template(), o: ti.template()):
    """With a symmetric matrix, in two stages where damping comes last. Reads: mass, tau; with constraints mass_matrix, warm      Writes: a"""
    for pass_ in range(1 + int(o.two_stage)):
        if ti.static(o.two_stage):
            if pass_ == 1:
                add_damping(m, s, o)
        factorize(m, s)
        copy(m, s, "nv", "tau", "a")
        solve(m, s, "a")
        if ti.static(o.constrained):
            if pass_ == 0:
                constrain(m, s, o.constraints, o.two_stage)


@ti.func
def coriolis_acceleration(m: ti.template(), s: ti.template(), o: ti.template()):
    """With Coriolis forces at the end of the step. Reads: also coriolis      Writes: a"""
    if ti.static(o.constrained):
        factorize(m, s)
        copy(m, s, "nv", "tau", "a")
        solve(m, s, "a")
        constrain(m, s, o.constraints, True)
        add_damping(m, s, o)
    add_coriolis(m, s, o.dt)
    factorize_lu(m, s)
    copy(m, s, "nv", "tau", "a")
    solve_lu(m, s, "a", "upper", "mass")


@ti.func
def keep_links(m: ti.template(), s: ti.template(), page: ti.template()):
    """What the tape keeps of the links, before their inertias are summed up. Reads: inertia, axis"""
    for l in range(m.size("nlink")):
        Inertia.load(s.row("inertia", l + 1)).store(page.row("link_inertia", l + 1))
    for x in range(m.size("naxis")):
        Spatial.load(s.row("axis", x)).store(page.row("axis", x))


@ti.func
def keep_factors(m: ti.template(), s: ti.template(), page: ti.template()):
    """What the tape keeps of the degrees of freedom. Reads: mass, inverse_pivot, active"""
    for k in range(m.size("nM")):
        page.row("mass", k).set(s.get("mass", k))
    for i in range(m.size("nv")):
        page.row("inverse_pivot", i).set(s.get("inverse_pivot", i))
        page.row("active", i).set(s.get("active", i))


@ti.func
def acceleration_again(m: ti.template(), s: ti.template(), o: ti.template()):
    """What the adjoint needs of `acceleration` besides its motions and forces: a tape that was kept has it.

    Reads: q, v, command, control; with constraints a      Writes: the fields in `workspace.KEPT`; with constraints mass_matrix, a_seen;
    of implicit integrators act_active and upper
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
        add_actuator_damping(m, s, o.damping_dt)
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


def last_multiplier(o):
    """The function (s, i) that gives the multiplier of what acts after the constraints: w without the part of the constraints."""

    def of(s, i):
        w = s.get("w", i)
        return w - s.get("w_seen", i) if o.two_stage else w

    return of


def of_vector(name: str):
    return lambda s, i: s.get(name, i)


def difference(s, i):
    """What the acceleration that the constraints see has more."""
    return s.get("a_seen", i) - s.get("a", i)


@ti.func
def acceleration_adjoint(m: ti.template(), s: ti.template(), bar: ti.template(), o: ti.template()):
    """H^T w = a_bar, then minus the gradient of w . g with a and w held fixed.

    Reads: q, v, a (of this state), a_bar, w (where it begins as a_bar), command, control, wrench
    Adds to: q_bar, v_bar, parameters      Writes: w; command_bar, control_bar, wrench_bar      Overwrites with Coriolis forces: v, a
    """
    if ti.static(s.taped):
        if o.kept == 0:
            acceleration_again(m, s, o)
    else:
        acceleration_again(m, s, o)
    if ti.static(o.implicit_coriolis):
        solve_lu(m, s, "w", "mass", "upper")
    else:
        solve(m, s, "w")
    if ti.static(o.constrained):
        move_links(m, s, o.wrenched)
        meet_constraints(m, s, o.constraints, o.two_stage)
        probe_links(m, s, bar, o.wrenched, o.want)
        lift_links(m, s)
        if ti.static(o.two_stage):
            spread_difference(m, s, bar, o.want)
        add_constraint_bars(m, s, bar, o.constraints, o.want)
    else:
        move_and_probe_links(m, s, bar, o.wrenched, o.want)
    if ti.static(o.two_stage):
        gather_bars(m, s, bar, o.want, DampedBase)
    elif ti.static(o.constrained):
        gather_bars(m, s, bar, o.want, LiftedBase)
    else:
        gather_bars(m, s, bar, o.want, Base)
    joint_forces_adjoint(m, s, bar, o.damping_dt, o.actuated, o.want)
    if ti.static(o.want):
        implicit_bars(m, s, bar, o)
    if ti.static(o.implicit_coriolis):
        coriolis_bars(m, s, bar, o.dt, o.implicit_coriolis, last_multiplier(o), o.want)


@ti.func
def implicit_bars(m: ti.template(), s: ti.template(), bar: ti.template(), o: ti.template()):
    """What acts at the end of the step, seen by its own multiplier and acceleration. Reads: w, a; with constraints w_seen, a_seen"""
    if ti.static(o.two_stage):
        correct_damping_bars(m, s, bar, o)
    if ti.static(o.implicit_actuators):
        if ti.static(o.damped_last):
            actuator_damping_bars(m, s, bar, o.damping_dt, last_multiplier(o), of_vector("a"))
        else:
            actuator_damping_bars(m, s, bar, o.damping_dt, of_vector("w"), of_vector("a"))
            if ti.static(o.two_stage):
                actuator_damping_bars(m, s, bar, o.damping_dt, of_vector("w_seen"), difference)

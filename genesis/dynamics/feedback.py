"""Linear feedback in a rollout: controls that answer how far the motion is off a path, one step length for each environment.

    u = clamp(u_ctrl + alpha k + K (x (-) x_ref), low, high),      x' <- x' (+) (-stays d)

What it takes lies in one FLAT array, since every array costs half a microsecond a launch. Its parts, for n of nv degrees of freedom:

    alpha (B), stays (B), dofs (n), low (n), high (n), then for every control step q_ref (nq), v_ref (nv), k (n), K (n, 2 nv), d (2 nv)
"""

import taichi as ti

from genesis.dynamics.actuation import clamp
from genesis.joints import COORDINATES
from genesis.math.lanes import Block, Cells, let, load, pack, where


def header_size(batch, fed):
    """Numbers before those of the first step."""
    return 2 * batch + 3 * fed


def step_size(nq, nv, fed):
    """Numbers of a control step."""
    return nq + nv + fed * (1 + 2 * nv) + 2 * nv


class Feedback:
    """The array as the environments of one block see it."""

    _data_oriented = True

    def __init__(self, robot, array, fed, block: Block, batch) -> None:
        self.robot, self.array, self.fed, self.block, self.batch = robot, array, fed, block, batch

    def _of_environments(self, first):
        return pack([load(self.array, first + env) for env in self.block.envs])

    def alpha(self):
        """Step length of every environment."""
        return self._of_environments(0)

    def stays(self):
        """How much of a gap stays open."""
        return self._of_environments(self.batch)

    def dof(self, i):
        return let(ti.cast(load(self.array, 2 * self.batch + i), ti.i32))

    def low(self, i):
        return load(self.array, 2 * self.batch + self.fed + i)

    def high(self, i):
        return load(self.array, 2 * self.batch + 2 * self.fed + i)

    def at(self, t) -> "At":
        return At(self, t)


class At:
    """What belongs to control step t: numbers that all environments share."""

    _data_oriented = True

    def __init__(self, feedback: Feedback, t) -> None:
        robot, fed = feedback.robot, feedback.fed
        nq, nv = robot.size("nq"), robot.size("nv")
        self.array, self.opaque = feedback.array, robot.opaque
        self.q = let(header_size(feedback.batch, fed) + t * step_size(nq, nv, fed))
        self.v = let(self.q + nq)
        self.k = let(self.v + nv)
        self.gains = let(self.k + fed)
        self.d = let(self.gains + 2 * nv * fed)

    def get(self, part, i):
        return load(self.array, self.opaque(part + i))

    def cells(self, part, i) -> Cells:
        return Cells(self.array, self.opaque(part + i))


def find_difference(s, joint, here: At, q, dof, width: int) -> None:
    """rate <- q (-) q_ref of one joint, on the manifold of its coordinates."""
    for k, value in enumerate(joint.difference(s.row("q", q), here.cells(here.q, q), width)):
        s.set("rate", value, dof + k)


def leave_gap(s, joint, here: At, stays, q, dof, nv) -> None:
    """q <- q (+) (-stays d_q), v <- v - stays d_v of one joint; where nothing stays they keep their bits."""
    cells = s.row("q", q)
    before = [cells.get(k) for k in range(joint.KIND.nq)]
    joint.integrate(cells, here.cells(here.d, dof), let(0.0 - stays))
    for k, value in enumerate(before):
        cells.set(where(stays == 0.0, value, cells.get(k)), k)
    gap = here.cells(here.d, nv + dof)
    for k in range(joint.KIND.nv):
        s.add("v", 0.0 - stays * gap.get(k), dof + k)


@ti.func
def answer(
    m: ti.template(), s: ti.template(), block: ti.template(), feedback: ti.template(), here: ti.template(), dof_ctrl: ti.template(),
    t: ti.i32,
):  # fmt: skip
    """The controls that act, also into the array that the rollout has read them from.

    Reads: q, v, dof_ctrl      Writes: rate (q (-) q_ref)      Overwrites: dof_ctrl
    Source: Sola, Deray, Atchuthan, A micro Lie theory for state estimation in robotics (2018), eq. 26
    """
    for j in range(m.size("njnt")):
        if m.jnt_owner(j) != 0:
            kind = m.jnt_type(j)
            for n in ti.static(range(len(COORDINATES))):
                if COORDINATES[n].has(kind):
                    find_difference(s, COORDINATES[n].joint, here, m.jnt_qadr(j), m.jnt_dof(j), m.lanes)
    alpha = feedback.alpha()
    for r in range(feedback.fed):
        i = feedback.dof(r)
        u = let(s.get("dof_ctrl", i) + alpha * here.get(here.k, r))
        gains = let(here.gains + 2 * m.size("nv") * r)
        for k in range(m.size("nv")):
            row = here.cells(gains, k)
            u += row.get() * s.get("rate", k) + row.at(m.size("nv")).get() * (s.get("v", k) - here.get(here.v, k))
        u = clamp(u, feedback.low(r), feedback.high(r))
        s.set("dof_ctrl", u, i)
        block.scatter(dof_ctrl, u, t, i)


@ti.func
def leave_gaps(m: ti.template(), s: ti.template(), stays: ti.template(), here: ti.template()):
    """x <- x (+) (-stays d).

    Overwrites: q, v
    """
    for j in range(m.size("njnt")):
        if m.jnt_owner(j) != 0:
            kind = m.jnt_type(j)
            for n in ti.static(range(len(COORDINATES))):
                if COORDINATES[n].has(kind):
                    leave_gap(s, COORDINATES[n].joint, here, stays, m.jnt_qadr(j), m.jnt_dof(j), m.size("nv"))

"""Sums by which a launch tells whether its results are finite: NaN and infinity survive every addition."""

import taichi as ti

from genesis.math.lanes import constant


@ti.func
def sum_state(m: ti.template(), s: ti.template()):
    """Of the state, as the end of the rollout."""
    total = constant(0.0, m.lanes)
    for i in range(m.size("nq")):
        total += s.get("q", i)
    for i in range(m.size("nv")):
        total += s.get("v", i)
    s.set_end(total)


@ti.func
def sum_control_bars(m: ti.template(), s: ti.template(), o: ti.template()):
    """Of the adjoints of the controls of a step."""
    total = constant(0.0, m.lanes)
    for i in range(m.size("nv")):
        total += s.get("dof_ctrl_bar", i)
    if o.actuated != 0:
        for u in range(m.size("nu")):
            total += s.get("act_ctrl_bar", u)
    if o.wrenched != 0:
        for l in range(m.size("nlink")):
            for k in ti.static(range(6)):
                total += s.row("wrench_bar", l).get(k)
    return total


@ti.func
def sum_initial_bars(m: ti.template(), block: ti.template(), q0_bar: ti.template(), v0_bar: ti.template()):
    """Of the adjoints of the initial state, as they have been written."""
    total = constant(0.0, m.lanes)
    for i in range(m.size("nq")):
        total += block.gather(q0_bar, 0, i)
    for i in range(m.size("nv")):
        total += block.gather(v0_bar, 0, i)
    return total

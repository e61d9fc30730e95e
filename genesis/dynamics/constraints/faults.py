"""Numbers that are not finite: found where they enter the constrained problem, since comparisons inside the laws would drop them.

A comparison with NaN is false and min and max pass over it, so a contact whose frame is NaN would simply exert no force. What is found makes
the acceleration NaN, which nothing drops any more, and the ledger names the block at fault.
"""

import taichi as ti

from genesis.math.trace import in_double

HUGE = 1e300  # float64: beyond is an overflow on its way
NAN, INFINITE = float("nan"), float("inf")


def is_finite(x):
    """Of a number or a sum of several."""
    return ti.abs(x) < HUGE


@in_double
@ti.func
def forgive(m: ti.template(), s: ti.template(), c: ti.template()):
    """A launch begins: from a finite state without a fault; from one that is not, with that of the launch where it was lost."""
    total = 0.0
    for k in range(m.size("nq")):
        total += s.get("q", k)
    for i in range(m.size("nv")):
        total += s.get("v", i)
    if is_finite(total):
        c.status("fault").set(0.0)


@ti.func
def name_fault(m: ti.template(), s: ti.template(), c: ti.template()):
    """Remember the first block that is not finite although the state and the acceleration without constraints are."""
    total = 0.0
    for k in range(m.size("nq")):
        total += s.get("q", k)
    for i in range(m.size("nv")):
        total += s.get("v", i) + s.get("a", i)
    if is_finite(total) and c.status("fault").get() == 0.0:
        for r in range(c.count()):
            b = c.count() - 1 - r
            if not is_finite(own_sum(c, b)):
                c.status("fault").set(1.0 + c.get(b, "source"))
                c.status("fault_index").set(c.get(b, "index"))


@ti.func
def own_sum(c: ti.template(), b: ti.i32):
    """Of everything that a block is made of, whatever the acceleration."""
    total = 0.0
    dim = c.integer(b, "dim")
    count = c.integer(b, "dof_num")
    for k in range(dim):
        total += c.get(b, "bias", k) + c.get(b, "d", k)
    rows = c.jacobian(b, 0, count)
    for k in range(dim * count):
        total += rows.get(k)
    return total


@ti.func
def set_nan(m: ti.template(), s: ti.template(), name: ti.template()):
    """A vector over the degrees of freedom becomes NaN."""
    for i in range(m.size("nv")):
        s.set(name, NAN, i)

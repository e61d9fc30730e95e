"""How stiff and how damped a constraint is: from solref and solimp to (B, K, d) of y = J a + B J v + K d gap and 1 / R = d / ((1 - d) A).

Source: MuJoCo documentation, "Modeling: solver parameters". Derivation of the adjoint: docs/adjoints/constraints.md
"""

import taichi as ti

LEAST, MOST = 1e-4, 0.9999  # bounds of the impedance d
TINY = 1e-15


@ti.func
def sigmoid(x: ti.template(), mid: ti.template(), power: ti.template()):
    """(value, slope in x) of the curve through (0, 0), (mid, mid), (1, 1), x in [0, 1]."""
    value = x
    slope = 1.0 + 0.0 * x
    if power > 1.0:
        if x <= mid:
            base = x / mid
            slope = power * ti.pow(base, power - 1.0)
            value = mid * ti.pow(base, power)
        else:
            base = (1.0 - x) / (1.0 - mid)
            slope = power * ti.pow(base, power - 1.0)
            value = 1.0 - (1.0 - mid) * ti.pow(base, power)
    return ti.Vector([value, slope])


@ti.func
def sigmoid_adjoint(solimp: ti.template(), x: ti.template(), value_bar: ti.template(), out: ti.template()):
    """Adds the adjoints of midpoint and power of `sigmoid` to the cells ``out`` of solimp; 0 < x < 1."""
    mid = clipped(solimp.get(3), LEAST, MOST)
    power = solimp.get(4)
    if power > 1.0:
        base = x / mid
        part = mid
        if x > mid:
            base = (1.0 - x) / (1.0 - mid)
            part = mid - 1.0
        raised = ti.pow(base, power)
        if solimp.get(3) > LEAST and solimp.get(3) < MOST:
            out.add(value_bar * (1.0 - power) * raised, 3)
        if base > 0.0:
            out.add(value_bar * part * raised * ti.log(base), 4)


@ti.func
def clipped(x: ti.template(), lo: ti.template(), hi: ti.template()):
    return ti.min(ti.max(x, lo), hi)


@ti.func
def impedance(solimp: ti.template(), gap: ti.template()):
    """(d, its slope in |gap|, share of dmax in it, its slope in the width) at the violation |gap|.

    Args: solimp cells: dmin, dmax, width, midpoint, power.
    """
    lo = clipped(solimp.get(0), LEAST, MOST)
    hi = clipped(solimp.get(1), LEAST, MOST)
    width = ti.max(solimp.get(2), 0.0)
    mid = clipped(solimp.get(3), LEAST, MOST)
    power = ti.max(solimp.get(4), 1.0)
    d = 0.5 * (lo + hi)
    slope = 0.0
    share = 0.5
    stretch = 0.0
    if width > TINY:
        x = ti.abs(gap) / width
        if x >= 1.0:
            d = hi
            share = 1.0
        else:
            curve = sigmoid(x, mid, power)
            d = lo + curve[0] * (hi - lo)
            share = curve[0]
            slope = curve[1] * (hi - lo) / width
            stretch = -slope * x
    return ti.Vector([d, slope, share, stretch])


@ti.func
def reference(solref: ti.template(), dmax: ti.template(), dt: ti.template()):
    """(B, K) from (time constant, damping ratio), or from (-stiffness, -damping); the time constant is at least 2 dt."""
    hi = clipped(dmax, LEAST, MOST)
    first = solref.get(0)
    second = solref.get(1)
    b = -second / hi
    k = -first / (hi * hi)
    if first > 0.0:
        t = ti.max(first, 2.0 * dt)
        b = 2.0 / ti.max(hi * t, TINY)
        k = 1.0 / ti.max(hi * hi * t * t * second * second, TINY)
    return ti.Vector([b, k])


@ti.func
def impedance_adjoint(solimp: ti.template(), gap: ti.template(), d_bar: ti.template(), out: ti.template()):
    """Adds the adjoint of `impedance` to the cells ``out`` (5); that of the gap is d_bar times the slope."""
    found = impedance(solimp, gap)
    if solimp.get(0) > LEAST and solimp.get(0) < MOST:
        out.add(d_bar * (1.0 - found[2]), 0)
    if solimp.get(1) > LEAST and solimp.get(1) < MOST:
        out.add(d_bar * found[2], 1)
    out.add(d_bar * found[3], 2)
    width = solimp.get(2)
    x = ti.abs(gap) / ti.max(width, TINY)
    if width > TINY and x > 0.0 and x < 1.0:
        sigmoid_adjoint(solimp, x, d_bar * (clipped(solimp.get(1), LEAST, MOST) - clipped(solimp.get(0), LEAST, MOST)), out)


@ti.func
def reference_adjoint(
    solref: ti.template(), dmax: ti.template(), dt: ti.template(), b_bar: ti.template(), k_bar: ti.template(),
    out: ti.template(), dmax_out: ti.template(),
):  # fmt: skip
    """Adds the adjoint of `reference` to the cells ``out`` (2) of solref and ``dmax_out`` (1)."""
    found = reference(solref, dmax, dt)
    hi = clipped(dmax, LEAST, MOST)
    first = solref.get(0)
    second = solref.get(1)
    stiffness_bar = k_bar * found[1]
    if first > 0.0 and found[1] >= 1.0 / TINY:  # the bound holds: a damping ratio of zero
        stiffness_bar = 0.0
    if dmax > LEAST and dmax < MOST:
        dmax_out.add(-(b_bar * found[0] + 2.0 * stiffness_bar) / hi)
    if first > 0.0:
        if first > 2.0 * dt:
            out.add(-(b_bar * found[0] + 2.0 * stiffness_bar) / first)
        if second != 0.0:
            out.add(-2.0 * stiffness_bar / second, 1)
    else:
        out.add(-k_bar / (hi * hi))
        out.add(-b_bar / hi, 1)

"""The smooth impedance of contacts and limits: MuJoCo's law with another d, which grows from zero and looks one step ahead.

    x = -(gap + h v) / w,   w^2 = W^2 + (4 h v)^2 + (c h^2)^2,   d = dmax Y(x),   0 where x <= 0,   bias = B v + K gap

with Y MuJoCo's sigmoid, v the normal velocity (negative: approaching) and h the time step. The force then begins without a jump in value
or slope, and a touch-down is spread over several steps, so that the derivative of one trajectory agrees with the trend of many; at rest
the width is the W of solimp, and with h -> 0 the law is MuJoCo's with d0 = 0. The last part of the width (5 mm at 5 ms) and the bounds
on the reference keep the steeper d stable, also at the corners of a box that is pushed.
Derivation and figures: docs/contact.md
"""

import taichi as ti

from genesis.dynamics.constraints.impedance import LEAST, MOST, TINY, clipped, sigmoid, sigmoid_adjoint

SPREAD = 4.0  # steps over which a touch-down is spread
SETTLE = 200.0  # [m/s²] least width per square of the step
SLOWEST = 4.0  # least time constant of the reference, in steps


@ti.func
def depth_over_width(solimp: ti.template(), gap: ti.template(), v: ti.template(), h: ti.template()):
    """(x, w)."""
    width = ti.max(solimp.get(2), TINY)
    travel = SPREAD * h * v
    settle = SETTLE * h * h
    w = ti.sqrt(width * width + travel * travel + settle * settle)
    return ti.Vector([-(gap + h * v) / w, w])


@ti.func
def smooth_impedance(solimp: ti.template(), gap: ti.template(), v: ti.template(), h: ti.template()):
    """(d, its slope in the gap, its slope in v)."""
    hi = clipped(solimp.get(1), LEAST, MOST)
    found = depth_over_width(solimp, gap, v, h)
    x = found[0]
    w = found[1]
    d = 0.0
    slope = 0.0
    if x >= 1.0:
        d = hi
    elif x > 0.0:
        curve = sigmoid(x, clipped(solimp.get(3), LEAST, MOST), ti.max(solimp.get(4), 1.0))
        d = hi * curve[0]
        slope = hi * curve[1]
    return ti.Vector([d, -slope / w, -slope * (h / w + x * SPREAD * SPREAD * h * h * v / (w * w))])


@ti.func
def smooth_reference(solref: ti.template(), dmax: ti.template(), h: ti.template()):
    """(B, K), with a time constant of at least four steps."""
    hi = clipped(dmax, LEAST, MOST)
    first = solref.get(0)
    second = solref.get(1)
    b = -second / hi
    k = -first / (hi * hi)
    if first > 0.0:
        b = 2.0 / (hi * first)
        k = 1.0 / (hi * hi * first * first * second * second)
    slow = SLOWEST * h * hi
    return ti.Vector([ti.min(b, 2.0 / slow), ti.min(k, 1.0 / (slow * slow))])


@ti.func
def smooth_impedance_adjoint(
    solimp: ti.template(), gap: ti.template(), v: ti.template(), h: ti.template(), d_bar: ti.template(), out: ti.template()
):
    """Adds the adjoint of `smooth_impedance` to the cells ``out`` (5); those of gap and v are d_bar times the slopes."""
    hi = clipped(solimp.get(1), LEAST, MOST)
    mid = clipped(solimp.get(3), LEAST, MOST)
    power = ti.max(solimp.get(4), 1.0)
    found = depth_over_width(solimp, gap, v, h)
    x = found[0]
    inside = solimp.get(1) > LEAST and solimp.get(1) < MOST
    if x >= 1.0:
        if inside:
            out.add(d_bar, 1)
    elif x > 0.0:
        curve = sigmoid(x, mid, power)
        if inside:
            out.add(d_bar * curve[0], 1)
        out.add(-d_bar * hi * curve[1] * x * solimp.get(2) / (found[1] * found[1]), 2)
        sigmoid_adjoint(solimp, x, d_bar * hi, out)


@ti.func
def smooth_reference_adjoint(
    solref: ti.template(), dmax: ti.template(), h: ti.template(), b_bar: ti.template(), k_bar: ti.template(),
    out: ti.template(), dmax_out: ti.template(),
):  # fmt: skip
    """Adds the adjoint of `smooth_reference` to the cells ``out`` (2) of solref and ``dmax_out`` (1)."""
    found = smooth_reference(solref, dmax, h)
    hi = clipped(dmax, LEAST, MOST)
    first = solref.get(0)
    second = solref.get(1)
    slow = SLOWEST * h * hi
    if dmax > LEAST and dmax < MOST:
        dmax_out.add(-(b_bar * found[0] + 2.0 * k_bar * found[1]) / hi)
    if found[0] < 2.0 / slow:
        if first > 0.0:
            out.add(-b_bar * found[0] / first)
        else:
            out.add(-b_bar / hi, 1)
    if found[1] < 1.0 / (slow * slow):
        if first > 0.0:
            out.add(-2.0 * k_bar * found[1] / first)
            out.add(-2.0 * k_bar * found[1] / second, 1)
        else:
            out.add(-k_bar / (hi * hi))

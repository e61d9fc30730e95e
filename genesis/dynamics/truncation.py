"""The adjoint of the state, cut and clipped between time steps: truncated backpropagation through time.

The gradient is then no longer exact.
"""

import taichi as ti

from genesis.dynamics.vectors import clear
from genesis.math.lanes import constant, maximum, negative, sqrt, where


@ti.func
def cut_state_bar(m: ti.template(), s: ti.template(), truncate: ti.i32, t: ti.i32):
    """The state before control step t is taken for a constant by the steps from t on, if t is a multiple of ``truncate`` > 0.

    Writes: q_bar, v_bar
    """
    if truncate > 0 and t % ti.max(truncate, 1) == 0:
        clear(m, s, "q_bar")
        clear(m, s, "v_bar")


@ti.func
def clip_state_bar(m: ti.template(), s: ti.template(), clip: ti.template()):
    """(q_bar, v_bar) of an environment keep their direction, and their Euclidean norm is at most ``clip`` > 0. What is not finite stays.

    Reads and writes: q_bar, v_bar
    """
    if clip > 0.0:
        none, one = constant(0.0, m.lanes), constant(1.0, m.lanes)
        largest = constant(0.0, m.lanes)
        for i in range(m.size("nv")):
            q, v = s.get("q_bar", i), s.get("v_bar", i)
            largest = maximum(largest, maximum(maximum(q, negative(q)), maximum(v, negative(v))))
        scale = where(largest > none, largest, one)  # squares of large numbers are not finite
        squares = constant(0.0, m.lanes)
        for i in range(m.size("nv")):
            q, v = s.get("q_bar", i) / scale, s.get("v_bar", i) / scale
            squares += q * q + v * v
        norm = scale * sqrt(squares)
        factor = where(norm > one * clip, one * clip / norm, one)
        for i in range(m.size("nv")):
            s.set("q_bar", factor * s.get("q_bar", i), i)
            s.set("v_bar", factor * s.get("v_bar", i), i)

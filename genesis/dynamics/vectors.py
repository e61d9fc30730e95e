"""Vectors in the scratch memory: copied, added, cleared."""

import taichi as ti

from genesis.math.lanes import constant


@ti.func
def copy(m: ti.template(), s: ti.template(), size: ti.template(), source: ti.template(), target: ti.template()):
    """target <- source.

    Reads: ``source``      Writes: ``target``
    """
    for i in range(m.size(size)):
        s.set(target, s.get(source, i), i)


@ti.func
def axpy(m: ti.template(), s: ti.template(), factor: ti.template(), source: ti.template(), target: ti.template()):
    """target += factor * source over the degrees of freedom.

    Reads: ``source``      Adds to: ``target``
    """
    for i in range(m.size("nv")):
        s.add(target, factor * s.get(source, i), i)


@ti.func
def clear(m: ti.template(), s: ti.template(), name: ti.template()):
    """name <- 0 over the degrees of freedom.

    Writes: ``name``
    """
    for i in range(m.size("nv")):
        s.set(name, constant(0.0, m.lanes), i)

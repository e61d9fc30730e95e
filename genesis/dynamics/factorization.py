"""M = L^T D L over the elimination tree, in place, and the solution of M x = b.

Row i of the sparse storage holds the diagonal and then the entries of its ancestors, nearest first; the rows of an ancestor are a suffix of
the rows of its descendants, so no index search is needed.
Source: Featherstone (2008), §6.5; Todorov, MuJoCo documentation, "Computation: sparse factorization". Derivation of the adjoint:
docs/adjoints/dynamics.md
"""

import taichi as ti

from genesis.math.lanes import Cells, let


def eliminate(target: Cells, source: Cells, factor, u) -> None:
    """target[u] -= factor * source[u]."""
    target.subtract(factor * source.get(u), u)


@ti.func
def factorize(m: ti.template(), s: ti.template()):
    """Strictly lower entries of `mass` become L, and inverse_pivot = 1 / D.

    Overwrites: mass      Writes: inverse_pivot
    Adjoint: none (a symmetric matrix solves with the same factors)
    """
    for r in range(m.size("nv")):
        k = m.size("nv") - 1 - r
        first = m.dof_madr(k)
        row = s.row("mass", first)
        depth = m.dof_depth(k)
        inverse = let(1.0 / row.get())
        s.set("inverse_pivot", inverse, k)
        for t in range(1, depth + 1):
            ancestor = s.row("mass", m.dof_madr(m.m_column(first + t)))
            source = s.row("mass", first + t)
            factor = let(source.get() * inverse)
            for u in range(depth + 1 - t):
                eliminate(ancestor, source, factor, u)
            source.set(factor)


@ti.func
def solve(m: ti.template(), s: ti.template(), name: ti.template()):
    """x <- M^-1 x for the scratch vector ``name``, with the factors of `factorize`.

    Reads: mass, inverse_pivot      Overwrites: ``name``
    Adjoint: `solve`
    """
    vector = s.row(name)
    for r in range(m.size("nv")):
        k = m.size("nv") - 1 - r
        first = m.dof_madr(k)
        row = s.row("mass", first)
        x = vector.get(k)
        for t in range(1, m.dof_depth(k) + 1):
            vector.subtract(row.get(t) * x, m.m_column(first + t))
        vector.set(x * s.get("inverse_pivot", k), k)
    for k in range(m.size("nv")):
        first = m.dof_madr(k)
        row = s.row("mass", first)
        x = vector.get(k)
        for t in range(1, m.dof_depth(k) + 1):
            x = x - row.get(t) * vector.get(m.m_column(first + t))
        vector.set(x, k)


@ti.func
def factorize_lu(m: ti.template(), s: ti.template()):
    """The same of a matrix that is not symmetric: rows of descendants in `mass`, their columns in `upper`; A = U D L.

    Overwrites: mass, upper      Writes: inverse_pivot
    Adjoint: none (the transpose has the same factors)
    """
    for r in range(m.size("nv")):
        k = m.size("nv") - 1 - r
        first = m.dof_madr(k)
        depth = m.dof_depth(k)
        inverse = let(1.0 / s.get("mass", first))
        s.set("inverse_pivot", inverse, k)
        for t in range(1, depth + 1):
            at = m.dof_madr(m.m_column(first + t))
            lower_target = s.row("mass", at)
            upper_target = s.row("upper", at)
            lower = s.row("mass", first + t)
            upper = s.row("upper", first + t)
            below = let(lower.get() * inverse)
            above = let(upper.get() * inverse)
            for u in range(depth + 1 - t):
                eliminate(lower_target, lower, above, u)
                eliminate(upper_target, upper, below, u)
            lower.set(below)
            upper.set(above)


@ti.func
def solve_lu(m: ti.template(), s: ti.template(), name: ti.template(), inward: ti.template(), outward: ti.template()):
    """x <- A^-1 x with the factors of `factorize_lu`: ``inward`` "upper" and ``outward`` "mass"; the other way round A^-T x.

    Reads: mass, upper, inverse_pivot      Overwrites: ``name``
    Adjoint: `solve_lu`
    """
    vector = s.row(name)
    for r in range(m.size("nv")):
        k = m.size("nv") - 1 - r
        first = m.dof_madr(k)
        x = vector.get(k)
        for t in range(1, m.dof_depth(k) + 1):
            vector.subtract(s.get(inward, first + t) * x, m.m_column(first + t))
        vector.set(x * s.get("inverse_pivot", k), k)
    for k in range(m.size("nv")):
        first = m.dof_madr(k)
        x = vector.get(k)
        for t in range(1, m.dof_depth(k) + 1):
            x = x - s.get(outward, first + t) * vector.get(m.m_column(first + t))
        vector.set(x, k)

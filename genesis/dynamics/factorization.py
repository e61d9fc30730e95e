"""M = L^T D L over the elimination tree, in place, and the solution of M x = b.

Row i of the sparse storage holds the diagonal and then the entries of its ancestors, nearest first; the rows of an ancestor are a suffix of
the rows of its descendants, so no index search is needed.
Source: Featherstone (2008), §6.5; Todorov, MuJoCo documentation, "Computation: sparse factorization".
"""

import taichi as ti

from genesis.math.lanes import let


@ti.func
def factorize(m: ti.template(), s: ti.template()):
    """Reads and overwrites `mass` (strictly lower entries become L); writes `inverse_pivot` = 1 / D."""
    for r in range(m.size("nv")):
        k = m.size("nv") - 1 - r
        row = m.dof_madr(k)
        depth = m.dof_depth(k)
        inverse = let(1.0 / s.get("mass", row))
        s.set("inverse_pivot", inverse, k)
        for t in range(1, depth + 1):
            ancestor = m.dof_madr(m.m_column(row + t))
            factor = let(s.get("mass", row + t) * inverse)
            for u in range(depth + 1 - t):
                s.add("mass", 0.0 - factor * s.get("mass", row + t + u), ancestor + u)
            s.set("mass", factor, row + t)


@ti.func
def solve(m: ti.template(), s: ti.template(), name: ti.template()):
    """x <- M^-1 x for the scratch vector ``name``, with the factors of `factorize`."""
    for r in range(m.size("nv")):
        k = m.size("nv") - 1 - r
        row = m.dof_madr(k)
        x = s.get(name, k)
        for t in range(1, m.dof_depth(k) + 1):
            s.add(name, 0.0 - s.get("mass", row + t) * x, m.m_column(row + t))
        s.set(name, x * s.get("inverse_pivot", k), k)
    for k in range(m.size("nv")):
        row = m.dof_madr(k)
        x = s.get(name, k)
        for t in range(1, m.dof_depth(k) + 1):
            x = x - s.get("mass", row + t) * s.get(name, m.m_column(row + t))
        s.set(name, x, k)

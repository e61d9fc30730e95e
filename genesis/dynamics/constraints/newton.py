"""Newton's method with exact line search on 1/2 (a - a0)^T M (a - a0) + sum of s(J a + bias): convex, so it converges from anywhere.

Source: Todorov, ICRA 2014; MuJoCo documentation, "Computation: algorithms". The Hessian M + J^T H J keeps the sparsity of M where every
block acts along one path of the kinematic tree, and otherwise that of the elimination tree of M with all possible blocks.
"""

import taichi as ti

from genesis.dynamics.constraints.faults import INFINITE, is_finite, name_fault, set_nan
from genesis.dynamics.constraints.laws import law, law_along
from genesis.dynamics.constraints.rows import along, along_both
from genesis.math.lanes import let

NEAR, ENOUGH = (
    1e3,
    0.5,
)  # so near the tolerance a step that does not halve the residual has reached rounding: more steps would not help


@ti.func
def times_mass(m: ti.template(), s: ti.template(), x: ti.template(), out: ti.template()):
    """out <- M x with the sparse rows of M."""
    for i in range(m.size("nv")):
        first = m.dof_madr(i)
        row = s.row("mass_matrix", first)
        xi = x.get(i)
        total = row.get() * xi
        for t in range(1, m.dof_depth(i) + 1):
            k = m.m_column(first + t)
            value = row.get(t)
            total += value * x.get(k)
            out.add(value * xi, k)
        out.set(total, i)


@ti.func
def add_pull(m: ti.template(), c: ti.template(), b: ti.i32, name: ti.template(), factor: ti.template(), out: ti.template()):
    """out += factor J^T (field ``name`` of block b)."""
    count = c.integer(b, "dof_num")
    first = c.integer(b, "dof_adr")
    for k in range(c.integer(b, "dim")):
        force = factor * c.get(b, name, k)
        if force != 0.0:
            row = c.jacobian(b, k, count)
            for i in range(count):
                out.add(force * row.get(i), m.cdof_dof(first + i))


@ti.func
def costs(c: ti.template()):
    total = 0.0
    for b in range(c.count()):
        total += law(c, b, False)
    return total


@ti.func
def swap_views(c: ti.template()):
    """y <-> dy of every block."""
    for b in range(c.count()):
        for k in range(c.integer(b, "dim")):
            y = c.get(b, "y", k)
            c.set(b, "y", c.get(b, "dy", k), k)
            c.set(b, "dy", y, k)


@ti.func
def start(m: ti.template(), s: ti.template(), c: ti.template()):
    """a <- the better one of the unconstrained acceleration and that of the step before. Returns: whether everything is finite.

    Reads: a, warm, bias      Writes: a, impulse, y
    """
    a = s.row("a")
    warm = s.row("warm")
    difference = c.vector("direction")
    impulse = c.vector("impulse")
    for i in range(m.size("nv")):
        difference.set(warm.get(i) - a.get(i), i)
    times_mass(m, s, difference, impulse)
    kinetic = 0.0
    for i in range(m.size("nv")):
        kinetic += 0.5 * difference.get(i) * impulse.get(i)
    whole = 0.0
    for b in range(c.count()):
        for k in range(c.integer(b, "dim")):
            both = along_both(m, c, b, k, a, warm)
            bias = c.get(b, "bias", k)
            c.set(b, "y", both[0] + bias, k)
            c.set(b, "dy", both[1] + bias, k)
            whole += both[0] + bias + c.get(b, "d", k)
    free = 0.0
    for trial in range(2):  # the second time with the views of the warm start, afterwards they stand as before
        total = costs(c)
        if trial == 0:
            free = total
        else:
            kinetic += total
        if trial == 0 or kinetic >= free:
            swap_views(c)
    for i in range(m.size("nv")):
        if kinetic < free:
            a.set(warm.get(i), i)
        else:
            impulse.set(0.0, i)
    return is_finite(whole)


@ti.func
def residual(m: ti.template(), s: ti.template(), c: ti.template()):
    """gradient <- M (a - a0) - J^T f with fresh forces and Hessians; its size against the forces that should balance.

    Returns: that ratio, infinite where something is not finite: a maximum would drop NaN.
    """
    gradient = c.vector("gradient")
    impulse = c.vector("impulse")
    for i in range(m.size("nv")):
        gradient.set(0.0, i)
    for b in range(c.count()):
        law(c, b, True)
        add_pull(m, c, b, "f", -1.0, gradient)
    size = 0.0
    scale = 0.0
    total = 0.0
    for i in range(m.size("nv")):
        force = gradient.get(i)
        scale = ti.max(scale, ti.max(ti.abs(force), ti.abs(impulse.get(i))))
        scale = ti.max(scale, ti.abs(s.get("tau", i)))
        gradient.add(impulse.get(i), i)
        size = ti.max(size, ti.abs(gradient.get(i)))
        total += gradient.get(i)
    return ti.select(is_finite(total), size / ti.max(scale, 1e-30), INFINITE)


@ti.func
def fits_tree(c: ti.template()):
    """Whether M's own sparsity is enough for the Hessian."""
    fits = True
    for b in range(c.count()):
        fits = fits and c.integer(b, "tree") != 0
    return fits


class HessianPattern:
    """Sparse rows of a symmetric matrix: those of M, or those that hold every possible constraint."""

    _data_oriented = True

    def __init__(self, m, fits) -> None:
        self.m, self.fits = m, fits

    def adr(self, i):
        return let(ti.select(self.fits, self.m.dof_madr(i), self.m.hess_adr(i)))

    def depth(self, i):
        return let(ti.select(self.fits, self.m.dof_depth(i), self.m.hess_depth(i)))


@ti.func
def column(m: ti.template(), fits: ti.template(), k: ti.i32):
    """Degree of freedom of an entry of the pattern."""
    i = 0
    if fits:
        i = m.m_column(k)
    else:
        i = m.hess_column(k)
    return i


@ti.func
def assemble(m: ti.template(), s: ti.template(), c: ti.template(), fits: ti.template()):
    """H = M + sum of J^T hess J, on the pattern."""
    pattern = HessianPattern(m, fits)
    h = c.hessian()
    if fits:
        for k in range(m.size("nM")):
            h.set(s.get("mass_matrix", k), k)
    else:
        for k in range(m.size("nH")):
            h.set(0.0, k)
        for i in range(m.size("nv")):
            for t in range(m.dof_depth(i) + 1):
                k = m.m_column(m.dof_madr(i) + t)
                h.add(s.get("mass_matrix", m.dof_madr(i) + t), pattern.adr(i) + pattern.depth(i) - pattern.depth(k))
    for b in range(c.count()):
        add_curvature(m, c, b, pattern, h)


@ti.func
def add_curvature(m: ti.template(), c: ti.template(), b: ti.i32, pattern: ti.template(), h: ti.template()):
    """h += J^T hess J of one block; its degrees of freedom descend, so each later one is an ancestor."""
    dim = c.integer(b, "dim")
    count = c.integer(b, "dof_num")
    first = c.integer(b, "dof_adr")
    hess = c.block(b, "hess")
    jacobian = c.jacobian(b, 0, count)
    stiff = 0.0
    for k in range(dim):
        stiff += hess.get(k * dim + k)
    if stiff > 0.0:
        for x in range(count):
            i = m.cdof_dof(first + x)
            base = pattern.adr(i) + pattern.depth(i)
            for r in range(dim):
                pull = 0.0
                for k in range(dim):
                    pull += hess.get(r * dim + k) * jacobian.get(k * count + x)
                if pull != 0.0:
                    for z in range(x, count):
                        h.add(pull * jacobian.get(r * count + z), base - pattern.depth(m.cdof_dof(first + z)))


@ti.func
def factorize_hessian(m: ti.template(), c: ti.template(), fits: ti.template()):
    """H = L^T D L in place; pivots hold 1 / D. As `genesis.dynamics.factorization`, on the pattern."""
    pattern = HessianPattern(m, fits)
    h = c.hessian()
    pivot = c.pivot()
    for r in range(m.size("nv")):
        k = m.size("nv") - 1 - r
        first = pattern.adr(k)
        depth = pattern.depth(k)
        inverse = 1.0 / h.get(first)
        pivot.set(inverse, k)
        for t in range(1, depth + 1):
            target = pattern.adr(column(m, fits, first + t))
            source = first + t
            factor = h.get(source) * inverse
            if factor != 0.0:
                for u in range(depth + 1 - t):
                    h.add(-factor * h.get(source + u), target + u)
            h.set(factor, source)


@ti.func
def solve_hessian(m: ti.template(), c: ti.template(), fits: ti.template(), x: ti.template()):
    """x <- H^-1 x."""
    pattern = HessianPattern(m, fits)
    h = c.hessian()
    pivot = c.pivot()
    for r in range(m.size("nv")):
        k = m.size("nv") - 1 - r
        first = pattern.adr(k)
        value = x.get(k)
        for t in range(1, pattern.depth(k) + 1):
            x.add(-h.get(first + t) * value, column(m, fits, first + t))
        x.set(value * pivot.get(k), k)
    for k in range(m.size("nv")):
        first = pattern.adr(k)
        value = x.get(k)
        for t in range(1, pattern.depth(k) + 1):
            value -= h.get(first + t) * x.get(column(m, fits, first + t))
        x.set(value, k)


@ti.func
def slope_at(m: ti.template(), c: ti.template(), alpha: ti.template(), linear: ti.template(), square: ti.template()):
    """(slope, curvature) of the whole cost along the search direction."""
    slope = linear + alpha * square
    curvature = square
    for b in range(c.count()):
        part = law_along(c, b, alpha)
        slope += part[0]
        curvature += part[1]
    return ti.Vector([slope, curvature])


@ti.func
def line_search(m: ti.template(), s: ti.template(), c: ti.template(), o: ti.template()):
    """The step length at which the slope vanishes: Newton's method inside a bracket that bisection keeps shrinking.

    Reads: direction, gradient, impulse, y, dy      Writes: m_direction (M times the direction)
    """
    direction = c.vector("direction")
    gradient = c.vector("gradient")
    impulse = c.vector("impulse")
    product = c.vector("m_direction")
    times_mass(m, s, direction, product)
    linear = 0.0
    square = 0.0
    downhill = 0.0
    for i in range(m.size("nv")):
        linear += direction.get(i) * impulse.get(i)
        square += direction.get(i) * product.get(i)
        downhill += direction.get(i) * gradient.get(i)
    alpha = 1.0
    goal = o.line_tolerance * ti.abs(downhill)
    lo = 0.0
    hi = -1.0  # none yet
    for _ in range(o.line_iterations):
        found = slope_at(m, c, alpha, linear, square)
        if ti.abs(found[0]) <= goal:
            break
        if found[0] < 0.0:
            lo = alpha
        else:
            hi = alpha
        step = alpha - found[0] / found[1]
        if hi < 0.0:
            alpha = ti.min(step, 4.0 * alpha)
        elif step <= lo or step >= hi:
            alpha = 0.5 * (lo + hi)
        else:
            alpha = step
    return alpha


@ti.func
def descend(m: ti.template(), s: ti.template(), c: ti.template(), fits: ti.template(), o: ti.template()):
    """One Newton step with line search: a, impulse and y move along the direction."""
    assemble(m, s, c, fits)
    factorize_hessian(m, c, fits)
    direction = c.vector("direction")
    for i in range(m.size("nv")):
        direction.set(-c.vector("gradient").get(i), i)
    solve_hessian(m, c, fits, direction)
    for b in range(c.count()):
        for k in range(c.integer(b, "dim")):
            c.set(b, "dy", along(m, c, b, k, direction), k)
    alpha = line_search(m, s, c, o)
    for i in range(m.size("nv")):
        s.add("a", alpha * direction.get(i), i)
        c.vector("impulse").add(alpha * c.vector("m_direction").get(i), i)
    for b in range(c.count()):
        for k in range(c.integer(b, "dim")):
            c.block(b, "y", k).add(alpha * c.get(b, "dy", k))


@ti.func
def newton(m: ti.template(), s: ti.template(), c: ti.template(), o: ti.template()):
    """Returns: whether everything is finite; if not, the acceleration is NaN, and the ledger names the block at fault if one is.

    Reads: a (unconstrained), warm, mass_matrix, tau, blocks      Writes: a, f, hess (and the status)
    """
    finite = start(m, s, c)
    if not finite:
        name_fault(m, s, c)
    fits = fits_tree(c)
    left = INFINITE
    rounds = 0
    going = finite
    while going:
        before = left
        left = residual(m, s, c)
        finite = left < INFINITE
        stuck = rounds > 0 and left <= NEAR * o.tolerance and left > ENOUGH * before
        going = finite and left > o.tolerance and not stuck and rounds < o.iterations
        if going:
            descend(m, s, c, fits, o)
            rounds += 1
    if not finite:
        set_nan(m, s, "a")
    elif left > o.tolerance:
        c.status("unconverged").add(1.0)
    c.status("iterations").add(rounds)
    c.status("residual").set(ti.max(c.status("residual").get(), left))
    return finite

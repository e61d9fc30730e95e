"""Force laws: f(y) = - grad s(y) of a convex s, its Hessian, its line search, its adjoint.

Equality (a spring both ways), bounded (a spring whose force saturates: dry friction), unilateral (a spring that pushes), and the two
friction cones over a normal row and up to five friction rows. Distant is a contact that is felt before it touches, in the reverse pass
alone: no force, but the Hessian of a spring.
Source: MuJoCo documentation, "Computation: constraint model, friction cones"; Todorov, ICRA 2014. Derivation: docs/adjoints/constraints.md
"""

import taichi as ti

EQUALITY, BOUNDED, UNILATERAL, PYRAMID, ELLIPTIC, DISTANT = range(6)


@ti.func
def clear_hessian(c: ti.template(), b: ti.i32, dim: ti.i32):
    hess = c.block(b, "hess")
    for k in range(dim * dim):
        hess.set(0.0, k)


@ti.func
def law(c: ti.template(), b: ti.i32, want: ti.template()):
    """Returns: the cost s(y).

    Reads: y, d, mu      Writes: f, hess (where wanted)
    Adjoint: `law_adjoint`
    """
    kind = c.integer(b, "kind")
    cost = 0.0
    if kind == PYRAMID:
        cost = pyramid(c, b, want)
    elif kind == ELLIPTIC:
        cost = elliptic(c, b, want)
    else:
        cost = springs(c, b, kind, want)
    return cost


@ti.func
def springs(c: ti.template(), b: ti.i32, kind: ti.i32, want: ti.template()):
    """Row by row: f = - D y, always (equality), inside +-mu (bounded) or where y < 0 (unilateral)."""
    dim = c.integer(b, "dim")
    if ti.static(want):
        clear_hessian(c, b, dim)
    cost = 0.0
    for k in range(dim):
        y = c.get(b, "y", k)
        d = c.get(b, "d", k)
        f = -d * y
        stiff = d
        if kind == DISTANT:
            f = 0.0
        if kind == UNILATERAL and y >= 0.0:
            f = 0.0
            stiff = 0.0
        bound = 0.0
        if kind == BOUNDED:
            bound = c.get(b, "mu")
        if kind == BOUNDED and ti.abs(f) >= bound:
            f = ti.select(y > 0.0, -bound, bound)
            stiff = 0.0
            cost += bound * ti.abs(y) - 0.5 * bound * bound / d
        else:
            cost -= 0.5 * f * y
        c.set(b, "f", f, k)
        if ti.static(want):
            c.set(b, "hess", stiff, k * dim + k)
    return cost


@ti.func
def pyramid(c: ti.template(), b: ti.i32, want: ti.template()):
    """Edges y_n +- mu_i y_i, each a unilateral spring of the same stiffness."""
    dim = c.integer(b, "dim")
    if ti.static(want):
        clear_hessian(c, b, dim)
    y = c.get(b, "y")
    d = c.get(b, "d")
    cost = 0.0
    normal = 0.0
    stiff = 0.0
    for i in range(1, dim):
        mu = c.get(b, "mu", i - 1)
        slip = mu * c.get(b, "y", i)
        plus = ti.min(y + slip, 0.0)
        minus = ti.min(y - slip, 0.0)
        cost += 0.5 * d * (plus * plus + minus * minus)
        normal -= d * (plus + minus)
        c.set(b, "f", -d * mu * (plus - minus), i)
        if ti.static(want):
            here = ti.select(plus < 0.0, d, 0.0 * d)
            there = ti.select(minus < 0.0, d, 0.0 * d)
            stiff += here + there
            c.set(b, "hess", mu * (here - there), i)
            c.set(b, "hess", mu * (here - there), i * dim)
            c.set(b, "hess", mu * mu * (here + there), i * dim + i)
    c.set(b, "f", normal)
    if ti.static(want):
        c.set(b, "hess", stiff)
    return cost


@ti.func
def slip_norm(c: ti.template(), b: ti.i32, dim: ti.i32):
    """T = |mu_i y_i| over the friction rows."""
    total = 0.0
    for i in range(1, dim):
        x = c.get(b, "mu", i - 1) * c.get(b, "y", i)
        total += x * x
    return ti.sqrt(total)


@ti.func
def elliptic(c: ti.template(), b: ti.i32, want: ti.template()):
    """1/2 (y - P y)^2 in the metric D, with P the projection on the dual cone y_n >= T = |mu_i y_i|.

    Zero inside; quadratic where the force is inside the friction cone; between, on its side, 1/2 k (y_n - T)^2 with
    k = D_n / (1 + mu^2) and mu = mu_1 sqrt(D_n / D_1).
    """
    dim = c.integer(b, "dim")
    if ti.static(want):
        clear_hessian(c, b, dim)
    y = c.get(b, "y")
    mu = c.get(b, "mu") * ti.sqrt(c.get(b, "d") / c.get(b, "d", 1))
    t = slip_norm(c, b, dim)
    cost = 0.0
    if y >= t:
        for i in range(dim):
            c.set(b, "f", 0.0, i)
    elif mu * mu * y + t <= 0.0:
        for i in range(dim):
            d = c.get(b, "d", i)
            x = c.get(b, "y", i)
            c.set(b, "f", -d * x, i)
            cost += 0.5 * d * x * x
            if ti.static(want):
                c.set(b, "hess", d, i * dim + i)
    else:
        k = c.get(b, "d") / (1.0 + mu * mu)
        e = y - t
        cost = 0.5 * k * e * e
        c.set(b, "f", -k * e)
        for i in range(1, dim):
            fr = c.get(b, "mu", i - 1)
            c.set(b, "f", k * e * fr * fr * c.get(b, "y", i) / t, i)
        if ti.static(want):
            elliptic_hessian(c, b, dim, k, e, t)
    return cost


@ti.func
def elliptic_hessian(c: ti.template(), b: ti.i32, dim: ti.i32, k: ti.template(), e: ti.template(), t: ti.template()):
    """On the side of the cone: k (u u^T - e grad^2 T) with u = (1, - grad T), grad T = mu_i^2 y_i / T."""
    c.set(b, "hess", k)
    for i in range(1, dim):
        fr = c.get(b, "mu", i - 1)
        slope = fr * fr * c.get(b, "y", i) / t
        c.set(b, "hess", -k * slope, i)
        c.set(b, "hess", -k * slope, i * dim)
        for j in range(1, dim):
            fj = c.get(b, "mu", j - 1)
            other = fj * fj * c.get(b, "y", j) / t
            value = k * slope * other * (1.0 + e / t)
            if i == j:
                value -= k * e * fr * fr / t
            c.set(b, "hess", value, i * dim + j)


@ti.func
def law_along(c: ti.template(), b: ti.i32, alpha: ti.template()):
    """(slope, curvature) of s(y + alpha dy) in alpha.

    Reads: y, dy, d, mu
    """
    kind = c.integer(b, "kind")
    dim = c.integer(b, "dim")
    slope = 0.0
    curvature = 0.0
    if kind == PYRAMID:
        y = c.get(b, "y") + alpha * c.get(b, "dy")
        dy = c.get(b, "dy")
        d = c.get(b, "d")
        for i in range(1, dim):
            mu = c.get(b, "mu", i - 1)
            dslip = mu * c.get(b, "dy", i)
            slip = mu * c.get(b, "y", i) + alpha * dslip
            if y + slip < 0.0:
                slope += d * (y + slip) * (dy + dslip)
                curvature += d * (dy + dslip) * (dy + dslip)
            if y - slip < 0.0:
                slope += d * (y - slip) * (dy - dslip)
                curvature += d * (dy - dslip) * (dy - dslip)
    elif kind == ELLIPTIC:
        found = elliptic_along(c, b, dim, alpha)
        slope = found[0]
        curvature = found[1]
    else:
        for i in range(dim):
            dy = c.get(b, "dy", i)
            y = c.get(b, "y", i) + alpha * dy
            d = c.get(b, "d", i)
            bound = c.get(b, "mu")
            if kind == BOUNDED and d * ti.abs(y) >= bound:
                slope += ti.select(y > 0.0, bound, -bound) * dy
            elif kind != UNILATERAL or y < 0.0:
                slope += d * y * dy
                curvature += d * dy * dy
    return ti.Vector([slope, curvature])


@ti.func
def elliptic_along(c: ti.template(), b: ti.i32, dim: ti.i32, alpha: ti.template()):
    """(slope, curvature) of the elliptic cost: with a = |mu y|^2, its derivatives a' and a'' make T' = a' / 2T."""
    dy = c.get(b, "dy")
    y = c.get(b, "y") + alpha * dy
    mu = c.get(b, "mu") * ti.sqrt(c.get(b, "d") / c.get(b, "d", 1))
    square = 0.0
    half = 0.0
    quarter = 0.0
    for i in range(1, dim):
        fr = c.get(b, "mu", i - 1)
        dx = fr * c.get(b, "dy", i)
        x = fr * c.get(b, "y", i) + alpha * dx
        square += x * x
        half += x * dx
        quarter += dx * dx
    t = ti.sqrt(square)
    slope = 0.0
    curvature = 0.0
    if y >= t:
        pass
    elif mu * mu * y + t <= 0.0:
        for i in range(dim):
            di = c.get(b, "d", i)
            dyi = c.get(b, "dy", i)
            slope += di * (c.get(b, "y", i) + alpha * dyi) * dyi
            curvature += di * dyi * dyi
    else:
        k = c.get(b, "d") / (1.0 + mu * mu)
        e = y - t
        rate = half / t  # T'; written with T alone: its square may underflow
        de = dy - rate
        slope = k * e * de
        curvature = k * (de * de - e * (quarter - rate * rate) / t)
    return ti.Vector([slope, curvature])


@ti.func
def law_adjoint(c: ti.template(), b: ti.i32):
    """Gradient of p . f(y; d, mu).

    Reads: p, y, d, mu, hess (of the same y)
    Writes: dy (H p, which is minus the gradient in y), d_bar, mu_bar
    """
    kind = c.integer(b, "kind")
    dim = c.integer(b, "dim")
    for i in range(dim):
        total = 0.0
        for j in range(dim):
            total += c.get(b, "hess", i * dim + j) * c.get(b, "p", j)
        c.set(b, "dy", total, i)
        c.set(b, "d_bar", 0.0, i)
    for i in range(5):
        c.set(b, "mu_bar", 0.0, i)
    if kind == PYRAMID:
        pyramid_adjoint(c, b, dim)
    elif kind == ELLIPTIC:
        elliptic_adjoint(c, b, dim)
    else:
        for i in range(dim):
            y = c.get(b, "y", i)
            if kind == DISTANT:
                pass
            elif c.get(b, "hess", i * dim + i) != 0.0:
                c.set(b, "d_bar", -y * c.get(b, "p", i), i)
            elif kind == BOUNDED:
                c.set(b, "mu_bar", ti.select(y > 0.0, -c.get(b, "p"), c.get(b, "p")))


@ti.func
def pyramid_adjoint(c: ti.template(), b: ti.i32, dim: ti.i32):
    y = c.get(b, "y")
    d = c.get(b, "d")
    p = c.get(b, "p")
    d_bar = 0.0
    for i in range(1, dim):
        mu = c.get(b, "mu", i - 1)
        yi = c.get(b, "y", i)
        pi = c.get(b, "p", i)
        plus = ti.min(y + mu * yi, 0.0)
        minus = ti.min(y - mu * yi, 0.0)
        d_bar -= plus * (p + mu * pi) + minus * (p - mu * pi)
        mu_bar = 0.0
        if plus < 0.0:
            mu_bar -= d * (yi * (p + mu * pi) + plus * pi)
        if minus < 0.0:
            mu_bar += d * (yi * (p - mu * pi) + minus * pi)
        c.set(b, "mu_bar", mu_bar, i - 1)
    c.set(b, "d_bar", d_bar)


@ti.func
def elliptic_adjoint(c: ti.template(), b: ti.i32, dim: ti.i32):
    y = c.get(b, "y")
    fr0 = c.get(b, "mu")
    ratio = c.get(b, "d") / c.get(b, "d", 1)
    square = fr0 * fr0 * ratio
    t = slip_norm(c, b, dim)
    if y >= t:
        pass
    elif square * y + t <= 0.0:
        for i in range(dim):
            c.set(b, "d_bar", -c.get(b, "y", i) * c.get(b, "p", i), i)
    else:
        e = y - t
        q = 0.0
        for i in range(1, dim):
            fr = c.get(b, "mu", i - 1)
            q += fr * fr * c.get(b, "y", i) * c.get(b, "p", i)
        along = c.get(b, "p") - q / t  # p . f = - k e along
        k_bar = -e * along
        k = c.get(b, "d") / (1.0 + square)
        for i in range(1, dim):
            fr = c.get(b, "mu", i - 1)
            yi = c.get(b, "y", i)
            slope = fr * yi * yi / t
            turn = -2.0 * fr * yi * c.get(b, "p", i) / t + q / t * (slope / t)
            c.set(b, "mu_bar", k * (slope * along - e * turn), i - 1)
        square_bar = -k_bar * k / (1.0 + square)
        c.block(b, "mu_bar").add(square_bar * 2.0 * fr0 * ratio)
        c.set(b, "d_bar", k_bar / (1.0 + square) + square_bar * square / c.get(b, "d"))
        c.set(b, "d_bar", -square_bar * square / c.get(b, "d", 1), 1)

"""How the materials of two geoms become the parameters of one contact, and back.

With equal priority: friction is the larger one, solref and solimp are averaged by `solmix` (stiffness form: the smaller), margins add up.
With different priority the one geom decides. An explicit contact pair brings its own.
Source: MuJoCo documentation, "Modeling: contact parameters".
"""

import taichi as ti

from genesis.math.lanes import let

LEAST_FRICTION = 1e-5  # keeps the friction cone from closing
TINY = 1e-15
FRICTION_OF = (0, 0, 1, 2, 2)  # which of (sliding, torsional, rolling) each friction row takes


def mixing(m, g1, g2):
    """Weight of the first geom."""
    a, b = m.get("geom_solmix", g1), m.get("geom_solmix", g2)
    both = let(ti.select(b < TINY, 1.0, a / (a + b)))
    return let(ti.select(a < TINY, ti.select(b < TINY, 0.5, 0.0), both))


@ti.func
def weight_of(m: ti.template(), g1: ti.i32, g2: ti.i32, prior: ti.i32):
    """Weight of the first geom in an average: all or nothing where a priority decides."""
    w = mixing(m, g1, g2)
    if prior == 1:
        w = 1.0
    elif prior == 2:
        w = 0.0
    return w


@ti.func
def averaged_reference(m: ti.template(), g1: ti.i32, g2: ti.i32, prior: ti.i32):
    """1: solref is a weighted average, 0: the smaller entries (stiffness form)."""
    return prior != 0 or (m.get("geom_solref", g1) > 0.0 and m.get("geom_solref", g2) > 0.0)


@ti.func
def contact_margin(m: ti.template(), cand: ti.i32):
    """Distance below which the contact acts."""
    pair = m.cand_explicit(cand)
    margin = 0.0
    if pair >= 0:
        margin = m.get("xpair_margin", pair)
    else:
        margin = m.get("geom_margin", m.cand_geom1(cand)) + m.get("geom_margin", m.cand_geom2(cand))
    return margin


@ti.func
def mix(m: ti.template(), cand: ti.i32, solref: ti.template(), solimp: ti.template(), friction: ti.template()):
    """Writes the cells: solref (2), solimp (5), friction (5)."""
    pair = m.cand_explicit(cand)
    if pair >= 0:
        for k in ti.static(range(2)):
            solref.set(m.cells("xpair_solref", pair).get(k), k)
        for k in ti.static(range(5)):
            solimp.set(m.cells("xpair_solimp", pair).get(k), k)
            friction.set(ti.max(m.cells("xpair_friction", pair).get(k), LEAST_FRICTION), k)
    else:
        g1 = m.cand_geom1(cand)
        g2 = m.cand_geom2(cand)
        prior = m.cand_prior(cand)
        w = weight_of(m, g1, g2, prior)
        average = averaged_reference(m, g1, g2, prior)
        for k in ti.static(range(2)):
            a = m.cells("geom_solref", g1).get(k)
            b = m.cells("geom_solref", g2).get(k)
            solref.set(ti.select(average, w * a + (1.0 - w) * b, ti.min(a, b)), k)
        for k in ti.static(range(5)):
            a = m.cells("geom_solimp", g1).get(k)
            b = m.cells("geom_solimp", g2).get(k)
            solimp.set(w * a + (1.0 - w) * b, k)
        for k in ti.static(range(5)):
            a = m.cells("geom_friction", g1).get(FRICTION_OF[k])
            b = m.cells("geom_friction", g2).get(FRICTION_OF[k])
            mu = ti.max(a, b)
            if prior == 1:
                mu = a
            elif prior == 2:
                mu = b
            friction.set(ti.max(mu, LEAST_FRICTION), k)


@ti.func
def mix_adjoint(
    m: ti.template(), bar: ti.template(), cand: ti.i32, solref_bar: ti.template(), solimp_bar: ti.template(),
    friction_bar: ti.template(), margin_bar: ti.template(),
):  # fmt: skip
    """Adds to the adjoints of the geoms' (or the explicit pair's) parameters; arguments as written by `mix`.

    Friction below the least one has the derivative from above, so that an optimiser that starts from zero sees where it leads.
    """
    pair = m.cand_explicit(cand)
    if pair >= 0:
        bar.add("xpair_margin", margin_bar, pair)
        for k in ti.static(range(2)):
            bar.add("xpair_solref", solref_bar.get(k), pair, k)
        for k in ti.static(range(5)):
            bar.add("xpair_solimp", solimp_bar.get(k), pair, k)
            bar.add("xpair_friction", friction_bar.get(k), pair, k)
    else:
        g1 = m.cand_geom1(cand)
        g2 = m.cand_geom2(cand)
        prior = m.cand_prior(cand)
        w = weight_of(m, g1, g2, prior)
        average = averaged_reference(m, g1, g2, prior)
        bar.add("geom_margin", margin_bar, g1)
        bar.add("geom_margin", margin_bar, g2)
        w_bar = 0.0
        for k in ti.static(range(2)):
            a = m.cells("geom_solref", g1).get(k)
            b = m.cells("geom_solref", g2).get(k)
            share = w
            if not average:
                share = ti.select(a <= b, 1.0, 0.0)
            else:
                w_bar += solref_bar.get(k) * (a - b)
            bar.add("geom_solref", share * solref_bar.get(k), g1, k)
            bar.add("geom_solref", (1.0 - share) * solref_bar.get(k), g2, k)
        for k in ti.static(range(5)):
            a = m.cells("geom_solimp", g1).get(k)
            b = m.cells("geom_solimp", g2).get(k)
            w_bar += solimp_bar.get(k) * (a - b)
            bar.add("geom_solimp", w * solimp_bar.get(k), g1, k)
            bar.add("geom_solimp", (1.0 - w) * solimp_bar.get(k), g2, k)
        for k in ti.static(range(5)):
            a = m.cells("geom_friction", g1).get(FRICTION_OF[k])
            b = m.cells("geom_friction", g2).get(FRICTION_OF[k])
            first = prior == 1 or (prior == 0 and a >= b)
            bar.add("geom_friction", friction_bar.get(k), ti.select(first, g1, g2), FRICTION_OF[k])
        if prior == 0:
            s1 = m.get("geom_solmix", g1)
            s2 = m.get("geom_solmix", g2)
            if s1 >= TINY and s2 >= TINY:
                total = (s1 + s2) * (s1 + s2)
                bar.add("geom_solmix", w_bar * s2 / total, g1)
                bar.add("geom_solmix", -w_bar * s1 / total, g2)


@ti.func
def graze(m: ti.template(), cand: ti.i32, solref: ti.template()):
    """Writes the cells (2) of the reference of friction rows: an explicit pair may have one, zeros stand for none."""
    pair = m.cand_explicit(cand)
    for k in ti.static(range(2)):
        solref.set(0.0, k)
        if pair >= 0:
            solref.set(m.cells("xpair_solreffriction", pair).get(k), k)


@ti.func
def grazing_adjoint(m: ti.template(), bar: ti.template(), cand: ti.i32, solref_bar: ti.template()):
    pair = m.cand_explicit(cand)
    if pair >= 0:
        for k in ti.static(range(2)):
            bar.add("xpair_solreffriction", solref_bar.get(k), pair, k)

"""Capsule against box: a sphere at the point of the segment nearest to the box, and one further along. As MuJoCo.

Everything happens in the box's frame: c(t) = x + t h with x the capsule's centre, h its half axis, t in [-1, 1]. Where the two
spheres sit is one of few smooth functions of (x, h, size), listed at `parameter`; the contact is that of sphere and box.
"""

import taichi as ti

from genesis.math.lanes import assign, let, maximum, minimum, where
from genesis.math.rotation import Vec3
from genesis.pairs.precision import tolerance
from genesis.pairs.solid import Pair, balance, vec
from genesis.pairs.sphere_box import ball_box, ball_box_adjoint, box_signs

# code of t for the first sphere: 0, 1 the ends -1, +1; 2 + corner: nearest to that corner of the box; 10 + 8 axis + corner: to that edge
# code of t for the second: 0 it is the first; 1, 2 the ends; 3 + 2 axis + side: where the segment crosses the plane of that side;
# 9 + 2 axis + up: 2 size / |h| along that axis from the first, backwards or forwards
CORNER, EDGE, CROSSING, OFFSET = 2, 10, 3, 9
PARALLEL = 1e-12, 1e-6  # slope against the steepest below which a segment does not leave a side


def pick(v: Vec3, k):
    """Component k, known at run time."""
    return where(k == 0, v.x, where(k == 1, v.y, v.z))


def unit(k) -> Vec3:
    """Axis k, known at run time."""
    return Vec3(*(where(k == i, 1.0, 0.0) for i in range(3)))


def corner_signs(corner) -> Vec3:
    return Vec3(*(where((corner & (1 << i)) != 0, 1.0, -1.0) for i in range(3)))


def times(a: Vec3, b: Vec3) -> Vec3:
    """Component by component."""
    return Vec3.of(a.x * b.x, a.y * b.y, a.z * b.z)


@ti.func
def nearest_end(x: ti.template(), h: ti.template(), size: ti.template(), best: ti.template(), face: ti.template()):
    """The end of the segment that is nearest to a face (or inside): code -1 (none), 0, 1; leaves its squared distance and face."""
    code = -1
    for k in range(2):
        c = x + h * (2.0 * k - 1.0)
        excess = Vec3.of(
            maximum(ti.abs(c.x) - size.x, 0.0), maximum(ti.abs(c.y) - size.y, 0.0), maximum(ti.abs(c.z) - size.z, 0.0)
        )
        beyond_x, beyond_y, beyond_z = ti.abs(c.x) > size.x, ti.abs(c.y) > size.y, ti.abs(c.z) > size.z
        count = where(beyond_x, 1, 0) + where(beyond_y, 1, 0) + where(beyond_z, 1, 0)
        distance = excess.dot(excess)
        if count <= 1 and distance < best:
            assign(best, distance)
            code = k
            assign(face, where(beyond_x, 0, where(beyond_y, 1, where(beyond_z, 2, -1))))
    return code


@ti.func
def nearest_edge(x: ti.template(), h: ti.template(), size: ti.template(), best: ti.template()):
    """Among the twelve edges, one nearer to the segment than ``best``: (axis or -1, corner, state on the edge, t, end of t).

    The corner is the lower end of the edge, or the upper one if that is nearest; state on the edge: 0, 2 an end, 1 between.
    """
    axis, corner, state, t, end = -1, 0, 1, let(0.0), 0
    mc = h.dot(h)
    for k in range(12):
        j = k // 4
        low = (k % 4) & ((1 << j) - 1)
        i = low | (((k % 4) >> j) << (j + 1))
        along = pick(size, j)
        d = times(corner_signs(i), size) + unit(j) * along - x
        ma, mb = let(along * along), let(0.0 - along * pick(h, j))
        u, v = let(0.0 - along * pick(d, j)), h.dot(d)
        aside = h - unit(j) * pick(h, j)  # what makes the two lines not parallel; written with ma, mb, mc it cancels
        steep = aside.dot(aside)
        if ma * steep >= 1e-15 and steep > tolerance(*PARALLEL) ** 2 * mc:
            x2, s1, s2 = let(aside.dot(d) / steep), 1, 0
            x1 = let((pick(h, j) * x2 - pick(d, j)) / along)
            if ti.abs(x1) > 1.0:
                x1 = where(x1 > 0.0, 1.0, -1.0)
                s1 = where(x1 > 0.0, 2, 0)
                x2 = (v - mb * x1) / mc
            if ti.abs(x2) > 1.0:
                s2 = where(x2 > 0.0, 1, -1)
                x2 = 1.0 * s2
                free = let((u - mb * x2) / ma)
                x1 = maximum(minimum(free, 1.0), -1.0)
                s1 = where(free > 1.0, 2, where(free < -1.0, 0, s1))
            gap = d - h * x2 + unit(j) * (along * x1)
            distance = gap.dot(gap)
            if distance < best - 1e-15:
                assign(best, distance)
                axis, state, t, end = j, s1, x2, s2
                corner = i | where(s1 == 2, 1 << j, 0)
    return axis, corner, state, t, end


@ti.func
def inward(h: ti.template(), corner: ti.i32, axis: ti.i32):
    """Bits of the directions, ``axis`` left out, in which h leads from a corner into the box.

    A segment parallel to a side keeps its distance from it: then the side counts as left where the box is entered, and the other way about,
    as it is with the least tilt that makes the corner or edge the nearest.
    """
    steepest, lead, found = let(0.0), 0, 0
    for k in range(3):
        if k != axis and ti.abs(pick(h, k)) > steepest:
            steepest = ti.abs(pick(h, k))
            lead = where(pick(h, k) > 0.0, 1, 0) ^ ((corner >> k) & 1)
    for k in range(3):
        if k != axis:
            enters = where(pick(h, k) > 0.0, 1, 0) ^ ((corner >> k) & 1)
            if ti.abs(pick(h, k)) <= tolerance(*PARALLEL) * steepest:
                enters = 1 - lead
            found |= enters << k
    return found


@ti.func
def second_from_corner(h: ti.template(), size: ti.template(), corner: ti.i32, t: ti.template()):
    """Code of the second sphere when a corner is nearest: along an edge, along a face, or none."""
    code = 0
    c = inward(h, corner, -1)
    if c != 0 and c != 7:
        up = c == 1 or c == 2 or c == 4
        axis = c
        if not up:
            axis = 7 - c
        axis = axis >> 1  # 1, 2, 4 -> 0, 1, 2
        forward = up
        along = pick(h, axis)
        if along * along <= 0.5 * h.dot(h):
            forward = not up
        room = where(forward, 1.0 - t, 1.0 + t)
        code = where(forward, 2, 1)
        for k in range(3):
            if (k == axis) == (up == forward):
                step = 2.0 * pick(size, k) / ti.abs(pick(h, k))
                if step < room:
                    room = step
                    code = OFFSET + 2 * k + where(forward, 1, 0)
    return code


@ti.func
def second_from_edge(x: ti.template(), h: ti.template(), size: ti.template(), axis: ti.i32, corner: ti.i32, t: ti.template()):
    """Code of the second sphere when the inside of an edge is nearest: across the face that is less steep for the segment."""
    code = 0
    c = inward(h, corner, axis)
    if c == 1 or c == 2 or c == 4:
        first, second = (axis + 1) % 3, (axis + 2) % 3
        if ti.abs(pick(h, first)) <= ti.abs(pick(h, second)):
            first = second
        forward = (c & (1 << first)) != 0  # `first`: the steeper of the two, MuJoCo's ax2
        room = where(forward, 1.0 - t, 1.0 + t)
        code = where(forward, 2, 1)
        step = 2.0 * pick(size, first) / ti.abs(pick(h, first))
        if step < room:
            room = step
            code = OFFSET + 2 * first + where(forward, 1, 0)
        upwards = forward == (pick(h, axis) > 0.0)
        place = pick(x, axis) + t * pick(h, axis)
        step = (pick(size, axis) - where(upwards, place, 0.0 - place)) / ti.abs(pick(h, axis))
        if step < room:
            code = CROSSING + 2 * axis + where(upwards, 1, 0)
    return code


@ti.func
def second_from_face(x: ti.template(), h: ti.template(), size: ti.template(), end: ti.i32, face: ti.i32):
    """Code of the second sphere when an end above a face is nearest: the far end, or where the segment leaves the face."""
    start = 2.0 * end - 1.0
    code, room = 2 - end, let(2.0)
    for k in range(6):
        if k // 2 != face:
            crossing = ((2.0 * (k % 2) - 1.0) * pick(size, k // 2) - pick(x, k // 2)) / pick(h, k // 2)
            step = (start - crossing) * start
            if step > 0.0 and step < room:
                room = step
                code = CROSSING + k
    return code


@ti.func
def parameter(x: ti.template(), h: ti.template(), size: ti.template(), first: ti.i32, second: ti.i32):
    """t of the first and of the second sphere from their codes."""
    t1 = let(2.0 * first - 1.0)
    if first >= CORNER:
        mask, signs = nearest_features(first)
        t1 = h.dot(times(mask, times(signs, size) - x)) / h.dot(times(mask, h))
    t = let(t1)
    if second == 1 or second == 2:
        t = 2.0 * second - 3.0
    elif second >= OFFSET:
        k = (second - OFFSET) // 2
        t = t1 + (2.0 * ((second - OFFSET) % 2) - 1.0) * 2.0 * pick(size, k) / ti.abs(pick(h, k))
    elif second >= CROSSING:
        k = (second - CROSSING) // 2
        t = ((2.0 * ((second - CROSSING) % 2) - 1.0) * pick(size, k) - pick(x, k)) / pick(h, k)
    return t1, t


def nearest_features(first) -> tuple:
    """Of a corner or edge: which coordinates count for the nearest point of the segment, and the signs of the corner."""
    code = let(ti.max(first - EDGE, 0))
    is_edge = first >= EDGE
    axis = where(is_edge, code // 8, -1)
    mask = Vec3(*(where(axis == i, 0.0, 1.0) for i in range(3)))
    return mask, corner_signs(let(ti.select(is_edge, code % 8, first - CORNER)))


@ti.func
def find(m: ti.template(), a: ti.template(), b: ti.template(), reach: ti.template(), out: ti.template()):
    """Tag 0: deciding sides of the box, (x + 1) + 3 (y + 1) + 9 (z + 1); tags 1, 2: codes of the first and second sphere."""
    x, h = b.to_local(a.p), b.turned_back(a.r.column(2)) * a.size.y
    best, face = let(1e30), let(-1)
    first = nearest_end(x, h, b.size, best, face)
    axis, corner, state, t, end = nearest_edge(x, h, b.size, best)
    second = 0
    if axis >= 0:
        if state == 1:
            first = EDGE + 8 * axis + corner
            second = second_from_edge(x, h, b.size, axis, corner, t)
        else:
            first = CORNER + corner
            second = second_from_corner(h, b.size, corner, t)
        if end != 0:
            first = where(end > 0, 1, 0)
    elif first >= 0 and face >= 0:
        second = second_from_face(x, h, b.size, first, face)
    count = 0
    if first >= 0:
        count = 1 + where(second != 0, 1, 0)
    for k in range(count):
        _, place = parameter(x, h, b.size, first, k * second)
        c = x + h * place
        sx, sy, sz = box_signs(c, b.size)
        p, n, dist = ball_box(b, c, a.size.x, Vec3(sx, sy, sz))
        if dist < reach:
            out.add(p, n, dist, vec(), sx + 1.0 + 3.0 * (sy + 1.0) + 9.0 * (sz + 1.0), first, k * second, 0)


@ti.func
def parameter_adjoint(
    x: ti.template(), h: ti.template(), size: ti.template(), first: ti.i32, second: ti.i32, t_bar: ti.template(),
    x_bar: ti.template(), h_bar: ti.template(), size_bar: ti.template(),
):  # fmt: skip
    """Adds to the bars of x, h, size."""
    t1, t = parameter(x, h, size, first, second)
    t1_bar = let(t_bar)
    if second == 1 or second == 2:
        t1_bar = 0.0
    elif second >= OFFSET:
        e = unit((second - OFFSET) // 2)
        inverse = 1.0 / h.dot(e)
        rate = let(2.0 * t_bar * (2.0 * ((second - OFFSET) % 2) - 1.0) * ti.abs(inverse))
        size_bar.assign(size_bar + e * rate)
        h_bar.assign(h_bar - e * (rate * size.dot(e) * inverse))
    elif second >= CROSSING:
        t1_bar = 0.0
        e = unit((second - CROSSING) // 2)
        rate = let(t_bar / h.dot(e))
        size_bar.assign(size_bar + e * (rate * (2.0 * ((second - CROSSING) % 2) - 1.0)))
        x_bar.assign(x_bar - e * rate)
        h_bar.assign(h_bar - e * (rate * t))
    if first >= CORNER:
        mask, signs = nearest_features(first)
        part = times(mask, h)
        rate = let(t1_bar / h.dot(part))
        h_bar.assign(h_bar + (times(mask, times(signs, size) - x) - part * (2.0 * t1)) * rate)
        x_bar.assign(x_bar - part * rate)
        size_bar.assign(size_bar + times(signs, part) * rate)


@ti.func
def find_adjoint(
    m: ti.template(),
    a: ti.template(),
    b: ti.template(),
    contact: ti.template(),
    bars: ti.template(),
    a_bar: ti.template(),
    b_bar: ti.template(),
):
    code, first, second = ti.cast(contact.tag(0), ti.i32), ti.cast(contact.tag(1), ti.i32), ti.cast(contact.tag(2), ti.i32)
    sign = Vec3.of(1.0 * (code % 3) - 1.0, 1.0 * (code // 3 % 3) - 1.0, 1.0 * (code // 9) - 1.0)
    x, axis = b.to_local(a.p), b.turned_back(a.r.column(2))
    h = axis * a.size.y
    _, t = parameter(x, h, b.size, first, second)
    c = x + h * t
    p, n, _ = ball_box(b, c, a.size.x, sign)
    c_bar, box_bar, radius_bar = ball_box_adjoint(b, c, a.size.x, sign, bars)
    x_bar, h_bar, size_bar = c_bar * 1.0, c_bar * t, box_bar * 1.0
    parameter_adjoint(x, h, b.size, first, second, h.dot(c_bar), x_bar, h_bar, size_bar)
    balance(a_bar, b_bar, p, n, bars, b.turned(x_bar), a.r.column(2).cross(b.turned(h_bar * a.size.y)))
    a_bar.add_size(Vec3.of(radius_bar, axis.dot(h_bar), 0.0))
    b_bar.add_size(size_bar)


PAIR = Pair("capsule-box", 2, find, find_adjoint)

"""What a kernel sees of one environment block at trace time: the robot (structure and parameters) and its scratch memory.

Both are thin views with names; every access is one load or store.
"""

from collections.abc import Mapping

from genesis.math.lanes import Cells, cells_of_lane, let, load
from genesis.model.layout import HEADER_INDEX, INTEGER_PLACE, INTEGERS, PARAMETER, SIZES

FIELDS = (  # name, one row per, lane scalars a row
    ("pose", "nslot", 19),  # position 3, quaternion 4, rotation matrix 9, reference point of the tree 3; slot 0 is the world
    ("velocity", "nslot", 6),
    ("acceleration", "nslot", 6),  # minus gravity included
    ("inertia", "nslot", 10),  # of the link; of the subtree once `composite` has run
    ("link_inertia", "nslot", 10),  # of the link alone, kept for the adjoint
    ("force", "nslot", 6),
    ("wrench", "nlink", 6),  # force, torque on the link at its origin, world axes
    ("probe", "nslot", 6),  # motion of the link under the adjoint acceleration w
    ("acceleration_bar", "nslot", 6),
    ("velocity_bar", "nslot", 6),
    ("placement_bar", "nslot", 6),
    ("lift", "nslot", 6),  # motion of the link under the acceleration alone, J a; kept where constraints are simulated
    ("lift_bar", "nslot", 6),
    ("contact_force", "nslot", 6),  # minus the constraint forces on the link, in reverse
    ("second_probe", "nslot", 6),  # the two motions whose inertial product damping leaves over, see constraints/damped.py
    ("second_lift", "nslot", 6),
    ("second_probe_bar", "nslot", 6),
    ("second_lift_bar", "nslot", 6),
    ("axis", "naxis", 6),
    ("mass", "nM", 1),
    ("mass_matrix", "nM", 1),  # the mass matrix, which `mass` loses to its factors
    ("inverse_pivot", "nv", 1),
    ("q", "nq", 1),
    ("v", "nv", 1),
    ("a", "nv", 1),
    ("warm", "nv", 1),  # where the constraint solver starts: the acceleration of the step before
    ("a_seen", "nv", 1),  # the acceleration that constraints see; `a`, but for damping that acts after them
    ("w_seen", "nv", 1),  # the part of w that goes with it there
    ("a_sum", "nv", 1),
    ("tau", "nv", 1),
    ("command", "nv", 1),
    ("control", "nu", 1),
    ("drive", "nv", 1),  # commanded joint force before its bounds
    ("active", "nv", 1),  # 1: the commanded joint force is inside its bounds, 0: saturated
    ("command_bar", "nv", 1),
    ("control_bar", "nu", 1),
    ("wrench_bar", "nlink", 6),
    ("w", "nv", 1),
    ("q_bar", "nv", 1),  # tangent
    ("v_bar", "nv", 1),
    ("a_bar", "nv", 1),
    ("q_next_bar", "nv", 1),
    ("v_next_bar", "nv", 1),
    ("step_velocity", "nv", 1),
    ("step_velocity_bar", "nv", 1),
    ("coordinate", "nslot", 4),
    ("q_start", "nq", 1),
    ("v_start", "nv", 1),
    ("rate", "nv", 1),  # rate of the displacement from the start of the step; the velocity, but for quaternions
    ("stage_velocity", "nv4", 1),
    ("stage_rate", "nv4", 1),
    ("stage_rate_bar", "nv4", 1),
    ("stage_acceleration_bar", "nv4", 1),
    ("q_start_bar", "nv", 1),
    ("v_start_bar", "nv", 1),
)


SLOT = {name: sum(w for n, c, w in FIELDS[:i] if c == "nslot") for i, (name, c, _) in enumerate(FIELDS) if c == "nslot"}
SLOT_WIDTH = sum(
    width for _, count, width in FIELDS if count == "nslot"
)  # all fields of a slot stand together: one address for them


def _rows(count: str, sizes: Mapping):
    return 4 * sizes["nv"] if count == "nv4" else sizes[count]


def scratch_size(sizes: Mapping[str, int]) -> int:
    """Lane scalars of scratch that one environment block needs."""
    others = sum(_rows(count, sizes) * width for _, count, width in FIELDS if count != "nslot")
    return (sizes["nlink"] + 1) * SLOT_WIDTH + others


class Robot:
    """Structure and parameters of the model: ``n_*`` sizes, one method per integer array, `cells` for parameters."""

    _data_oriented = True

    def __init__(self, integers, parameters, offset, lanes: int) -> None:
        self.integers, self.lanes = integers, lanes
        self.zero = let(load(integers, len(HEADER_INDEX)))
        self.header = {name: load(integers, k) for name, k in HEADER_INDEX.items()}
        self.sizes = {name: self.header[name] for name in SIZES}
        self.parameters = Cells(parameters, let(offset))

    def of_lane(self, k) -> "Robot":
        """The robot of the environment in lane ``k``, whose parameters are plain numbers."""
        if self.lanes == 1:
            return self
        one = object.__new__(Robot)
        one.integers, one.zero, one.header, one.sizes, one.lanes = self.integers, self.zero, self.header, self.sizes, 1
        one.parameters = cells_of_lane(self.parameters, k, self.lanes)
        return one

    def opaque(self, offset):
        """The same offset, hidden from LLVM's analysis of induction variables, which otherwise takes most of the compile time."""
        return let((offset ^ self.zero) & 0x0FFFFFFF)

    def size(self, name: str):
        return self.header[name]

    def integer(self, name: str, k):
        count, column, width = INTEGER_PLACE[name]
        return load(self.integers, self.opaque(self.header["adr_" + count] + k * width) + column)

    def cells(self, name: str, row=0) -> Cells:
        """The parameter ``name`` of row ``row`` (link, joint, degree of freedom, ...)."""
        return self.parameters.at(self.opaque(self.header["par_" + name] + row * PARAMETER[name].width))

    def get(self, name: str, row=0):
        return self.cells(name, row).get()


for _name, _ in INTEGERS:  # robot.link_parent(l) reads better than robot.integer("link_parent", l)
    setattr(Robot, _name, lambda self, k, _name=_name: self.integer(_name, k))


class ParameterBar:
    """Adjoints of the parameters of one environment block, or nothing when nobody asked."""

    _data_oriented = True

    def __init__(self, robot: Robot, array, offset) -> None:
        self.robot, self.array_cells = robot, Cells(array, let(offset))

    def cells(self, name: str, row=0) -> Cells:
        return self.array_cells.at(self.robot.opaque(self.robot.header["par_" + name] + row * PARAMETER[name].width))

    def add(self, name: str, value, row=0, k=0) -> None:
        self.cells(name, row).add(value, k)

    def of_lane(self, k) -> "ParameterBar":
        one = object.__new__(ParameterBar)
        one.robot, one.array_cells = self.robot, cells_of_lane(self.array_cells, k, self.robot.lanes)
        return one


class Scratch:
    """Scratch memory of one environment block: ``scratch.row("pose", slot)``."""

    _data_oriented = True
    WIDTH = {name: width for name, _, width in FIELDS}

    def __init__(self, robot: Robot, array, offset) -> None:
        self.robot, self.array, self.offset, self.k = robot, array, {}, None
        self.slots = let(offset)
        offset = self.slots + (robot.sizes["nlink"] + 1) * SLOT_WIDTH
        for name, count, width in FIELDS:
            if count != "nslot":
                self.offset[name] = offset = let(offset)
                offset = offset + _rows(count, robot.sizes) * width

    def of_lane(self, k) -> "Scratch":
        """Scratch of the environment in lane ``k``, as plain numbers."""
        if self.robot.lanes == 1:
            return self
        one = object.__new__(Scratch)
        one.robot, one.array, one.offset, one.slots, one.k = self.robot, self.array, self.offset, self.slots, k
        return one

    def row(self, name: str, k=0) -> Cells:
        if name in SLOT:
            cells = Cells(self.array, self.robot.opaque(self.slots + k * SLOT_WIDTH) + SLOT[name])
        else:
            cells = Cells(self.array, self.robot.opaque(self.offset[name] + k * self.WIDTH[name]))
        return cells if self.k is None else cells_of_lane(cells, self.k, self.robot.lanes)

    def get(self, name: str, k=0):
        return self.row(name, k).get()

    def set(self, name: str, value, k=0) -> None:
        self.row(name, k).set(value)

    def add(self, name: str, value, k=0) -> None:
        self.row(name, k).add(value)

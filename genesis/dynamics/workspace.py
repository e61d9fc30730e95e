"""What a kernel sees of one environment block at trace time: the robot (structure and parameters) and its scratch memory.

Both are thin views with names; every access is one load or store.
"""

from collections.abc import Mapping, Sequence

from genesis.math.lanes import Cells, cells_of_lane, let, load, local_array
from genesis.model.layout import HEADER_INDEX, INTEGER_PLACE, INTEGERS, PARAMETER, SIZES

TAPED = ("link_inertia", "axis", "mass", "inverse_pivot", "active")  # what a row of a tape holds, see `Scratch`
FIELDS = (  # name, one row per, lane scalars a row
    ("pose", "nslot", 19),  # position 3, quaternion 4, rotation matrix 9, reference point of the tree 3; slot 0 is the world
    ("velocity", "nslot", 6),
    ("acceleration", "nslot", 6),  # minus gravity included
    ("inertia", "nslot", 10),  # of the link; of the subtree once `composite` has run
    ("link_inertia", "nslot", 10),  # of the link alone, kept for the adjoint
    ("force", "nslot", 6),  # of the link, in reverse minus those of the constraints on it; of the subtree once it has been summed
    ("wrench", "nlink", 6),  # force, torque on the link at its origin, world axes
    ("motion_w", "nslot", 6),  # motion of the link under the adjoint acceleration w
    ("acceleration_bar", "nslot", 6),
    ("velocity_bar", "nslot", 6),
    ("placement_bar", "nslot", 6),
    ("motion_a", "nslot", 6),  # motion of the link under the acceleration alone, J a; kept where constraints are simulated
    ("motion_a_bar", "nslot", 6),
    ("motion_w_seen", "nslot", 6),  # the two motions whose inertial product damping leaves over, see constraints/damped.py
    ("motion_a_rest", "nslot", 6),
    ("motion_w_seen_bar", "nslot", 6),
    ("motion_a_rest_bar", "nslot", 6),
    ("axis", "naxis", 6),
    ("turn", "njnt", 4),  # quaternion by which a joint turns
    ("end", "one", 1),  # sum of the state at the end of a rollout, or of the adjoints that come out of it: finite if those are
    ("mass", "nM", 1),
    ("mass_matrix", "nM", 1),  # the mass matrix, which `mass` loses to its factors
    ("inverse_pivot", "nv", 1),
    ("q", "nq", 1),
    ("v", "nv", 1),
    ("a", "nv", 1),
    ("warm", "nv", 1),  # where the constraint solver starts: the acceleration of the step before
    ("a_seen", "nv", 1),  # the acceleration that constraints see; `a`, but for damping and Coriolis forces that act after them
    ("w_seen", "nv", 1),  # the part of w that goes with it there
    ("a_sum", "nv", 1),
    ("tau", "nv", 1),
    ("dof_ctrl", "nv", 1),
    ("act_ctrl", "nu", 1),
    ("ctrl_force", "nv", 1),  # commanded joint force before its bounds
    ("active", "nv", 1),  # 1: the commanded joint force is inside its bounds, 0: saturated
    ("dof_ctrl_bar", "nv", 1),
    ("act_ctrl_bar", "nu", 1),
    ("wrench_bar", "nlink", 6),
    ("w", "nv", 1),
    ("q_bar", "nv", 1),  # tangent
    ("v_bar", "nv", 1),
    ("a_bar", "nv", 1),
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
IMPLICIT_FIELDS = (  # what implicit integrators have besides
    ("act_active", "nu", 1),  # 1: the velocity feedback of an actuator acts at the end of the step, see actuator_damping.py
    ("velocity_force", "nlink", 18),  # force on the link's subtree per turn and velocity, three spatial vectors, see coriolis.py
    ("axis_rate", "naxis", 6),  # change of acceleration per velocity of a motion axis where it begins
    ("coriolis", "nM", 1),  # derivative of Coriolis and centrifugal forces: rows of descendants
    ("coriolis_upper", "nM", 1),  # and their columns, rows of ancestors
    ("upper", "nM", 1),  # those columns of the matrix that is solved with; its rows are in `mass`
    ("seen_rate", "nv", 1),  # dt a in the adjoint
)


class Layout:
    """Where fields lie in a run of memory: those of a slot together, so that one address serves them, then the others.

    slot: offset in a slot by name; others: the fields that are no slot's.
    """

    def __init__(self, fields: Sequence[tuple[str, str, int]]) -> None:
        self.slot, self.slot_width = {}, 0
        for name, count, width in fields:
            if count == "nslot":
                self.slot[name] = self.slot_width
                self.slot_width += width
        self.others = tuple(field for field in fields if field[1] != "nslot")

    def size(self, sizes: Mapping[str, int]) -> int:
        """Lane scalars for a model."""
        return self.place("", sizes)

    def place(self, name: str, sizes: Mapping[str, int]) -> int:
        """Where a field begins that is no slot's; the end of all where there is none of that name."""
        offset = (sizes["nlink"] + 1) * self.slot_width
        for other, count, width in self.others:
            if other == name:
                break
            offset += _rows(count, sizes) * width
        return offset


ALL = Layout(FIELDS)
IMPLICIT = Layout((*FIELDS, *IMPLICIT_FIELDS))
TAPE = Layout([field for field in FIELDS if field[0] in TAPED])


def _rows(count: str, sizes: Mapping):
    return 1 if count == "one" else 4 * sizes["nv"] if count == "nv4" else sizes[count]


def scratch_size(sizes: Mapping[str, int], layout: Layout = ALL) -> int:
    """Lane scalars of scratch that one environment block needs."""
    return layout.size(sizes)


def tape_width(sizes: Mapping[str, int]) -> int:
    """Numbers that a tape keeps of one evaluation of the dynamics of one environment."""
    return TAPE.size(sizes)


MASK = 0x0FFFFFFF  # of every offset


class Robot:
    """Structure and parameters of the model: ``n_*`` sizes, one method per integer array, `cells` for parameters."""

    _data_oriented = True

    def __init__(self, integers, parameters, offset, lanes: int) -> None:
        self.integers, self.lanes = integers, lanes
        self.mask = let((load(integers, len(HEADER_INDEX)) ^ MASK) & MASK)  # the and tells LLVM that offsets are not negative
        self.header = {name: load(integers, k) for name, k in HEADER_INDEX.items()}
        self.sizes = {name: self.header[name] for name in SIZES}
        self.parameters = Cells(parameters, let(offset))

    def of_lane(self, k) -> "Robot":
        """The robot of the environment in lane ``k``, whose parameters are plain numbers."""
        if self.lanes == 1:
            return self
        one = object.__new__(Robot)
        one.integers, one.mask, one.header, one.sizes, one.lanes = self.integers, self.mask, self.header, self.sizes, 1
        one.parameters = cells_of_lane(self.parameters, k, self.lanes)
        return one

    def opaque(self, offset):
        """The same offset, hidden from LLVM's analysis of induction variables, which otherwise takes most of the compile time."""
        return let(offset & self.mask)

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


class Region:
    """Fields of a `Layout` in an array from an offset on: addresses of rows."""

    _data_oriented = True
    WIDTH = {name: width for name, _, width in (*FIELDS, *IMPLICIT_FIELDS)}

    def __init__(self, robot: Robot, layout: Layout, array, offset) -> None:
        self.robot, self.layout, self.array, self.offset = robot, layout, array, {}
        self.slots = let(offset)
        offset = self.slots + (robot.sizes["nlink"] + 1) * layout.slot_width
        for name, count, width in layout.others:
            self.offset[name] = offset = let(offset)
            offset = offset + _rows(count, robot.sizes) * width

    def row(self, name: str, k) -> Cells:
        layout, opaque = self.layout, self.robot.opaque
        if name in layout.slot:
            return Cells(self.array, opaque(self.slots + k * layout.slot_width) + layout.slot[name])
        return Cells(self.array, opaque(self.offset[name] + k * self.WIDTH[name]))


class Scratch:
    """Scratch memory of one environment block: ``scratch.row("pose", slot)``.

    ``taped``: a single environment whose dynamics may be kept on a tape, for the adjoint to find them again: the fields in `TAPED`, which is
    all that it needs without wrenches and adjoints of the parameters. They are copied there (`tape_row`), and the adjoint reads them from
    there (`on_tape`). ``near``: all but ``end`` lies in so many numbers on the stack instead, 0: in the array. ``layout``: which fields.
    """

    _data_oriented = True

    def __init__(self, robot: Robot, array, offset, taped: bool = False, near: int = 0, layout: Layout = ALL) -> None:
        self.robot, self.tape, self.k, self.taped = robot, None, None, taped
        self.array, self.begin = array, offset
        if near:
            self.main = Region(robot, layout, local_array(near, robot.parameters.get()), 0)
        else:
            self.main = Region(robot, layout, array, offset)

    def _with(self, tape, k) -> "Scratch":
        one = object.__new__(Scratch)
        one.robot, one.main, one.tape, one.k, one.taped = self.robot, self.main, tape, k, self.taped
        return one

    def of_lane(self, k) -> "Scratch":
        """Scratch of the environment in lane ``k``, as plain numbers."""
        return self if self.robot.lanes == 1 else self._with(self.tape, k)

    def tape_row(self, tape, offset) -> Region:
        """The row at ``offset`` of a tape."""
        return Region(self.robot, TAPE, tape, offset)

    def on_tape(self, tape, offset) -> "Scratch":
        """Scratch whose fields in `TAPED` lie in the row at ``offset`` of a tape."""
        return self._with(self.tape_row(tape, offset), self.k) if self.taped else self

    def set_end(self, value) -> None:
        """Where it can be read when the kernel is over."""
        Region(self.robot, ALL, self.array, self.begin).row("end", 0).set(value)

    def row(self, name: str, k=0) -> Cells:
        cells = (self.tape if self.tape is not None and name in TAPED else self.main).row(name, k)
        return cells if self.k is None else cells_of_lane(cells, self.k, self.robot.lanes)

    def get(self, name: str, k=0):
        return self.row(name, k).get()

    def set(self, name: str, value, k=0) -> None:
        self.row(name, k).set(value)

    def add(self, name: str, value, k=0) -> None:
        self.row(name, k).add(value)

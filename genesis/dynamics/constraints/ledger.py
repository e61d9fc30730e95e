"""Memory of the constraints of one environment: world poses of its geoms, and blocks of constraint rows; float64 in every precision.

Stiff rows make small differences of large numbers: in float32 forces would be a per cent out of balance.

A block is one contact, limit, dry friction or equality: up to six rows that share the impedance, and one list of degrees of freedom.
"""

import taichi as ti

from genesis.math.lanes import Cells, let
from genesis.pairs.solid import SCRATCH

LARGEST = 6  # rows of a block

STATUS = (  # what a launch reports of every environment
    "contacts",  # in the last step
    "iterations",  # of the Newton method, summed over all steps
    "residual",  # largest one that was left, relative; infinite where a force or acceleration was not finite
    "depth",  # of the deepest contact in the first step [m]
    "deepest",  # its candidate pair
    "fault",  # 1 + the kind (`SOURCES`) of the first constraint that was not finite in a finite state, 0: none; see `faults.forgive`
    "fault_index",  # which one
    "overflow",  # largest number of contacts that did not fit; this and the next two stay until the report is read
    "unconverged",  # solves that stopped before the tolerance
    "first_step",  # the first time step with an overflow or without convergence, counted from 1
)
ALARMS = ("overflow", "unconverged", "first_step")
LASTING = (*ALARMS, "fault", "fault_index")

BLOCK_FIELDS = (  # name, width
    ("kind", 1),  # of the force law, see laws.py
    ("source", 1),  # kind of constraint it came from, see SOURCES
    ("index", 1),  # which limit, degree of freedom, equality or candidate pair
    ("dim", 1),
    ("dof_adr", 1),  # first entry of the list of its degrees of freedom
    ("dof_num", 1),
    ("tree", 1),  # 1: its degrees of freedom lie on one path of the mass matrix
    ("tag", 4),  # what the geometry pair stored
    ("y", LARGEST),  # J a + bias
    ("dy", LARGEST),  # change of y along the search direction; in reverse: adjoint of y
    ("bias", LARGEST),  # minus the reference acceleration
    ("speed", LARGEST),  # J v
    ("f", LARGEST),
    ("p", LARGEST),  # J w
    ("d", LARGEST),  # inverse regularisation 1 / R of the rows
    ("mu", 5),  # friction coefficients: two tangents, torsion, two rolling; or the bound of a dry friction
    ("solref", 2),
    ("grazing", 2),  # solref of the friction rows of an elliptic cone; zeros: that of the normal
    ("solimp", 5),
    ("impedance", 6),  # d, B, stiffness of the gap, slopes of d in the gap and in the normal velocity, B of the friction rows
    ("weight", 1),  # inverse inertia that the rows see, by MuJoCo's estimate at the reference configuration
    ("smooth", 1),  # 1: the impedance of smooth.py
    ("drag", LARGEST),  # in reverse: what the relative velocity along the rows is multiplied with in G
    ("gap", LARGEST),  # violation of the rows, negative or signed [m | rad]
    ("slot1", 1),  # links that a contact, connect or weld acts between
    ("slot2", 1),
    ("point", 3),  # where it acts on the first, world
    ("point2", 3),  # and on the second
    ("frame", 18),  # world vectors, one a row: three for the relative velocity, three for the relative turn
    ("hint", 3),  # direction that the first tangent follows
    ("hess", LARGEST * LARGEST),
    ("d_bar", LARGEST),
    ("mu_bar", 5),
    ("gap_bar", LARGEST),
    ("solref_bar", 2),
    ("grazing_bar", 2),
    ("solimp_bar", 5),
)
PLACE = {name: sum(w for _, w in BLOCK_FIELDS[:i]) for i, (name, _) in enumerate(BLOCK_FIELDS)}
BLOCK_WIDTH = sum(width for _, width in BLOCK_FIELDS)

SOURCES = ("equality", "dry friction", "limit", "contact")
EQUALITY, DRY_FRICTION, LIMIT, CONTACT = range(len(SOURCES))

GEOM_WIDTH = 12  # world position and rotation matrix
VECTORS = ("gradient", "direction", "impulse", "m_direction")  # of nv; impulse = M (a - a0), a0 without constraints
HEADER = 1 + len(STATUS)  # number of blocks, then the status


def others(sizes):
    """Room that is kept for blocks other than contacts; ``sizes`` of the model, here or in a kernel."""
    return 2 * sizes["nlimit"] + sizes["nv"] + sizes["neq"]


def ledger_size(sizes, blocks: int) -> int:
    """Numbers that one environment needs for at most ``blocks`` blocks."""
    matrix = max(sizes["nM"], sizes["nH"]) + sizes["nv"]
    block = BLOCK_WIDTH + LARGEST * sizes["nchainmost"]
    return HEADER + sizes["ncand"] + SCRATCH + sizes["ngeom"] * GEOM_WIDTH + len(VECTORS) * sizes["nv"] + matrix + blocks * block


class Ledger:
    """View of that memory: `block` fields by name, work vectors, the Hessian."""

    _data_oriented = True

    def __init__(self, robot, array, offset, capacity) -> None:
        self.robot, self.array, self.capacity = robot, array, capacity
        self.start = let(offset)
        nv = robot.sizes["nv"]
        self.spare = let(self.start + HEADER + robot.sizes["ncand"])
        self.geoms = let(self.spare + SCRATCH)
        self.vectors = let(self.geoms + robot.sizes["ngeom"] * GEOM_WIDTH)
        self.matrix = let(self.vectors + len(VECTORS) * nv)
        self.pivots = let(self.matrix + ti.max(robot.sizes["nM"], robot.sizes["nH"]))
        self.blocks = let(self.pivots + nv)
        self.last = let(capacity)  # one past the last block that a contact may take
        self.width = let(BLOCK_WIDTH + LARGEST * robot.sizes["nchainmost"])

    def _cells(self, offset) -> Cells:
        return Cells(self.array, self.robot.opaque(offset))

    def count(self):
        """Number of blocks that act."""
        return ti.cast(Cells(self.array, self.start).get(), ti.i32)

    def set_count(self, n) -> None:
        Cells(self.array, self.start).set(n)

    def status(self, name: str) -> Cells:
        return Cells(self.array, self.start + (1 + STATUS.index(name)))

    def clear_status(self) -> None:
        """A launch begins; alarms stay, and faults."""
        for name in STATUS:
            if name not in LASTING:
                self.status(name).set(0.0)

    def note_step(self, n) -> None:
        """Remember time step n if it is the first with an overflow or without convergence."""
        first = self.status("first_step")
        bad = self.status("overflow").get() + self.status("unconverged").get()
        first.set(ti.select((first.get() == 0.0) & (bad > 0.0), 1.0 * n, first.get()))

    def scratch(self) -> Cells:
        """Free memory for the narrow phase."""
        return self._cells(self.spare)

    def touched(self, cand) -> Cells:
        """1 where a candidate pair has touched since the rollout began."""
        return self._cells(self.start + HEADER + cand)

    def geom(self, g) -> Cells:
        return self._cells(self.geoms + g * GEOM_WIDTH)

    def vector(self, name: str) -> Cells:
        return self._cells(self.vectors + VECTORS.index(name) * self.robot.sizes["nv"])

    def hessian(self) -> Cells:
        return self._cells(self.matrix)

    def pivot(self) -> Cells:
        return self._cells(self.pivots)

    def block(self, b, name: str, k=0) -> Cells:
        """Cells of a field of block b, from its entry k on."""
        return self._cells(self.blocks + b * self.width + k).at(PLACE[name])

    def get(self, b, name: str, k=0):
        return self.block(b, name, k).get()

    def set(self, b, name: str, value, k=0) -> None:
        self.block(b, name, k).set(value)

    def integer(self, b, name: str):
        return let(ti.cast(self.get(b, name), ti.i32))

    def jacobian(self, b, row, count) -> Cells:
        """Row of the Jacobian of block b over its ``count`` degrees of freedom."""
        return self._cells(self.blocks + b * self.width + BLOCK_WIDTH + row * count)

"""What a launch reports of the state it starts from."""

import taichi as ti

from genesis.dynamics.constraints.ledger import CONTACT


@ti.func
def note_depth(c: ti.template()):
    """The deepest contact of the step just taken into the status."""
    depth = 0.0
    deepest = -1.0
    for b in range(c.count()):
        if c.integer(b, "source") == CONTACT and -c.get(b, "gap") > depth:
            depth = -c.get(b, "gap")
            deepest = c.get(b, "index")
    c.status("depth").set(depth)
    c.status("deepest").set(deepest)

"""What a model's constraints ask of the kernels: which geometry pairs, how much memory, which solver settings."""

import torch

from genesis.dynamics.constraints.laws import ELLIPTIC, PYRAMID
from genesis.dynamics.constraints.ledger import ledger_size, others
from genesis.model.layout import PAIR_CODE, PAIR_TYPES
from genesis.model.model import Model
from genesis.pairs import PAIRS

CONES = {"pyramidal": PYRAMID, "elliptic": ELLIPTIC}
USUAL_CONTACTS = 64  # room for contacts to begin with where the pairs could have more and the user does not say
LINE_TOLERANCE = 1e-6  # of the slope, against that at the start; the Newton steps do the rest
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-8}  # relative residual; in float32 what comes in is not known better
LEAST_TOLERANCE = 1e-14  # below, rounding decides: the problem is solved in float64


class ConstraintSetting:
    """Codes of the pairs that may touch, memory of a ledger, and the numbers of the kernels by name.

    contacts: room for contacts of one environment; needed: that it has to hold. growing: more may be needed, and the user has set no
    bound. missing: types of candidate pairs for which there is no collision.
    """

    def __init__(self, model: Model, dtype: torch.dtype, needed: int = 0) -> None:
        options = model.constraints
        codes = [PAIR_TYPES[code] for code in model.integers["cand_code"].tolist()]
        self.pairs = tuple(sorted({PAIR_CODE[types] for types in codes if types in PAIRS}))
        self.missing = tuple(sorted({types for types in codes if types not in PAIRS}))
        most = sum(PAIRS[types].MOST for types in codes if types in PAIRS)
        contacts = options.max_contacts if options.max_contacts is not None else min(most, max(USUAL_CONTACTS, needed))
        self.growing = options.max_contacts is None and contacts < most
        self.capacity = others(model.sizes) + contacts
        self.contacts = contacts
        self.ledger_stride = ledger_size(model.sizes, self.capacity)
        self.numbers: dict[str, float] = {
            "ledger_stride": self.ledger_stride,
            "capacity": self.capacity,
            "cone": CONES[options.cone],
            "iterations": options.iterations,
            "line_iterations": options.ls_iterations,
            "smooth": int(options.contact == "smooth"),
            "impratio": options.impratio,
            "tolerance": TOLERANCE[dtype] if options.tolerance is None else max(options.tolerance, LEAST_TOLERANCE),
            "line_tolerance": LINE_TOLERANCE,
        }


def constraint_setting(model: Model, dtype: torch.dtype) -> ConstraintSetting | None:
    """None for a model that nothing constrains, as described."""
    sizes = model.sizes
    free = sizes["nlimit"] + sizes["neq"] + sizes["ncand"] == 0 and not model.parameters["dof_frictionloss"].any()
    return None if free else ConstraintSetting(model, dtype)

"""Joint friction by a law of the velocity."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from genesis.description.friction_law import FRICTION_LAW, LAWS, start_of, unit_of
from genesis.errors import InputError, unknown_name
from genesis.parameters.numbers import DescribedNumbers, NumberOptions, Numbers
from genesis.parameters.parameter import Changes, Inputs
from genesis.parameters.physical import unit_of_rows
from genesis.parameters.rows import rows_of
from genesis.selection import indices, tensor
from genesis.setting import Setting

FIELDS = {"joint": "dof_frictionlaw", "actuator": "act_frictionlaw"}
IN_ITS_PLACE = ("dof_damping", "dof_frictionloss")  # of a joint
FORCES = ("coulomb", "static", "viscous")  # numbers of a law that a real joint may lack
SMALL = 0.05  # Coulomb friction [Nm | N] to begin with where none is described: at zero the other numbers have no slope


class JointFrictionLaw(Numbers):
    """Numbers of the friction law of chosen joints, in place of their damping and dry friction.

    Args:
        of: "joint", or "actuator": friction at the speed of a motor, which may be the sum of those of several joints.
        law: a name in `LAWS`. numbers: which of its numbers are learned; None: all, the others stay at their start.
        straight: numbers that the force is linear in; bent: learned ones of the others, which are velocities.
        init: beside numbers and lists, a mapping of numbers of the law. What is not given starts as described: from the law that the joint
            has, else from its damping and dry friction.
    """

    def __init__(
        self,
        setting: Setting,
        where: str,
        *,
        law: str,
        of: str = "joint",
        names: Any = ("*",),
        numbers: Any = None,
        init: Any = None,
        **common: Any,
    ) -> None:
        if of not in FIELDS:
            raise InputError(f'{where}.of: "{of}" is not allowed; allowed: {", ".join(FIELDS)}.')
        self.field = FIELDS[of]
        if law not in LAWS:
            raise unknown_name(f"{where}.law", "friction law", str(law), LAWS)
        rows, found = rows_of(f"{where}.names", setting, self.field, names)
        self.places, self.law = indices(rows or range(len(found))), LAWS[law]
        words = list(self.law.numbers)
        chosen = words if numbers is None else [str(word) for word in numbers]
        for word in (*chosen, *(init if isinstance(init, Mapping) else ())):
            if word not in words:
                raise unknown_name(
                    f"{where}.{'numbers' if word in chosen else 'init'}", f"number of the law {law}", str(word), words
                )
        if not chosen:
            raise InputError(f"{where}.numbers: nothing is chosen; allowed: {', '.join(words)}, or null for all.")
        self.matrix, self.columns = tensor(self.law.matrix.tolist()), indices([words.index(word) for word in chosen])
        self.start = self._start(setting, law)
        for word, value in init.items() if isinstance(init, Mapping) else ():
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise InputError(f"{where}.init.{word}: {value!r} is no number.")
            self.start[:, words.index(word)] = float(value)
        forces = [word for word in words if word.partition("_")[0] in FORCES]
        self.straight, self.bent = forces, [word for word in chosen if word not in forces]
        labels = [f"{name}.{word}" for name in found for word in chosen]
        each = {word: unit_of_rows(unit_of(word), setting, self.field, self.places.tolist()) for word in chosen}
        units = [own if isinstance(own, str) else own[k] for k in range(len(found)) for own in each.values()]
        natural = [0.0 if word.partition("_")[0] in FORCES else None for _ in found for word in chosen]
        described = DescribedNumbers(labels, units, self.start[:, self.columns].reshape(-1), least=0.0, natural=natural)
        known = IN_ITS_PLACE if of == "joint" else ()
        self.replaced = tuple(field for field in known if bool(setting.described[field][..., self.places].any()))
        options = NumberOptions(init=None if isinstance(init, Mapping) else init, **common)
        if options.tie:
            raise InputError(f"{where}.tie: does not apply to a friction law; choose one joint, or give expressions to others.")
        super().__init__(setting, where, described, options, Changes(physical=(self.field, *self.replaced)))

    def apply(self, inputs: Inputs) -> None:
        base = inputs.value(self.field)
        learned = self.of_rows().reshape(len(self.places), -1)
        rows = self.start.to(learned).index_copy(1, self.columns, learned) @ self.matrix.to(learned).T
        code = torch.zeros_like(rows).index_fill(1, indices([FRICTION_LAW["law"]]), self.law.code)
        made = (rows + code).to(base)
        inputs.physical[self.field] = base.index_copy(-2, self.places, made.expand(*base.shape[:-2], *made.shape))
        for field in self.replaced:
            inputs.physical[field] = inputs.value(field).index_fill(-1, self.places, 0.0)

    def _start(self, setting: Setting, law: str) -> Tensor:
        """(joints, numbers of the law)"""
        joints = self.field == FIELDS["joint"]
        viscous, dry = (_first(setting.described[name], 1) if joints else torch.zeros(len(self.places)) for name in IN_ITS_PLACE)
        rows, made = _first(setting.described[self.field], 2), []
        for k, place in enumerate(self.places.tolist()):
            row = rows[place]
            if float(row[0]) == self.law.code:
                made.append(torch.linalg.lstsq(self.matrix.double(), row.double()[:, None]).solution[:, 0])
            else:
                at = place if joints else k
                made.append(tensor(start_of(law, float(dry[at]) or SMALL, float(viscous[at]))).double())
        return torch.stack(made).to(self.matrix).clamp(min=0.0)


def _first(value: Tensor, axes: int) -> Tensor:
    """Of the first environment."""
    return value if value.dim() == axes else value[0]

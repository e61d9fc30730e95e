"""How links are turned in their parents' frames."""

from typing import Any

from genesis.grad.rotation import from_rotation_vector, multiply
from genesis.parameters.numbers import DescribedNumbers, NumberOptions, Numbers
from genesis.parameters.parameter import Changes, Inputs
from genesis.parameters.rows import rows_of
from genesis.selection import indices, tensor
from genesis.setting import Setting


class LinkRotation(Numbers):
    """A small turn of chosen links in their parents' frames, as rotation vectors in link axes [rad]: quat = quat0 exp(r)."""

    def __init__(self, setting: Setting, where: str, *, names: Any = ("*",), **common: Any) -> None:
        places, found = rows_of(f"{where}.names", setting, "link_quat", names)
        self.places = indices(places or range(len(found)))
        labels = [f"{name}.{axis}" for name in found for axis in "xyz"]
        described = DescribedNumbers(labels, "rad", tensor([0.0] * len(labels)))
        super().__init__(setting, where, described, NumberOptions(**common), Changes(physical=("link_quat",)))

    def apply(self, inputs: Inputs) -> None:
        base = inputs.value("link_quat")
        turned = multiply(base[self.places], from_rotation_vector(self.of_rows().reshape(-1, 3)))
        inputs.physical["link_quat"] = base.index_copy(0, self.places, turned)

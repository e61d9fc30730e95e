"""Any physical parameter of the model by its core name."""

from typing import Any

from genesis.parameters.physical import Physical
from genesis.parameters.quantities import PhysicalQuantity
from genesis.setting import Setting


class ModelField(Physical):
    """Rows and columns of the physical parameter ``field``."""

    def __init__(
        self, setting: Setting, where: str, *, field: str, names: Any = ("*",), columns: Any = None, **common: Any
    ) -> None:
        super().__init__(setting, where, quantity=PhysicalQuantity(field), names=names, columns=columns, **common)

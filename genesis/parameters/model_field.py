"""Any physical parameter of the model by its core name."""

from typing import Any

from genesis.errors import InputError
from genesis.parameters.mass import Mass
from genesis.parameters.physical import Physical
from genesis.parameters.quantities import PhysicalQuantity
from genesis.setting import Setting


def model_field(
    setting: Setting,
    where: str,
    *,
    field: str,
    names: Any = ("*",),
    columns: Any = None,
    inertia: str | None = None,
    **options: Any,
) -> Physical:
    """Rows and columns of the physical parameter ``field``; masses under this name are `Mass`, with its ``inertia``.

    Raises: InputError for inertia beside another field.
    """
    if field == "link_mass":
        return Mass(setting, where, names=names, columns=columns, inertia="scale" if inertia is None else inertia, **options)
    if inertia is not None:
        raise InputError(f"{where}.inertia: belongs to link_mass, and field is {field}; leave it out.")
    return Physical(setting, where, quantity=PhysicalQuantity(field), names=names, columns=columns, **options)

"""Declarative settings: dataclasses that refuse, by name, what they do not know and what is not simulated."""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, TypeVar, dataclass_transform

from genesis.errors import InputError, UnsupportedError, unknown_name

T = TypeVar("T")


@dataclass_transform(kw_only_default=True)
def settings(
    where: str, unsupported: Mapping[str, Any] | None = None, why: str = "it is not simulated in this version"
) -> Callable[[type[T]], type[T]]:
    """Class decorator: a keyword-only dataclass.

    Args:
        where: name for messages, for example "SimOptions".
        unsupported: documented names that do nothing here, with their defaults: the default is accepted, anything else refused.
        why: reason given in the refusal.

    The class raises: UnknownNameError for an unknown keyword, UnsupportedError for an unsupported one.
    """
    refused = dict(unsupported or {})

    def decorate(cls: type[T]) -> type[T]:
        made = dataclass(kw_only=True)(cls)
        generated = made.__init__
        required = [f.name for f in fields(made) if f.default is MISSING and f.default_factory is MISSING]  # type: ignore[arg-type]
        names = [f.name for f in fields(made) if f.init]  # type: ignore[arg-type]

        def __init__(self: Any, **given: Any) -> None:
            for name in list(given):
                if name in names:
                    continue
                if name not in refused:
                    raise unknown_name(where, "option", name, names)
                if not _same(given.pop(name), refused[name]):
                    raise UnsupportedError(f"{where}: {name} is not supported ({why}); leave it out (default {refused[name]!r}).")
            missing = [name for name in required if name not in given]
            if missing:
                raise InputError(f"{where}: {missing[0]} is missing.")
            generated(self, **given)

        __init__.__doc__ = generated.__doc__
        __init__.__wrapped__ = generated  # type: ignore[attr-defined]  # signature for help() and editors
        made.__init__ = __init__  # type: ignore[method-assign]
        return made

    return decorate


def _same(given: Any, default: Any) -> bool:
    """Whether a value is the default; never true for arrays."""
    try:
        return bool(given is default or given == default)
    except (ValueError, RuntimeError):
        return False

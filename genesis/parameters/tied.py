"""A parameter whose value is made of others: value = expression(parameters), for which it has no free numbers of its own."""

from collections.abc import Callable, Mapping
from typing import Any, Self

import torch
from torch import Tensor

from genesis.errors import DivergenceError, InputError, unknown_name
from genesis.parameters.expression import Expression
from genesis.parameters.numbers import Numbers
from genesis.parameters.parameter import Changes, Inputs, Parameter

GIVEN = ("init", "bounds", "prior", "transform", "log", "each_recording")  # what a parameter without free numbers cannot have


class Tied:
    """Numbers that follow others.

    body: puts them where they belong; its own free numbers are never looked at. others: the parameters that the expression names, at
    their present values; in a rollout those of its `Inputs` count. each_recording: one of them differs from recording to recording.
    """

    learn, lr, prior, log, smooth, coupled, limits = False, None, None, False, False, False, None

    def __init__(self, body: Numbers, expression: Expression) -> None:
        self.body, self.expression = body, expression
        self.where, self.name, self.units, self.changes = body.where, body.name, body.units, body.changes
        self.low, self.high, self.free = body.low, body.high, body.free
        self.others: dict[str, Any] = {}

    def connect(self, parameters: Mapping[str, Any]) -> None:
        """Find the others among all parameters of the config, which are made by now.

        Raises: UnknownNameError, InputError for those that are no numbers.
        """
        for name in self.expression.names:
            if name not in parameters:
                raise unknown_name(self.expression.where, "parameter", name, [n for n in parameters if n != self.name])
            if not isinstance(parameters[name], (Numbers, Tied)):
                raise InputError(f"{self.expression.where}: {name} has no values to calculate with; tie to physical parameters.")
            self.others[name] = parameters[name]

    def check(self) -> None:
        """Raises: InputError for a value at the start that does not fit, or that the quantity does not allow."""
        wrong = self._wrong(self.value().detach())
        if wrong:
            raise InputError(f"{self.expression.where}: {self.expression.text} is {wrong[0]} at the start; allowed: {wrong[1]}.")

    def expect_allowed(self, parameters: Mapping[str, Parameter]) -> None:
        """Raises: DivergenceError where present values of parameters make one that the quantity does not allow: no point to simulate at."""
        wrong = self._wrong(self.among(parameters).detach())
        if wrong:
            raise DivergenceError(
                f"{self.expression.where}: {self.expression.text} has become {wrong[0]}; allowed: {wrong[1]}.",
                quantity="parameter",
            )

    def _wrong(self, value: Tensor) -> tuple[str, str] | None:
        """The value and what is allowed, where it is not."""
        least = self.body.least
        if not bool((value < least).any() | ~torch.isfinite(value).all()):
            return None
        allowed = f"finite{'' if least == -torch.inf else f', at least {least:g}'}"
        return ", ".join(f"{x:.6g}" for x in value.tolist()[:6]), allowed

    @property
    def each_recording(self) -> bool:
        return any(other.each_recording for other in self.others.values())

    def among(self, parameters: Mapping[str, Parameter]) -> Tensor:
        """The value (rows,) that present values of parameters make. Raises: InputError for another number of them."""
        value = self.expression(parameters).to(self.body.free)
        if len(value) not in (1, self.body.rows):
            raise InputError(
                f"{self.expression.where}: {self.expression.text} gives {len(value)} numbers for {self.body.rows} rows; choose one by "
                'NAME["label"], or as many names.'
            )
        return value.expand(self.body.rows)

    def value(self) -> Tensor:
        return self.among(self.others)

    def apply(self, inputs: Inputs) -> None:
        self.body.with_leaves([self.among(inputs.taken)]).apply(inputs)

    # ---- what it has none of, or what the body knows

    def leaves(self) -> list[Tensor]:
        return [self.free]

    def leaf_bounds(self) -> list[tuple[Tensor, Tensor] | None]:
        return [None]

    def with_leaves(self, leaves: list[Tensor]) -> Self:
        return self

    def project(self) -> None:
        """Nothing."""

    def bounds(self) -> tuple[Tensor, Tensor] | None:
        return self.body.bounds()

    def labels(self) -> list[str]:
        return self.body.labels()

    def unit_of(self, k: int) -> str:
        return self.body.unit_of(k)

    def natural_of(self, k: int) -> float | None:
        return self.body.natural_of(k)

    def set_value(self, value: Tensor) -> None:
        """Raises: InputError, since others decide."""
        raise InputError(f"{self.where}: is tied ({self.expression.text}) and has no value of its own.")

    def prior_residuals(self) -> Tensor | None:
        return None


def tied(where: str, spec: Mapping[str, Any], make: Callable[[Mapping[str, Any]], Any]) -> Tied:
    """The parameter of a config node with an expression for ``tie``; make: of the same node without it, held, a parameter.

    Raises: InputError for what cannot be tied, or keys that need free numbers.
    """
    for key in GIVEN:
        if spec.get(key):
            raise InputError(f"{where}.{key}: tie gives the value already; leave {key} out, or give it to what it is tied to.")
    body = make({**spec, "tie": False, "learn": False})
    if not isinstance(body, Numbers) or body.coupled:
        raise InputError(f"{where}.tie: {spec['kind']} cannot follow an expression: its numbers go together.")
    return Tied(body, Expression(f"{where}.tie", spec["tie"]))


def in_order(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """As they have to be put in: what is tied after what it is tied to, and what puts values in place after what multiplies them; else
    as they stand.

    Raises: InputError for expressions that go in a circle.
    """
    multiplied = {name: set(p.changes.scales) for name, p in parameters.items() if _changes(p)}

    def before(name: str) -> list[str]:
        own = parameters[name]
        found = list(own.others) if isinstance(own, Tied) else []
        if not _changes(own):
            return found
        replaced = set(own.changes.physical) - set(own.changes.scales)
        return found + [other for other, fields in multiplied.items() if other != name and fields & replaced]

    made: dict[str, Any] = {}

    def put(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            circle = [
                f"{a} ({parameters[a].expression.text})" for a in path[path.index(name) :] if isinstance(parameters[a], Tied)
            ]
            raise InputError(f"parameter.{name}.tie: goes in a circle: {', '.join(circle)}; one of them must be free.")
        if name not in made:
            for other in before(name):
                put(other, (*path, name))
            made[name] = parameters[name]

    for name in parameters:
        put(name, ())
    return made


def reach_of(name: str, parameters: Mapping[str, Any]) -> Changes:
    """What a parameter changes, itself and through all that follow it."""
    found, todo = [name], [name]
    while todo:
        one = todo.pop()
        followers = [key for key, p in parameters.items() if isinstance(p, Tied) and one in p.others and key not in found]
        found, todo = found + followers, todo + followers
    own = [parameters[key].changes for key in found]

    def together(words: str) -> tuple[Any, ...]:
        return tuple(dict.fromkeys(word for changes in own for word in getattr(changes, words)))

    return Changes(
        physical=together("physical"), controls=together("controls"), start=any(changes.start for changes in own),
        sensors=together("sensors"), inputs=together("inputs"), scales=together("scales"),
    )  # fmt: skip


def _changes(parameter: Any) -> bool:
    return isinstance(parameter, (Numbers, Tied))

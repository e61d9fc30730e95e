"""Arithmetic with the values of parameters, read from text and computed in torch, so that gradients flow through it.

    2 * spring + 0.1,   0.5 * mass["upper"],   sqrt(max(a, b) / 3)

Allowed: names of parameters, one of their numbers by label or place, numbers, pi, + - * / **, parentheses, and the functions below.
The text is parsed, never run.
"""

import ast
import math
from collections.abc import Callable, Iterator, Mapping
from functools import reduce

import torch
from torch import Tensor

from genesis.errors import InputError, unknown_name
from genesis.parameters.parameter import Parameter

OPERATORS: dict[type, Callable[[Tensor, Tensor], Tensor]] = {
    ast.Add: torch.add, ast.Sub: torch.sub, ast.Mult: torch.mul, ast.Div: torch.div, ast.Pow: torch.pow,
}  # fmt: skip
FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sqrt": torch.sqrt, "sin": torch.sin, "cos": torch.cos, "exp": torch.exp, "log": torch.log, "abs": torch.abs,
}  # fmt: skip
CHOICES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"min": torch.minimum, "max": torch.maximum}
ALLOWED = f'names of parameters, NAME["label"], numbers, pi, + - * / **, {", ".join((*FUNCTIONS, *CHOICES))}'
LONGEST = 1000  # characters


class Expression:
    """An expression; names: the parameters in it, in their order. where: its place in the config, text: as it stands there.

    Raises: InputError for anything that is not arithmetic with parameters.
    """

    def __init__(self, where: str, text: str) -> None:
        self.where, self.text = where, text.strip()
        if len(text) > LONGEST:
            raise InputError(f"{where}: has {len(text)} characters; allowed: {LONGEST}.")
        try:
            self._tree = ast.parse(self.text, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise self._wrong("cannot be read") from error
        self._check(self._tree)
        self.names = list(dict.fromkeys(_names(self._tree)))
        if not self.names:
            raise InputError(
                f"{where}: {self.text} names no parameter; use init: VALUE, learn: false for a number that is known."
            )

    def __call__(self, parameters: Mapping[str, Parameter]) -> Tensor:
        """Of the present values of parameters, (k,) or (1,)."""
        return self._of(self._tree, parameters)

    def _of(self, node: ast.AST, parameters: Mapping[str, Parameter]) -> Tensor:
        match node:
            case ast.Constant(value=int() | float() as number):
                return torch.tensor([float(number)], dtype=torch.float64)
            case ast.Name(id="pi") if "pi" not in parameters:
                return torch.tensor([math.pi], dtype=torch.float64)
            case ast.Name(id=name):
                return parameters[name].value().reshape(-1)
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str() | int() as label)):
                k = self._place(name, parameters[name].labels(), label)
                return parameters[name].value().reshape(-1)[k : k + 1]
            case ast.UnaryOp(op=sign, operand=operand):
                of_it = self._of(operand, parameters)
                return -of_it if isinstance(sign, ast.USub) else of_it
            case ast.BinOp(left=left, op=op, right=right):
                return self._joined(OPERATORS[type(op)], self._of(left, parameters), self._of(right, parameters))
            case ast.Call(func=ast.Name(id=name), args=args):
                values = [self._of(arg, parameters) for arg in args]
                if name in FUNCTIONS:
                    return FUNCTIONS[name](values[0])
                return reduce(lambda a, b: self._joined(CHOICES[name], a, b), values)
        raise self._wrong(f"{ast.unparse(node)} is not allowed")

    def _joined(self, function: Callable[[Tensor, Tensor], Tensor], a: Tensor, b: Tensor) -> Tensor:
        if len(a) != len(b) and 1 not in (len(a), len(b)):
            raise InputError(
                f'{self.where}: {self.text}: {len(a)} and {len(b)} numbers do not go together; choose one by NAME["label"].'
            )
        common = torch.promote_types(a.dtype, b.dtype)
        return function(a.to(common), b.to(common))

    def _place(self, name: str, labels: list[str], label: str | int) -> int:
        if isinstance(label, int):
            if 0 <= label < len(labels):
                return label
            raise InputError(f"{self.where}: {name}[{label}]: {name} has {len(labels)} numbers, from 0 to {len(labels) - 1}.")
        if label not in labels:
            raise unknown_name(self.where, f"number of {name}", label, labels)
        return labels.index(label)

    def _check(self, node: ast.AST) -> None:
        """Raises: InputError for a node that is not arithmetic."""
        match node:
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                if abs(value) > 1e300:
                    raise self._wrong(f"{value:.3g} is too large")
                return
            case ast.Name() | ast.Subscript(value=ast.Name(), slice=ast.Constant(value=str() | int())):
                return
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
                return self._check(operand)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                self._check(left)
                return self._check(right)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in FUNCTIONS or name in CHOICES:
                if (len(args) == 1) if name in FUNCTIONS else (len(args) > 1):
                    for arg in args:
                        self._check(arg)
                    return None
                raise self._wrong(f"{name} takes {'one number' if name in FUNCTIONS else 'two numbers or more'}")
        raise self._wrong(f"{ast.unparse(node)} is not allowed")

    def _wrong(self, problem: str) -> InputError:
        shown = self.text if len(self.text) <= 80 else f"{self.text[:77]}…"
        return InputError(f"{self.where}: {shown}: {problem}; allowed: {ALLOWED}.")


def _names(node: ast.AST) -> Iterator[str]:
    """Names that stand for parameters."""
    functions = {id(call.func) for call in ast.walk(node) if isinstance(call, ast.Call)}
    for name in ast.walk(node):
        if isinstance(name, ast.Name) and id(name) not in functions and name.id != "pi":
            yield name.id

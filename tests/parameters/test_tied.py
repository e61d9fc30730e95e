"""Parameters that follow others: values, gradients, order, and what is refused."""

import pytest

from genesis.errors import InputError, UnknownNameError
from genesis.parameters import Inputs, Tied, make_parameters
from tests.settings import numbers, setting_of

pytestmark = pytest.mark.usefixtures("engine")
A = {"kind": "damping", "init": [0.3, 0.5]}  # shoulder, elbow


def put(setting, parameters) -> Inputs:
    inputs = Inputs(described=setting.described)
    for name, parameter in parameters.items():
        inputs.take(name, parameter)
    return inputs


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2 * a + 0.1", [0.7, 1.1]), ("a['elbow'] / 2", [0.25, 0.25]), ("-a[0] ** 2 + 1", [0.91, 0.91]),
        ("sqrt(max(a, 0.4))", [0.4**0.5, 0.5**0.5]),
        ("min(a, 0.4, a['shoulder'])", [0.3, 0.3]), ("abs(cos(pi) + a)", [0.7, 0.5]), ("exp(log(a)) + sin(0 * a)", [0.3, 0.5]),
    ],
)  # fmt: skip
def test_arithmetic(text: str, expected: list[float]) -> None:
    setting = setting_of("double_pendulum")
    made = make_parameters(setting, {"b": {"kind": "armature", "tie": text}, "a": A})
    assert list(made) == ["a", "b"] and isinstance(made["b"], Tied) and not made["b"].learn
    assert made["b"].value().tolist() == pytest.approx(expected)
    assert put(setting, made).physical["dof_armature"].tolist() == pytest.approx(expected)


def test_gradients_flow_to_what_is_free() -> None:
    """d/da (b[0] + 3 b[1]) with b = a^2 by hand, through the functional copy and through the leaf itself."""
    setting = setting_of("double_pendulum")
    made = make_parameters(setting, {"a": A, "b": {"kind": "armature", "tie": "a ** 2"}})
    inputs = put(setting, made)
    (inputs.physical["dof_armature"] * numbers(1.0, 3.0)).sum().backward()
    assert made["a"].free.grad.tolist() == pytest.approx([0.6, 3.0])
    moved = numbers(1.0, 2.0)
    again = put(setting, {name: p.with_leaves([moved]) for name, p in made.items()})
    assert again.physical["dof_armature"].tolist() == [1.0, 4.0]


def test_chains_are_put_in_order_and_masses_before_inertias() -> None:
    setting = setting_of("double_pendulum")
    made = make_parameters(
        setting,
        {
            "c": {"kind": "stiffness", "tie": "b + a"}, "b": {"kind": "armature", "tie": "2 * a"}, "a": A,
            "i": {"kind": "field", "field": "link_inertia", "names": ["lower"], "columns": [1]},
            "m": {"kind": "mass", "init": 2.0, "tie": True},
        },
    )  # fmt: skip
    assert list(made) == ["a", "b", "c", "m", "i"]
    inputs = put(setting, made)
    assert inputs.physical["dof_stiffness"].tolist() == pytest.approx([0.9, 1.5])
    described = setting.described["link_inertia"][1]
    assert inputs.physical["link_inertia"][1, 1] == described[1] and inputs.physical["link_inertia"][1, 0] == 2.0 * described[0]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a +", "a +: cannot be read; allowed: names of parameters"), ("a.real", "a.real is not allowed"), ("f(a)", "f(a) is not allowed"),
        ("[a]", "is not allowed"), ("a if a else 1", "is not allowed"), ("'a'", "is not allowed"), ("a @ a", "is not allowed"),
        ("sqrt(a, a)", "sqrt takes one number"), ("max(a)", "max takes two numbers or more"), ("3.0", "names no parameter"),
        ("a[2]", "a has 2 numbers, from 0 to 1"), ("b + 1", "goes in a circle: b (b + 1)"),
        ("-a", "-0.3, -0.5 at the start; allowed: finite, at least 0"),
        ("1 / (a - a)", "inf, inf at the start; allowed: finite"), ("1e301 * a", "1e+301 is too large"),
        ("a" * 1001, "has 1001 characters; allowed: 1000"),
        ("p", "p has no values to calculate with"), ("__import__('os').getcwd() * a", "is not allowed"),
    ],
)  # fmt: skip
def test_what_is_no_arithmetic_is_refused(text: str, problem: str) -> None:
    policy = {"kind": "policy", "hidden": [2]}
    with pytest.raises(InputError, match="^parameter.b.tie: ") as raised:
        make_parameters(setting_of("double_pendulum"), {"a": A, "b": {"kind": "armature", "tie": text}, "p": policy})
    assert problem in str(raised.value) and "\n" not in str(raised.value)


def test_unknown_names_are_told_with_those_that_there_are() -> None:
    setting = setting_of("double_pendulum")
    with pytest.raises(UnknownNameError, match=r'parameter.b.tie: unknown parameter "aa"; known: a'):
        make_parameters(setting, {"a": A, "b": {"kind": "armature", "tie": "aa"}})
    with pytest.raises(UnknownNameError, match=r'parameter.b.tie: unknown number of a "wrist"; known: elbow, shoulder'):
        make_parameters(setting, {"a": A, "b": {"kind": "armature", "tie": "a['wrist']"}})


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"kind": "armature", "init": 1.0}, "parameter.b.init: tie gives the value already"),
        ({"kind": "armature", "bounds": [0, 1]}, "parameter.b.bounds: tie"), ({"kind": "armature", "log": True}, "parameter.b.log: tie"),
        ({"kind": "inertia"}, "parameter.b.tie: inertia cannot follow"),
        ({"kind": "mass", "names": ["lower"], "tie": "a"}, "a gives 2 numbers for 1 rows"),
        ({"kind": "mass", "tie": 3}, "3 is not allowed here"),
    ],
)  # fmt: skip
def test_what_goes_with_a_tie(more: dict, problem: str) -> None:
    with pytest.raises(InputError, match="^parameter.b") as raised:
        make_parameters(setting_of("double_pendulum"), {"a": A, "b": {"tie": "a", **more}})
    assert problem in str(raised.value)


def test_circles_of_several_are_named() -> None:
    specs = {
        "a": {"kind": "damping", "tie": "c"},
        "b": {"kind": "armature", "tie": "a"},
        "c": {"kind": "stiffness", "tie": "2 * b"},
    }
    with pytest.raises(
        InputError, match=r"parameter.a.tie: goes in a circle: a \(c\), c \(2 \* b\), b \(a\); one of them must be free"
    ):
        make_parameters(setting_of("double_pendulum"), specs)


def test_nothing_is_run() -> None:
    """The text is parsed, never evaluated: a name that Python knows is an unknown parameter."""
    with pytest.raises(UnknownNameError, match='unknown parameter "torch"'):
        make_parameters(setting_of("double_pendulum"), {"a": A, "b": {"kind": "armature", "tie": "torch * a"}})

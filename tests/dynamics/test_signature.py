"""Arguments of kernels go by their names: what is wrong, missing, there twice or swapped is said with its name, before anything runs."""

import inspect
import re

import pytest
import taichi as ti
import torch

from genesis.dynamics.inspect import INVERSE, INVERSE_ADJOINT, LINK_STATES, LINK_STATES_ADJOINT
from genesis.dynamics.inspect_contacts import CONTACT_ROWS, CONTACT_ROWS_ADJOINT
from genesis.dynamics.launch import Launcher, kernels
from genesis.dynamics.rollout import ROLLOUT, ROLLOUT_ADJOINT
from genesis.dynamics.signature import BLOCK, TIMED, Array, Signature, integers, reals
from genesis.grad.physics import Physics
from genesis.grad.rollout_launch import BACKWARD, CLOSED, FORWARD
from tests.dynamics.systems import DT, system

SIGNATURES = (
    *(ROLLOUT, ROLLOUT_ADJOINT, LINK_STATES, LINK_STATES_ADJOINT, INVERSE, INVERSE_ADJOINT),
    *(CONTACT_ROWS, CONTACT_ROWS_ADJOINT),
)
PAIR = Signature(
    "pair",
    (Array("x", BLOCK, "numbers", "test"), Array("y", TIMED, "T, B, 2 n", "test", optional=True)),
    (*integers(count="how many"), *reals(dt="time step [s]")),
)


def test_a_kernel_has_the_arguments_of_its_table(engine):
    """Every kernel of every kind, also where arrays are left out."""
    found = {}
    for kind, variant in (
        ("Euler", None),
        ("Euler", ((), False, False)),
        ("kinematics", None),
        ("inverse", None),
        ("contacts", ((),)),
    ):
        for kernel in kernels(kind, 1, variant, True, 100):
            assert tuple(inspect.signature(kernel.function).parameters) == kernel.signature.names
            found[kernel.signature.name] = kernel.signature
    assert found == {s.name: s for s in SIGNATURES}


def test_what_a_launch_hands_over_are_the_arrays_of_the_table():
    open_loop = (*FORWARD, "feedback")
    assert CLOSED == open_loop
    for given, signature in ((open_loop, ROLLOUT), (BACKWARD, ROLLOUT_ADJOINT)):
        assert sorted((*given, "integers", "scratch")) == sorted(array.name for array in signature.arrays)


def test_adjoints_are_of_arrays_that_the_kernel_reads_and_have_their_width():
    """x_bar is as wide as x."""
    for signature in SIGNATURES:
        forward = {array.name: array for other in SIGNATURES for array in other.arrays}
        for array in signature.arrays:
            if array.name.endswith("_bar") and array.kind == TIMED:
                assert array.shape.split(", ")[1:] == forward[array.name.removesuffix("_bar")].shape.split(", ")[1:], array.name


@pytest.mark.parametrize(
    "written, message",
    [
        (lambda x, y, count: 0, "kernel pair lacks dt"),
        (lambda x, y, count, dt, z: 0, "kernel pair has no z"),
        (lambda y, x, count, dt: 0, "kernel pair: argument 0 is y, in the table x"),
        (lambda x, y, dt, count: 0, "kernel pair: argument 2 is dt, in the table count"),
    ],
)
def test_a_kernel_that_is_not_as_in_its_table_is_refused(written, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        PAIR.kernel(ti.f64, 1)(written)


def test_an_array_that_is_left_out_is_one_of_the_table():
    with pytest.raises(TypeError, match="kernel pair has no z"):
        PAIR.kernel(ti.f64, 1, absent=("z",))


def test_a_name_stands_once_in_a_table():
    with pytest.raises(TypeError, match="kernel twice: x twice"):
        Signature("twice", PAIR.arrays, integers(x="again"))


@pytest.mark.parametrize(
    "numbers, message",
    [
        ({"count": 1}, "kernel pair lacks dt"),
        ({"count": 1, "dt": 0.1, "steps": 2}, "kernel pair has no steps"),
        ({"count": 0.5, "dt": 0.1}, "kernel pair: count is 0.5; allowed: an integer"),
    ],
)
def test_numbers_go_by_name(numbers, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        PAIR.pack(numbers)


def test_numbers_come_in_the_order_of_the_kernel():
    assert [(number.name, value) for number, value in PAIR.pack({"dt": 0.1, "count": 3})] == [("count", 3), ("dt", 0.1)]


def test_shapes_are_sums_of_products():
    assert Array("x", TIMED, "i + N stages, B, 6 nlink", "test").extents(dict(i=1, N=4, stages=3, B=2, nlink=5)) == (13, 2, 30)


def inverse(given: dict, changed: dict, numbers: dict | None = None, names=("parameters", "q", "v", "a", "tau")):
    """A launch of the inverse dynamics of two states with some of its arrays changed."""
    launches = given["launches"]
    kernel = launches.launchers("inverse", 2)[0].kernel
    mine = {"samples": 2, **launches.layout(False)} | (numbers or {})
    launch = Launcher(kernel, 3).bind(mine, launches.fixed, names, {**launches.sizes, "S": 2})
    arrays = {name: given[name] for name in ("parameters", "q", "v", "a", "tau")} | changed
    launch.named(**{name: arrays[name] for name in names if name in arrays})
    return launch


@pytest.fixture
def given(engine) -> dict:
    physics = Physics(system("floater").model, dt=DT)
    launches = physics.launches(3)
    state = {
        name: torch.ones(2, 3, n, dtype=torch.float64) for name, n in (("q", physics.nq), ("v", physics.nv), ("a", physics.nv))
    }
    parameters = launches.parameters(physics.pack())
    return {"launches": launches, "parameters": parameters, "tau": torch.zeros(2, 3, physics.nv, dtype=torch.float64), **state}


def test_arrays_go_by_name_in_any_order(given):
    physics_order = given["tau"].clone()
    inverse(given, {"tau": physics_order})
    inverse(given, {}, names=("tau", "a", "v", "q", "parameters"))
    assert physics_order.abs().min() > 0.0
    torch.testing.assert_close(given["tau"], physics_order, rtol=0, atol=0)


@pytest.mark.parametrize("names, message", [
    (("parameters", "q", "v", "a"), "kernel inverse_dynamics lacks tau"),
    (("parameters", "q", "v", "a", "tau", "force"), "kernel inverse_dynamics has no force"),
    (("parameters", "q", "v", "a", "tau", "q"), "kernel inverse_dynamics is given twice q"),
])  # fmt: skip
def test_a_launch_is_bound_to_all_names_once(given, names, message):
    with pytest.raises(TypeError, match=message):
        inverse(given, {}, names=names)


@pytest.mark.parametrize("change, message", [
    (lambda g: {"q": g["v"], "v": g["q"]}, r"kernel inverse_dynamics: q has shape \(2, 3, \d+\); allowed: \(S, B, nq\)"),
    (lambda g: {"a": g["a"][:1]}, r"a has shape \(1, 3, \d+\); allowed: \(S, B, nv\)"),
    (lambda g: {"a": g["a"].float()}, "a is torch.float32.* allowed: contiguous float64"),
    (lambda g: {"a": g["a"].transpose(0, 1).contiguous().transpose(0, 1)}, "a is torch.float64, contiguous: False"),
    (lambda g: {"parameters": torch.ones(4, dtype=torch.int32)}, "parameters is torch.int32"),
    (lambda g: {"tau": None}, "tau is missing"),
])  # fmt: skip
def test_a_wrong_array_is_named_before_anything_runs(given, change, message):
    before = given["tau"].clone()
    with pytest.raises(TypeError, match=message):
        inverse(given, change(given))
    torch.testing.assert_close(given["tau"], before, rtol=0, atol=0)


def test_a_call_by_name_names_what_is_missing(given):
    launch = inverse(given, {})
    with pytest.raises(TypeError, match="kernel inverse_dynamics lacks v, a, tau"):
        launch.named(parameters=given["parameters"], q=given["q"])

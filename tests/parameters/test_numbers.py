"""Numbers with names: priors, ties, logarithms, bounds and least values, in a task and for recordings; and what either of them refuses."""

import math
from dataclasses import replace

import pytest
import torch

from genesis.errors import InputError, UnknownNameError
from genesis.parameters import OF_MODELS, OF_RECORDINGS, OF_TASKS, Inputs, make_parameter, make_parameters
from genesis.setting import Columns, Recorded, Setting
from tests.settings import numbers, setting_of

pytestmark = pytest.mark.usefixtures("engine")


@pytest.fixture
def task(engine) -> Setting:
    return setting_of("double_pendulum", horizon=4)


@pytest.fixture
def recordings(task) -> Setting:
    joints = ["shoulder", "elbow"]
    return replace(task, recorded=Recorded({"angle": Columns(joints, "rad")}, {"torque": Columns(joints, "Nm")}))


def physical(setting: Setting, **specs: dict) -> dict[str, torch.Tensor]:
    """What parameters put in the place of the model's values."""
    inputs = Inputs(described=setting.described)
    for parameter in make_parameters(setting, specs).values():
        parameter.apply(inputs)
    return inputs.physical


def test_a_mass_means_the_same_in_a_task_and_for_recordings(task, recordings) -> None:
    """Natural bounds are kept smoothly here and by projection there: at the same value the packed parameters are the same."""
    from genesis.scene.physical import Loops

    spec = {"kind": "mass", "names": ["lower"], "init": 0.7, "log": True, "prior": [0.6, 0.1], "bounds": [0.1, 2.0]}
    here, there = (make_parameter(setting, "parameter.m", spec) for setting in (task, recordings))
    assert here.labels() == there.labels() == ["lower"] and here.unit_of(0) == there.unit_of(0) == "kg"
    assert here.smooth and not there.smooth and there.free_bounds()[0].tolist() == pytest.approx([math.log(0.1)])
    packed = []
    for setting, parameter in ((task, here), (recordings, there)):
        inputs = Inputs(described=setting.described)
        parameter.with_leaves([leaf.detach() for leaf in parameter.leaves()]).apply(inputs)
        given = {name: value[None] for name, value in inputs.physical.items()}
        packed.append(setting.scene.rigid_solver.parameters.packed(Loops.of("force", 2), given))
    assert torch.allclose(packed[0], packed[1], rtol=1e-14, atol=0.0)
    assert float(here.prior_residuals().detach()[0]) == pytest.approx(1.0) == float(there.prior_residuals().detach()[0])


def test_tied_rows_share_one_number(task) -> None:
    damping = make_parameter(task, "parameter.d", {"kind": "damping", "tie": True, "init": 0.3, "prior": [0.1, 0.4]})
    assert damping.labels() == ["all"] and damping.value().tolist() == [0.3] and len(damping.leaves()[0]) == 1
    assert physical(task, d={"kind": "damping", "tie": True, "init": 0.3})["dof_damping"].tolist() == [0.3, 0.3]
    assert damping.prior_residuals().tolist() == pytest.approx([0.5])


def test_known_sums_of_masses(task) -> None:
    mass = make_parameter(
        task, "parameter.m", {"kind": "mass", "init": [1.0, 2.5], "total": 3.0, "total_std": 0.25, "prior": [None, 1.0]}
    )
    assert mass.prior_residuals().tolist() == pytest.approx([0.0, 0.0, 2.0])
    assert make_parameter(task, "parameter.m", {"kind": "mass", "total": 2.0}).prior_residuals().tolist() == pytest.approx(
        [(float(task.described["link_mass"].sum()) - 2.0) / 2e-4]
    )
    with pytest.raises(TypeError, match="total"):
        make_parameter(task, "parameter.d", {"kind": "damping", "total": 2.0})


def test_the_least_value_of_a_quantity(task, recordings) -> None:
    """Kept by projection everywhere for recordings; in a task beside bounds that are given, since a smooth map bends what nobody bounded."""
    assert make_parameter(recordings, "parameter.d", {"kind": "damping"}).low.tolist() == [0.0, 0.0]
    assert make_parameter(recordings, "parameter.d", {"kind": "field", "field": "dof_stiffness"}).low.min() == 0.0
    assert make_parameter(recordings, "parameter.c", {"kind": "centre_of_mass"}).bounds() is None
    assert make_parameter(task, "parameter.d", {"kind": "damping"}).bounds() is None
    bounded = make_parameter(task, "parameter.d", {"kind": "damping", "bounds": [None, 2.0]})
    assert bounded.smooth and [x.tolist() for x in bounded.bounds()] == [[0.0, 0.0], [2.0, 2.0]]
    clamped = make_parameter(task, "parameter.d", {"kind": "damping", "transform": "clamp"})
    with torch.no_grad():
        clamped.leaves()[0].copy_(numbers(-1.0, 0.5))
    clamped.project()
    assert clamped.leaves()[0].tolist() == [0.0, 0.5]
    smooth = make_parameter(recordings, "parameter.d", {"kind": "damping", "bounds": [0.0, 2.0], "transform": "smooth"})
    assert smooth.smooth and smooth.leaf_bounds() == [None] and bool(torch.isinf(smooth.free_bounds()[0]).all())
    with pytest.raises(InputError, match=r"parameter.d.bounds: shoulder is at least 0; -1 is not above"):
        make_parameter(recordings, "parameter.d", {"kind": "damping", "bounds": [-2.0, -1.0]})


def test_sizes_of_changes(task, recordings) -> None:
    made = make_parameter(recordings, "parameter.d", {"kind": "damping", "bounds": [0.0, 3.0], "init": [0.0, 0.5]})
    assert made.sizes(made.value().detach()).tolist() == pytest.approx([0.3, 0.5])
    known = make_parameter(recordings, "parameter.d", {"kind": "damping", "prior": [None, 0.2]})
    assert known.sizes(known.value().detach()).tolist() == [0.2, 0.2]


def test_frozen_numbers_keep_their_place_and_need_no_gradient(task) -> None:
    held = make_parameter(task, "parameter.m", {"kind": "mass", "names": ["lower"], "init": 0.4, "learn": False})
    assert not held.leaves()[0].requires_grad and not held.learn
    assert physical(task, m={"kind": "mass", "names": ["lower"], "init": 0.4, "learn": False})["link_mass"][1] == 0.4


def test_later_parameters_see_what_earlier_ones_left(task) -> None:
    """A joint offset and a rotation of the same link add up in order; masses and an inertia share the field."""
    found = physical(
        task, b={"kind": "inertia", "names": ["lower"]}, m={"kind": "mass", "names": ["upper"], "init": 0.9}, turn={"kind": "link_rotation"},
        zero={"kind": "joint_offset", "names": ["elbow"], "init": 0.2},
    )  # fmt: skip
    assert found["link_mass"].tolist() == pytest.approx([0.9, float(task.described["link_mass"][1])])
    expected = task.described["link_inertia"] * numbers(0.9 / float(task.described["link_mass"][0]), 1.0)[:, None]
    assert found["link_inertia"].flatten().tolist() == pytest.approx(expected.flatten().tolist(), abs=1e-12)
    assert found["link_quat"][1].abs().tolist() == pytest.approx([math.cos(0.1), 0.0, math.sin(0.1), 0.0], abs=1e-12)


@pytest.mark.parametrize("kind", OF_RECORDINGS)
def test_a_task_refuses_what_belongs_to_recordings(task, kind: str) -> None:
    with pytest.raises(
        InputError, match=f"parameter.x: {kind} belongs to recordings, and a task has none; identify it with genesis sysid"
    ):
        make_parameters(task, {"x": {"kind": kind}})


@pytest.mark.parametrize("kind", OF_TASKS)
def test_recordings_refuse_what_belongs_to_a_task(recordings, kind: str) -> None:
    with pytest.raises(
        InputError, match=f"parameter.x: {kind} belongs to a task; recordings bring their own controls and starts"
    ):
        make_parameters(recordings, {"x": {"kind": kind}})


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ({"kind": "maas"}, UnknownNameError, 'parameter.x: unknown kind "maas"; known: mass'),
        ({"kind": "mass", "each_recording": True}, InputError, "parameter.x.each_recording: a task has no recordings"),
        ({"kind": "mass", "init": [1.0, 2.0, 3.0]}, InputError, r"parameter.x.init: has shape \(3,\), needs a number or 2"),
        ({"kind": "mass", "init": 3.0, "bounds": [1.0, 2.0]}, InputError, r"upper starts at 3, outside its bounds \[1, 2\]; change init"),
        ({"kind": "mass", "prior": 1.0}, InputError, r"parameter.x.prior: 1.0 is not allowed; write \[mean, std\]"),
        ({"kind": "mass", "prior": [1.0, 0.0]}, InputError, "parameter.x.prior: a standard deviation is 0; it must be positive"),
        ({"kind": "armature", "log": True}, InputError, "parameter.x: log is true, but shoulder starts at 0; give a positive init"),
        ({"kind": "inertia", "transform": "clamp"}, InputError, "bounds, transform, log and tie do not apply to inertia"),
        ({"kind": "damping", "columns": [1]}, InputError, "columns"),
    ],
)  # fmt: skip
def test_numbers_that_cannot_be(task, spec: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        make_parameters(task, {"x": spec})


def test_every_kind_is_of_a_task_of_a_model_or_of_recordings() -> None:
    tables = [set(OF_TASKS), set(OF_MODELS), set(OF_RECORDINGS)]
    assert sum(map(len, tables)) == len(set().union(*tables))

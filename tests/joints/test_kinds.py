"""What the table says of each joint type is what the mechanics do; everything that asks the table is tried with every type."""

import ast
from math import tau
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

import genesis
from genesis.channels import CHANNELS
from genesis.channels.joints import units_of
from genesis.description.kinds import CODE, ELEMENTARY, FREE, KINDS, LENGTH, SCALARS, plural
from genesis.description.retype import retyped
from genesis.grad.physics import Physics
from genesis.joints import COORDINATES, SPRINGS, TURNS
from genesis.model.compile import Placed, compile_model
from genesis.parameters import Inputs
from genesis.parameters.joint_offset import JointOffset
from genesis.scene import morphs
from genesis.scene.options import SimOptions
from genesis.scene.scene import Scene
from genesis.selection import difference, joints_of
from genesis.setting import Setting
from genesis.sysid.space import StateSpace
from tests.dynamics.conversions import advance
from tests.joints.robots import description, robot, text, types_of
from tests.settings import numbers

SCALAR = [name for name, kind in KINDS.items() if kind.scalar]


def pose(p: Physics, q: np.ndarray) -> tuple[np.ndarray, Rotation]:
    """Of the link that the joint moves."""
    pos, quat, _, _ = p.kinematics(p.pack(), torch.tensor(q)[None], torch.zeros(1, p.nv, dtype=torch.float64))
    return pos[0, 0].numpy(), Rotation.from_quat(np.roll(quat[0, 0].numpy(), -1))


def scene_of(kind: str, **options) -> tuple[Scene, object]:
    scene = Scene(sim_options=SimOptions(dt=0.01, requires_grad=False))
    entity = scene.add_entity(morphs.MJCF(file=text(kind, **options), joints=types_of(kind)), name="robot")
    scene.build()
    return scene, entity


def setting_of(kind: str, **options) -> Setting:
    scene, entity = scene_of(kind, **options)
    qpos, qvel = torch.tensor(scene.rigid_solver.model.qpos0), torch.zeros(entity.n_dofs, dtype=torch.float64)
    return Setting(
        scene=scene, robot=entity, entities={"robot": entity}, tool=None, horizon=1, dt=0.01, control="force", start_qpos=qpos,
        start_qvel=qvel, generator=torch.Generator().manual_seed(0), start_controls=qvel[None],
    )  # fmt: skip


def test_the_table_in_words():
    assert {name: (kind.nq, kind.nv, kind.plain) for name, kind in KINDS.items()} == {
        "hinge": (1, 1, 1), "slide": (1, 1, 1), "ball": (4, 3, 0), "screw": (1, 1, 1), "free": (7, 6, 3),
    }  # fmt: skip
    assert [CODE[kind.name] for kind in ELEMENTARY] == list(range(len(ELEMENTARY))) and FREE not in ELEMENTARY
    assert FREE.lengths == (True, True, True, False, False, False, False)
    assert FREE.neutral == (0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
    assert SCALARS == "hinges, slides and screws" and plural(lambda kind: kind.floats) == "frees"
    assert all(kind.scalar or len(kind.labels) == kind.nv for kind in KINDS.values())


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_has_a_word_for_it_or_for_what_stands_for_it(kind):
    """And what was said beside the file can be said again."""
    about, found = KINDS[kind], description(kind)
    assert (about.mjcf is None) == (about.stands_for is not None) == bool(about.constants)
    assert found.links[0].joints[0].kind is about
    assert retyped(found) == (types_of(kind) or {})


@pytest.mark.parametrize("kind", KINDS)
def test_counts_of_a_compiled_joint(engine, kind):
    model, about = robot(kind), KINDS[kind]
    joint, tip = model.joints
    assert joint.kind is about and (joint.nq, joint.nv) == (about.nq, about.nv) == (tip.qpos_adr, tip.dof_adr)
    assert [int(q) for q in model.integers["dof_qadr"][: about.nv]] == [*range(about.plain), *[-1] * (about.nv - about.plain)]
    assert model.sizes["njnt"] == about.elements + 1
    if not about.floats:
        np.testing.assert_array_equal(model.qpos0[: about.nq], about.neutral)


@pytest.mark.parametrize("kind", KINDS)
def test_it_turns_and_is_periodic_as_the_table_says(engine, kind):
    model, about = robot(kind, child=False), KINDS[kind]
    p, rng = Physics(model, dt=0.01), np.random.default_rng(0)
    q = advance(model, model.qpos0, rng.uniform(0.3, 0.8, size=about.nv))
    pos, turn = pose(p, q)
    rest_pos, rest = pose(p, model.qpos0)
    assert ((rest.inv() * turn).magnitude() > 0.1) == about.turns
    if about.scalar:
        there, turned = pose(p, q + tau)
        assert bool(np.allclose(there, pos, atol=1e-12) and (turn.inv() * turned).magnitude() < 1e-12) == about.periodic


@pytest.mark.parametrize("kind", KINDS)
def test_scaling_scales_its_lengths(engine, kind):
    """The robot of twice the size is at twice the place where its lengths are twice as long."""
    small, large = (compile_model([Placed(description(kind, scale=s), kind)]) for s in (1.0, 2.0))
    about, rng = KINDS[kind], np.random.default_rng(1)
    q = advance(small, small.qpos0, 0.5 * rng.normal(size=small.nv))
    factors = np.array([*(2.0 if length else 1.0 for length in about.lengths), 1.0])
    (pos, turn), (far, other) = pose(Physics(small, dt=0.01), q), pose(Physics(large, dt=0.01), q * factors)
    np.testing.assert_allclose(far, 2.0 * pos, atol=1e-14)
    assert (turn.inv() * other).magnitude() < 1e-14


@pytest.mark.parametrize("kind", KINDS)
def test_states_move_along_tangents_and_back(engine, kind):
    """StateSpace and selection.difference, the tangent small."""
    scene, entity = scene_of(kind)
    model, rng = scene.rigid_solver.model, np.random.default_rng(2)
    space, q, v = StateSpace(model), advance(model, model.qpos0, rng.normal(size=model.nv)), rng.normal(size=model.nv)
    x, tangent = torch.tensor(np.concatenate([q, v])), torch.tensor(1e-4 * rng.normal(size=2 * model.nv))
    moved = space.retract(x, tangent)
    np.testing.assert_allclose(moved[: model.nq], advance(model, q, tangent[: model.nv].numpy()), atol=1e-15)
    np.testing.assert_allclose(space.difference(moved, x), tangent, atol=1e-11)
    np.testing.assert_allclose(difference(joints_of(entity), moved[: model.nq], x[: model.nq]), tangent[: model.nv], atol=1e-11)


@pytest.mark.parametrize("kind", SCALAR)
def test_a_turn_is_nothing_where_it_leads_back(engine, kind):
    joint = joints_of(scene_of(kind)[1])[0]
    q = torch.tensor([0.3, 0.0], dtype=torch.float64)
    gone = difference([joint], q + numbers(tau, 0.0), q, periodic=True).abs().max() < 1e-12
    assert bool(gone) == joint.is_periodic == KINDS[kind].periodic


@pytest.mark.parametrize("kind", SCALAR)
def test_an_offset_is_a_shift_of_its_coordinate(engine, kind):
    """The link stands with offset z at q where it stood at q + z."""
    setting = setting_of(kind, anchor="")
    scene = setting.scene
    parameter = JointOffset(setting, "x", names=["it"])
    assert parameter.unit_of(0) == KINDS[kind].dofs[0].position
    solver, q = scene.rigid_solver, torch.tensor([[0.4, 0.2]], dtype=torch.float64)
    inputs = Inputs(described={name: solver.parameters.described(name)[0] for name in solver.parameters.names})
    parameter.with_leaves([torch.tensor([0.3], dtype=torch.float64)]).apply(inputs)
    physics, still = solver.physics, torch.zeros_like(q)
    there = physics.kinematics(physics.pack(inputs.physical), q, still)
    expected = physics.kinematics(physics.pack(), q + numbers(0.3, 0.0), still)
    for x, y in zip(there[:2], expected[:2], strict=True):
        np.testing.assert_allclose(x, y, atol=1e-15)


@pytest.mark.parametrize("kind", SCALAR)
def test_position_and_velocity_are_channels_in_its_units(engine, kind):
    setting, unit = setting_of(kind), KINDS[kind].dofs[0]
    for name, expected in (("joint_position", unit.position), ("joint_velocity", unit.velocity)):
        assert CHANNELS[name](setting, "x", ["it"]).unit == expected
    joint = joints_of(setting.robot)[0]
    assert units_of([joint], "torque", "force") == [unit.force] and joint.slides == (unit is LENGTH)


NAMED = {  # files with the name of a type in a string: the table, words of MuJoCo and MJCF, the end of a name
    "description/kinds.py", "description/mjcf.py", "description/write_mjcf.py", "description/urdf_joints.py",
}  # fmt: skip


def test_nothing_else_compares_names_of_types():
    """A new type would be forgotten there: ask its kind instead."""
    folder, found = Path(genesis.__file__).parent, set()
    for file in folder.rglob("*.py"):
        strings = {node.value for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Constant)}
        if strings & set(KINDS):
            found.add(str(file.relative_to(folder)))
    assert found == NAMED


def test_what_joints_share_is_traced_once():
    """Those of one coordinate advance alike; a screw turns as a hinge does; codes of a kernel are told apart."""
    groups = {tuple(ELEMENTARY[k].name for k in group.codes) for group in COORDINATES}
    assert groups == {("hinge", "slide", "screw"), ("ball",)}
    assert ("hinge", "screw") in {tuple(ELEMENTARY[k].name for k in group.codes) for group in TURNS}
    for table in (COORDINATES, TURNS, SPRINGS):
        for code in range(len(ELEMENTARY)):
            assert [group.has(code) for group in table] == [code in group.codes for group in table]

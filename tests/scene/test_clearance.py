"""Distances of links along trajectories: which pairs there are, values against MuJoCo, Jacobians, what names mean."""

from typing import Any

import mujoco
import numpy as np
import pytest
import torch

import genesis as gs
from genesis.errors import InputError
from genesis.grad.tensor import plain
from genesis.scene.clearance import LinkPairs
from genesis_cli.paths import config_dir

pytestmark = pytest.mark.usefixtures("engine")

ARM = """<mujoco><compiler angle="radian"/><worldbody>
<geom name="floor" type="plane" size="5 5 0.1"/>
<body name="upper" pos="0 0 0.5"><joint name="a" axis="0 1 0"/><geom name="u" type="capsule" fromto="0 0 0 0.4 0 0" size="0.04"/>
  <body name="lower" pos="0.4 0 0"><joint name="b" axis="0 1 0"/><joint name="c" axis="0 0 1"/>
    <geom name="l" type="capsule" fromto="0 0 0 0.3 0 0" size="0.03"/>
    <body name="grip" pos="0.3 0 0"><geom name="palm" type="box" size="0.02 0.05 0.03"/>
      <body name="finger" pos="0.03 0.03 0"><joint name="f" type="slide" axis="0 1 0"/>
        <geom name="tip" type="sphere" size="0.02"/><geom name="nail" type="cylinder" size="0.01 0.02" pos="0.02 0 0"/></body></body></body>
</body></worldbody></mujoco>"""


def scene_of(xml: str, *bodies: Any, envs: int = 0) -> gs.Scene:
    options = gs.options.RigidOptions(enable_collision=False)  # distances are of geoms all the same
    scene = gs.Scene(sim_options=gs.options.SimOptions(dt=0.01), rigid_options=options, show_viewer=False)
    scene.add_entity(gs.morphs.MJCF(file=xml), name="arm")
    for k, body in enumerate(bodies):
        scene.add_entity(body, name=f"body{k}")
    scene.build(n_envs=envs)
    return scene


@pytest.fixture
def arm_file(tmp_path: Any) -> str:
    path = tmp_path / "arm.xml"
    path.write_text(ARM)
    return str(path)


def motion(scene: gs.Scene, envs: int = 0) -> Any:
    random = np.random.default_rng(0)
    shape = (7, envs, scene.rigid_solver.model.nv) if envs else (7, scene.rigid_solver.model.nv)
    controls = torch.from_numpy(random.standard_normal(shape)).requires_grad_()
    return scene.rollout(controls), controls


def test_pairs_leave_out_what_a_joint_joins_and_count_each_once(arm_file: str) -> None:
    scene = scene_of(arm_file, gs.morphs.Sphere(radius=0.1, pos=(1.0, 0.0, 0.5), fixed=True))
    own = LinkPairs("x", scene, among=["arm"])
    assert own.labels == ["arm–lower", "arm–grip", "arm–finger", "upper–finger"], (
        "the grip is part of the lower link, which a joint joins"
    )
    assert LinkPairs("x", scene, between=[["arm", "body0"], ["body0", "grip"]]).labels == [
        "arm–body0", "upper–body0", "lower–body0", "grip–body0", "finger–body0"
    ][1:]  # fmt: skip
    assert LinkPairs("x", scene, between=[["arm/f*", "floor"], ["tip", "body?"]]).labels == ["finger–arm", "finger–body0"]


def test_distances_along_a_motion_are_mujocos(arm_file: str) -> None:
    scene = scene_of(arm_file)
    pairs = LinkPairs("x", scene, between=[["finger", "upper"], ["grip", "floor"]])
    trajectory, _ = motion(scene)
    found = plain(trajectory.distance(pairs)).detach().numpy()
    model = mujoco.MjModel.from_xml_string(ARM)
    data, name = mujoco.MjData(model), lambda text: mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_GEOM, text)
    for t in range(8):
        data.qpos[:] = plain(trajectory.qpos)[t].detach().numpy()
        mujoco.mj_kinematics(model, data)
        of = lambda a, b: mujoco.mj_geomDistance(model, data, name(a), name(b), 10.0, np.zeros(6))  # noqa: B023, E731
        assert found[t] == pytest.approx([min(of("tip", "u"), of("nail", "u")), of("palm", "floor")], abs=1e-8)


def test_slopes_are_those_of_differences_and_of_the_jacobian(arm_file: str) -> None:
    scene = scene_of(arm_file)
    pairs = LinkPairs("x", scene, among=["arm"])
    start = {"qpos": torch.zeros(4, dtype=torch.float64), "qvel": torch.zeros(4, dtype=torch.float64)}
    trajectory, controls = motion(scene)
    weights = torch.from_numpy(np.random.default_rng(1).standard_normal((4, len(pairs))))
    (plain(trajectory.distance(pairs, slice(4, 8))) * weights).sum().backward()
    direction, values = torch.from_numpy(np.random.default_rng(2).standard_normal(controls.shape)), []
    for side in (1.0, -1.0):
        with torch.no_grad():
            moved = scene.rollout(controls.detach() + side * 1e-6 * direction, **start)
            values.append(float((plain(moved.distance(pairs, slice(4, 8))) * weights).sum()))
    assert controls.grad is not None
    assert float((controls.grad * direction).sum()) == pytest.approx((values[0] - values[1]) / 2e-6, rel=1e-6)
    steps = slice(2, 5)
    jacobian, (q, v) = pairs.jacobian(trajectory, steps), (plain(trajectory.qpos).detach(), plain(trajectory.qvel).detach())
    for k in range(q.shape[-1]):
        shifted = [q.clone() for _ in range(2)]
        for side, x in zip((1e-6, -1e-6), shifted, strict=True):
            x[:, k] += side
        with torch.no_grad():
            up, down = (plain(scene.trajectory(x, v).distance(pairs, steps)) for x in shifted)
        assert jacobian[:, 0, :, k] == pytest.approx((up - down) / 2e-6, abs=1e-7)
    assert not bool(jacobian[..., q.shape[-1] :].any())


def test_environments_are_measured_as_alone_and_parameters_of_geoms_count(arm_file: str) -> None:
    alone, batch = scene_of(arm_file), scene_of(arm_file, envs=2)
    q, v = torch.zeros(3, 2, 4, dtype=torch.float64), torch.zeros(3, 2, 4, dtype=torch.float64)
    q[:] = torch.from_numpy(np.random.default_rng(3).standard_normal((3, 2, 4)) * 0.3)
    both = plain(batch.trajectory(q, v).distance(LinkPairs("x", batch, among=["arm"])))
    one = plain(alone.trajectory(q[:, 1], v[:, 1]).distance(LinkPairs("x", alone, among=["arm"])))
    assert both[:, 1] == pytest.approx(one, abs=1e-14)


@pytest.mark.parametrize(
    ("between", "message"),
    [([["arm", "bal"]], r"x\.between\[0\]: unknown entity, link or geom with a shape \"bal\""),
     ([["arm/elbow", "floor"]], "elbow"), ([["wrist/a", "floor"]], "unknown entity \"wrist\""),
     ([["upper", "lower"]], "no two bodies with shapes that can move against each other"), (["arm"], "is no pair")],
)  # fmt: skip
def test_wrong_names_are_named(arm_file: str, between: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        LinkPairs("x", scene_of(arm_file), between=between)


def test_shipped_robots_measure_themselves() -> None:
    scene = gs.Scene(sim_options=gs.options.SimOptions(dt=0.01), show_viewer=False)
    robot = scene.add_entity(gs.morphs.URDF(file=str(config_dir() / "robots" / "panda" / "panda.urdf"), fixed=True), name="panda")
    scene.build()
    pairs = LinkPairs("x", scene, among=["panda"])
    start = torch.tensor([[0.0, -0.785, 0.0, -2.356, 0.0, 1.571, 0.785]] * 2, dtype=torch.float64)
    found = plain(scene.trajectory(start, torch.zeros(2, robot.n_dofs, dtype=torch.float64)).distance(pairs))
    assert found.shape == (2, len(pairs)) and "panda_link1–panda_link5" in pairs.labels, (
        "links that are only seen count by what is seen of them"
    )
    assert float(found.min()) > 0.0

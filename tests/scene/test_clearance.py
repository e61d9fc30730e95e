"""Distances of links along trajectories: which pairs there are, values against MuJoCo, Jacobians, what names mean."""

from typing import Any

import mujoco
import numpy as np
import pytest
import torch

import genesis as gs
from genesis.description.hulls import convex_hull, simplify
from genesis.errors import InputError
from genesis.grad.rotation import multiply, rotate
from genesis.grad.tensor import plain
from genesis.scene.clearance import LinkPairs
from genesis.scene.trajectory import Trajectory
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


def test_environments_are_measured_as_alone(arm_file: str) -> None:
    alone, batch = scene_of(arm_file), scene_of(arm_file, envs=2)
    q, v = torch.zeros(3, 2, 4, dtype=torch.float64), torch.zeros(3, 2, 4, dtype=torch.float64)
    q[:] = torch.from_numpy(np.random.default_rng(3).standard_normal((3, 2, 4)) * 0.3)
    trajectory, single = batch.trajectory(q, v), alone.trajectory(q[:, 1], v[:, 1])
    pairs, own = LinkPairs("x", batch, among=["arm"]), LinkPairs("x", alone, among=["arm"])
    assert plain(trajectory.distance(pairs))[:, 1] == pytest.approx(plain(single.distance(own)), abs=1e-14)
    jacobian = pairs.jacobian(trajectory, slice(1, 3))
    assert jacobian[:, 1:] == pytest.approx(own.jacobian(single, slice(1, 3)), abs=1e-12)
    theta = plain(trajectory._theta)
    each = Trajectory(  # parameters of every state, as probes have them
        batch.rigid_solver, theta.expand(3, 2, -1).contiguous(), (q, v, v[1:]), None, 0.01, 0, "force"
    )
    assert plain(each.distance(pairs)) == pytest.approx(plain(trajectory.distance(pairs)), abs=1e-14)
    assert pairs.jacobian(each, slice(1, 3)) == pytest.approx(jacobian, abs=1e-12)


def test_jacobians_are_to_coordinates_also_of_quaternions(arm_file: str) -> None:
    scene = scene_of(arm_file, gs.morphs.Box(size=(0.3, 0.2, 0.1), pos=(0.8, 0.2, 0.9)))
    pairs = LinkPairs("x", scene, between=[["arm", "body0"]])
    random = np.random.default_rng(5)
    q = torch.from_numpy(random.standard_normal((4, 11)) * 0.3 + np.array([0] * 4 + [0.8, 0.2, 0.9, 1, 0, 0, 0]))
    q[:, 7:] /= q[:, 7:].norm(dim=-1, keepdim=True)
    q.requires_grad_()
    trajectory = scene.trajectory(q, torch.zeros(4, 10, dtype=torch.float64))
    found, jacobian = plain(trajectory.distance(pairs, slice(0, 3))), pairs.jacobian(trajectory, slice(0, 3))
    for k in range(len(pairs)):
        (slope,) = torch.autograd.grad(found[:, k].sum(), q, retain_graph=True)
        assert jacobian[:, 0, k, :11] == pytest.approx(slope[:3], abs=1e-10)
    assert jacobian[..., 7:11].abs().max() > 0.01


def test_places_and_sizes_of_geoms_count_with_their_slopes(tmp_path: Any) -> None:
    path = tmp_path / "arm.xml"
    path.write_text(ARM)
    scene = gs.Scene(sim_options=gs.options.SimOptions(dt=0.01), show_viewer=False)
    scene.add_entity(gs.morphs.MJCF(file=str(path)), name="arm")
    scene.build()
    pairs = LinkPairs("x", scene, among=["arm"])
    q, v = torch.full((2, 4), 0.2, dtype=torch.float64), torch.zeros(2, 4, dtype=torch.float64)
    described, random = scene.physical_parameters(), np.random.default_rng(7)
    for name in ("geom_pos", "geom_quat", "geom_size"):
        value = plain(described[name]).clone().requires_grad_()
        direction = torch.from_numpy(random.standard_normal(value.shape)) * 0.1
        if name == "geom_size":  # what a geom has none of stays 0
            direction *= value.detach() > 0.0
        if name == "geom_quat":
            direction -= (direction * value.detach()).sum(-1, keepdim=True) * value.detach()
        weights = torch.from_numpy(random.standard_normal((2, len(pairs))))

        def total(x: torch.Tensor, name: str = name, weights: torch.Tensor = weights) -> torch.Tensor:
            return (plain(scene.trajectory(q, v, params={name: x}).distance(pairs)) * weights).sum()

        total(value).backward()
        assert value.grad is not None
        slope = float((value.grad * direction).sum())
        up, down = (float(total(value.detach() + step * direction)) for step in (1e-6, -1e-6))
        assert abs(slope) > 1e-3 and slope == pytest.approx((up - down) / 2e-6, rel=1e-6), name


def test_a_scene_measures_its_state_by_names(arm_file: str) -> None:
    for envs in (0, 3):
        scene = scene_of(arm_file, gs.morphs.Sphere(radius=0.1, pos=(1.0, 0.0, 0.5), fixed=True), envs=envs)
        shape = (envs, 4) if envs else (4,)
        scene.get_entity("arm").set_qpos(torch.full(shape, 0.1, dtype=torch.float64))
        q = plain(scene.get_entity("arm").get_qpos()).clone().requires_grad_()
        now, there = scene.distance([["arm", "body0"]]), scene.distance([["arm", "body0"]], q)
        assert torch.equal(plain(now), plain(there)) and now.shape == (*shape[:-1], 4)
        plain(there).sum().backward()
        assert q.grad is not None and q.grad.shape == shape and bool((q.grad[..., 1] != 0.0).all())
        along = scene.trajectory(torch.stack([q.detach()] * 2), torch.zeros(2, *shape, dtype=torch.float64))
        assert torch.equal(plain(along.distance([["arm", "body0"]]))[1], plain(now))
    with pytest.raises(InputError, match="of another scene"):
        scene.distance(LinkPairs("x", scene_of(arm_file), among=["arm"]))


def test_beyond_a_distance_pairs_count_as_that_far(arm_file: str) -> None:
    scene = scene_of(arm_file)
    trajectory, _ = motion(scene)
    whole, near = (LinkPairs("x", scene, among=["arm"], beyond=beyond) for beyond in (None, 0.3))
    d = plain(trajectory.distance(whole)).detach()
    assert torch.equal(plain(trajectory.distance(near)).detach(), d.clamp(max=0.3))
    far = (d >= 0.3)[:, None]
    slopes, all_slopes = (pairs.jacobian(trajectory, slice(0, 8)) for pairs in (near, whole))
    assert far.any() and not far.all() and not slopes[far].any()
    assert torch.equal(slopes[~far], all_slopes[~far])
    with pytest.raises(InputError, match=r"x\.beyond is -1\.0; allowed: a distance above 0 m"):
        LinkPairs("x", scene, among=["arm"], beyond=-1.0)


@pytest.mark.parametrize(
    ("between", "message"),
    [([["arm", "bal"]], r"x\.between\[0\]: unknown entity, link or geom with a shape \"bal\""),
     ([["arm/elbow", "floor"]], "elbow"), ([["wrist/a", "floor"]], "unknown entity \"wrist\""),
     ([["upper", "lower"]], "no two bodies with shapes that can move against each other"), (["arm"], "is no pair")],
)  # fmt: skip
def test_wrong_names_are_named(arm_file: str, between: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        LinkPairs("x", scene_of(arm_file), between=between)


def robot(name: str, file: str) -> gs.Scene:
    scene = gs.Scene(sim_options=gs.options.SimOptions(dt=0.01), show_viewer=False)
    path = str(config_dir() / "robots" / name / file)
    scene.add_entity(gs.morphs.URDF(file=path, fixed=True) if file.endswith("urdf") else gs.morphs.MJCF(file=path), name=name)
    scene.build()
    return scene


def test_links_that_are_only_seen_count_by_what_is_seen_of_them() -> None:
    scene = robot("panda", "panda.urdf")
    pairs = LinkPairs("x", scene, among=["panda"])
    start = torch.tensor([[0.0, -0.785, 0.0, -2.356, 0.0, 1.571, 0.785]] * 2, dtype=torch.float64)
    found = plain(scene.trajectory(start, torch.zeros_like(start)).distance(pairs))
    assert found.shape == (2, len(pairs)) and "panda_link1–panda_link5" in pairs.labels
    assert float(found.min()) > 0.0


def mocap_model(geoms: list[Any]) -> mujoco.MjModel:
    """Each geom on a body of its own, which MuJoCo puts where it is told."""
    assets, bodies = [], []
    for k, geom in enumerate(geoms):
        shape = f'type="{geom.type}" size="{" ".join(map(str, np.asarray(geom.size)))}"'
        if geom.type == "mesh":
            points = geom.description.vertices if geom.description.hull is None else geom.description.hull[0]
            corners = simplify(convex_hull(np.asarray(points, float)))[0][0]
            assets.append(f'<mesh name="m{k}" vertex="{" ".join(map(repr, corners.ravel().tolist()))}" inertia="convex"/>')
            shape = f'type="mesh" mesh="m{k}"'
        bodies.append(f'<body mocap="true"><geom {shape}/></body>')
    text = f"<mujoco><asset>{''.join(assets)}</asset><worldbody>{''.join(bodies)}</worldbody></mujoco>"
    model = mujoco.MjModel.from_xml_string(text)
    model.opt.ccd_tolerance, model.opt.ccd_iterations = 1e-12, 200
    return model


@pytest.mark.parametrize(("name", "file"), [("panda", "panda.urdf"), ("go2", "go2.xml")])
def test_shipped_robots_are_as_far_from_themselves_as_mujoco_says(name: str, file: str) -> None:
    scene, random = robot(name, file), np.random.default_rng(8)
    pairs = LinkPairs("x", scene, among=[name])
    start = plain(scene.get_entity(name).get_qpos()).numpy()
    q = start + 0.2 * random.standard_normal((3, len(start)))
    if name == "go2":
        q[:, 3:7] = start[3:7]
    trajectory = scene.trajectory(torch.from_numpy(q), torch.zeros(3, scene.rigid_solver.model.nv, dtype=torch.float64))
    found, compared = plain(trajectory.distance(pairs)).numpy(), 0
    geoms = list({geom.idx: geom for pair in pairs.bodies for body in pair for geom in body.geoms}.values())
    place, model = {geom.idx: k for k, geom in enumerate(geoms)}, mocap_model(geoms)
    data = mujoco.MjData(model)
    for t in range(3):
        for k, geom in enumerate(geoms):
            pos, quat = (plain(x)[t, geom.link.idx] for x in (trajectory.links_pos, trajectory.links_quat))
            local = torch.from_numpy(np.asarray(geom.description.pos, float))
            data.mocap_pos[k] = (pos + rotate(quat, local)).numpy()
            data.mocap_quat[k] = multiply(quat, torch.from_numpy(np.asarray(geom.description.quat, float))).numpy()
        mujoco.mj_kinematics(model, data)
        for k, (a, b) in enumerate(pairs.bodies):
            both = [(place[g.idx], place[h.idx]) for g in a.geoms for h in b.geoms]
            wanted = min(mujoco.mj_geomDistance(model, data, *ends, 10.0, np.zeros(6)) for ends in both)
            if wanted > 1e-6:
                assert found[t, k] == pytest.approx(wanted, abs=1e-6), pairs.labels[k]
                compared += 1
            else:
                assert found[t, k] <= 1e-6, pairs.labels[k]
    assert compared > 50

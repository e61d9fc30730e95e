"""Poses in which axes, faces or centres coincide, under every law, cone and number of rows: MuJoCo's values, and the limit of a small tilt."""

import mujoco
import numpy as np
import pytest
import torch

from genesis.model.layout import PAIR_TYPES
from tests.dynamics import mujoco_twin
from tests.dynamics.constraints.scenes import CONES, HEAD, PAIRS, exact, modelled, physics_of
from tests.dynamics.constraints.test_degenerate import STEPS, gradients
from tests.dynamics.conversions import advance, rotation

BALL, ROD, CRATE = 'type="sphere" size="0.1"', 'type="capsule" size="0.05 0.1"', 'type="box" size="0.1 0.12 0.08"'
LIES, ROOT = "0.7071067811865476 0 0.7071067811865476 0", 0.7071067811865476
FLOOR = 'type="plane" size="0 0 1"'
RESTS = {  # what lies below, what lies on it, how high, how turned; how far aside
    "an upright capsule on a plane": (FLOOR, ROD, 0.149, "1 0 0 0", 0.0),
    "a capsule on its head": (FLOOR, ROD, 0.149, "0 1 0 0", 0.0),
    "a lying capsule on a plane": (FLOOR, ROD, 0.049, LIES, 0.0),
    "a box flush on a plane": (FLOOR, CRATE, 0.079, "1 0 0 0", 0.0),
    "a box on its edge": (FLOOR, CRATE, ROOT * 0.18 - 0.001, "0.9238795325112867 0 0.3826834323650898 0", 0.0),
    "a ball on a plane": (FLOOR, BALL, 0.099, "1 0 0 0", 0.0),
    "a ball upon a ball": (BALL, BALL, 0.199, "1 0 0 0", 0.0),
    "a ball on the end of a capsule": (ROD, BALL, 0.249, "1 0 0 0", 0.0),
    "a ball on a face": (CRATE, BALL, 0.179, "1 0 0 0", 0.0),
    "a ball above an edge": (CRATE, BALL, 0.179, "1 0 0 0", 0.1),
    "an upright capsule on an upright capsule": (ROD, ROD, 0.299, "1 0 0 0", 0.0),
    "a lying capsule on an upright capsule": (ROD, ROD, 0.199, LIES, 0.0),
    "a capsule across a capsule": (ROD + ' euler="1.5707963267948966 0 0"', ROD, 0.099, LIES, 0.0),
    "a capsule along a capsule": (ROD + ' euler="0 1.5707963267948966 0"', ROD, 0.099, LIES, 0.0),
}
SPLIT = (
    "an upright capsule on an upright capsule",
    "a capsule along a capsule",
)  # two contacts, one in all tilted poses, as in MuJoCo
STATES = {
    "at rest": (0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    "sliding": (0.3, 0.1, -0.05, 0.0, 0.0, 0.0),
    "spinning": (0, 0, 0, 0, 0, 2.0),
}
DIMS = (1, 3, 4, 6)
FRICTION = "0.6 0.4 0.02 0.003 0.001"
TINY = 1e-5


def scene(law: str, cones: str, dim: int, friction: str = FRICTION):
    """All poses side by side in one world: every body meets its own support alone."""
    cone, impratio = CONES[cones]
    bodies, pairs = "", ""
    for k, (below, above, height, quat, aside) in enumerate(RESTS.values()):
        place = f"{2 * k} 0 0"
        bodies += f'<geom name="below{k}" {below} pos="{place}" contype="0" conaffinity="0"/>'
        bodies += f'<body pos="{2 * k + aside} 0 {height}" quat="{quat}"><freejoint/>'
        bodies += f'<geom name="above{k}" {above} mass="1" contype="0" conaffinity="0"/></body>'
        pairs += f'<pair geom1="below{k}" geom2="above{k}" condim="{dim}" friction="{friction}"/>'
    xml = HEAD.format(cone=cone, impratio=impratio).replace("0.4 -0.7", "0 0")
    xml += f"<worldbody>{bodies}</worldbody><contact>{pairs}</contact></mujoco>"
    model = modelled(xml, contact=law)
    return model, physics_of(model, 0.005), exact(mujoco.MjModel.from_xml_string(xml))


def moving(model, state: str) -> np.ndarray:
    """The same velocity of every body."""
    return np.tile(np.array(STATES[state], float), model.nv // 6)


def accelerations(model, physics, states: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """(states, bodies, 6)."""
    qpos, qvel = (torch.tensor(np.array(x)) for x in zip(*states, strict=True))
    return physics.step(physics.pack(), qpos, qvel, torch.zeros_like(qvel))[2].numpy().reshape(len(states), -1, 6)


def test_the_pairs_are_those_of_the_other_scenes():
    """So that the kernels are shared."""
    assert {(0, 2), (0, 3), (0, 6), (2, 2), (2, 3), (2, 6), (3, 3)} == {PAIR_TYPES[k] for k in PAIRS}


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("cones", ["pyramids", "cones-5"])
def test_values_are_mujocos(engine, cones, dim):
    """Frames too: the two sliding frictions differ, so a turned frame pushes elsewhere."""
    model, physics, twin = scene("mujoco", cones, dim)
    start = np.array(model.qpos0, float)
    for state in STATES:
        velocity = moving(model, state)
        found = accelerations(model, physics, [(start, velocity)])[0]
        wanted = mujoco_twin.accelerations(twin, start[None], velocity[None], np.zeros((1, 0)))[0].reshape(-1, 6)
        for name, mine, theirs in zip(RESTS, found, wanted, strict=True):
            assert np.abs(theirs[:3] - [0, 0, -9.81]).max() > 0.1, name  # it is held
            np.testing.assert_allclose(mine, theirs, atol=1e-7 * max(np.abs(theirs).max(), 1.0), err_msg=f"{name}, {state}")


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("cones", ["pyramids", "cones-5"])
@pytest.mark.parametrize("law", ["mujoco", "smooth"])
def test_forces_are_the_limit_of_a_small_tilt(engine, law, cones, dim):
    """To either side about y: the tangents of an upright capsule lie in the plane of its tilt, at none along x and y."""
    model, physics, _ = scene(law, cones, dim)
    start, tilt = np.array(model.qpos0, float), np.zeros(model.nv)
    tilt[4::6] = 1.0
    for state in STATES:
        velocity = moving(model, state)
        steps = [0.0] + [sign * step for sign in (1, -1) for step in (TINY, 1e-3 * TINY)]
        here, *near = accelerations(model, physics, [(advance(model, start, h * tilt), velocity) for h in steps])
        for k, name in enumerate(RESTS):
            if name not in SPLIT:
                for h, there in zip(steps[1:], near, strict=True):
                    slack = 1e-7 + 5e3 * abs(h)  # depths change by a length times h, torques meet small inertias
                    np.testing.assert_allclose(
                        there[k], here[k], atol=slack * np.abs(here[k]).max(), err_msg=f"{name}, {state}, {h}"
                    )


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("cones", ["pyramids", "cones-5"])
@pytest.mark.parametrize("law", ["mujoco", "smooth"])
def test_gradients_are_those_beside(engine, law, cones, dim):
    """Finite, and between those of two tiny tilts; sliding, so that no derivative jumps where a grip begins to slip."""
    model, physics, _ = scene(law, cones, dim)
    start, velocity, tilt = np.array(model.qpos0, float), moving(model, "sliding"), np.zeros(model.nv)
    tilt[4::6] = 1e-7
    here, *sides = (gradients(physics, advance(model, start, sign * tilt), velocity) for sign in (0.0, 1.0, -1.0))
    axes = {
        "qpos": 0,
        "qvel": 0,
        "dof_ctrl": STEPS,
        "xpair_friction": 0,
        "xpair_solref": 0,
        "geom_size": 2,
    }  # before that of the poses
    for key, lead in axes.items():
        at, *beside = (found[key].reshape(max(lead, 1), len(RESTS), -1) for found in (here, *sides))
        low, high = np.minimum(*beside), np.maximum(*beside)
        slack = 1e-3 * np.maximum(np.maximum(np.abs(low), np.abs(high)), 1e-3 * np.abs(at).max())
        wrong = ~np.isfinite(at) | (at < low - slack) | (at > high + slack)
        found = {name for k, name in enumerate(RESTS) if wrong[:, k].any()}
        assert found <= set(SPLIT), key
        assert np.isfinite(at).all(), key


@pytest.mark.parametrize("cones", ["pyramids", "cones-5"])
def test_friction_of_zero_has_the_derivative_from_above(engine, cones):
    """An optimiser that starts without friction sees where more of it leads."""
    model, physics, _ = scene("smooth", cones, 3, "0 0 0 0 0")
    start, velocity = np.array(model.qpos0, float), moving(model, "sliding")
    slopes = []
    for friction in (0.0, 1e-4):
        theta = {k: x.clone() for k, x in physics.defaults.items() if x.numel()}
        theta["xpair_friction"] += friction
        leaf = theta["xpair_friction"].requires_grad_()
        state = (torch.tensor(x)[None] for x in (start, velocity))
        _, v, _ = physics.rollout(physics.pack(theta), *state, torch.zeros(3, 1, model.nv, dtype=torch.float64))
        v[-1, 0, ::6].sum().backward()
        slopes.append(leaf.grad[:, :2].numpy())
    assert (slopes[0].min(axis=1) < -0.05).all()
    np.testing.assert_allclose(slopes[0], slopes[1], rtol=0.02, atol=1e-3)


@pytest.mark.parametrize("cones", ["pyramids", "cones-5"])
def test_a_touch_by_less_than_can_be_told(engine, cones):
    """The smooth stiffness grows with the square of the depth and underflows to zero first: it falls as if free, with a finite gradient."""
    model, physics, _ = scene("smooth", cones, 6)
    k = list(RESTS).index("a ball on a plane")
    start, velocity = np.array(model.qpos0, float), np.zeros(model.nv)
    start[7 * k + 2], velocity[6 * k + 2] = 0.1, -1e-170
    assert accelerations(model, physics, [(start, velocity)])[0][k] == pytest.approx([0, 0, -9.81, 0, 0, 0])
    for key, value in gradients(physics, start, velocity).items():
        assert np.isfinite(value).all(), key


def test_a_quaternion_of_zero_turns_nothing(engine):
    """As in MuJoCo; the direction in which it would turn first is unknown, so its gradient is zero."""
    model, physics, _ = scene("mujoco", "cones-5", 3)
    k = list(RESTS).index("a ball on a plane")
    start, still = np.array(model.qpos0, float), np.zeros(model.nv)
    whole = accelerations(model, physics, [(start, still)])
    start[7 * k + 3 : 7 * k + 7] = 0.0
    np.testing.assert_array_equal(accelerations(model, physics, [(start, still)]), whole)
    found = gradients(physics, start, still)
    assert all(np.isfinite(value).all() for value in found.values())
    np.testing.assert_array_equal(found["qpos"][0, 7 * k + 3 : 7 * k + 7], 0.0)


STANDING = """<mujoco><option cone="elliptic" timestep="0.005" gravity="{gravity}"/><worldbody><geom type="plane" size="0 0 1" quat="{quat}"/>
  <body pos="{pos}" quat="{quat}"><freejoint/><geom type="capsule" size="0.05 0.1" mass="1"/></body></worldbody></mujoco>"""
TURNS = {  # of everything: the normal along z, x, y, and along none
    "z": (1.0, 0.0, 0.0, 0.0),
    "x": (ROOT, 0.0, ROOT, 0.0),
    "y": (ROOT, -ROOT, 0.0, 0.0),
    "aslant": (0.8, 0.4, -0.2, 0.4),
}


def standing(turn: str) -> tuple[str, np.ndarray, np.ndarray]:
    """(file, velocity, rotation of everything)."""
    quat = np.array(TURNS[turn])
    turned = rotation(quat)
    words = {"gravity": turned @ [0, 0, -9.81], "pos": turned @ [0, 0, 0.149], "quat": quat}
    xml = STANDING.format(**{k: " ".join(map(str, x)) for k, x in words.items()})
    return xml, np.concatenate([turned @ [0.3, 0.1, -0.05], np.zeros(3)]), turned


@pytest.mark.parametrize("turn", TURNS)
def test_an_upright_capsule_stands_on_a_plane_of_any_slope(engine, turn):
    """World, gravity and velocity turned together: the acceleration, MuJoCo's on level ground, turns along whatever the tangents."""
    xml, velocity, _ = standing("z")
    level = exact(mujoco.MjModel.from_xml_string(xml))
    wanted = mujoco_twin.accelerations(level, level.qpos0[None], velocity[None], np.zeros((1, 0)))[0]
    xml, velocity, turned = standing(turn)
    model = modelled(xml)
    found = accelerations(model, physics_of(model, 0.005), [(np.array(model.qpos0, float), velocity)])[0, 0]
    np.testing.assert_allclose(np.concatenate([turned.T @ found[:3], found[3:]]), wanted, rtol=1e-7, atol=1e-7)

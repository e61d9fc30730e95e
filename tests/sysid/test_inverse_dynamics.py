"""Identification from torques: the regressor against inverse dynamics, base parameters, bodies that exist, and answers on made logs."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from genesis.description.friction_law import LAWS
from genesis.errors import InputError
from genesis.grad.friction import friction_force
from genesis.methods import make_method
from genesis.observations import Dataset, Recording, Series, Smoothing
from genesis.parameters.link_inertia import bodies_of, log_cholesky
from genesis.runners.identify import found, identification
from genesis.runners.loop import Stop
from genesis.scene import morphs
from genesis.scene.options import RigidOptions, SimOptions
from genesis.scene.scene import Scene
from genesis.sysid.build import problem_of
from genesis.sysid.inverse_dynamics.base import base_of
from genesis.sysid.inverse_dynamics.chart import LinearChart
from genesis.sysid.inverse_dynamics.equations import TorqueEquations, TorqueOptions
from genesis.sysid.inverse_dynamics.regressor import TorqueRegressor, body_of, described_phi, phi_of
from genesis.sysid.inverse_dynamics.residuals import TorqueResiduals
from genesis.sysid.inverse_dynamics.solution import TorqueSolver
from tests.dynamics.differences import OFFSETS, extrapolated
from tests.sysid.problems import channel, driver, joints_of, setting_for, whole

pytestmark = pytest.mark.usefixtures("engine")
PANDA, ARM = "panda", "double_pendulum"
LINKS = [f"panda_link{k}" for k in range(1, 8)]
SCREWED = """<mujoco model="screwed"><worldbody><body name="base" euler="20 0 10"><joint name="turn" axis="0 1 1" pos="0.1 0 0.2"/>
  <inertial pos="0.1 0 0" mass="1" diaginertia="0.01 0.02 0.02"/>
  <body name="plate" pos="0.1 0.2 0" euler="0 40 0"><inertial pos="0 0.1 0" mass="0.7" diaginertia="0.01 0.02 0.02"/>
   <body name="nut" pos="0 0 0.3" euler="30 0 0"><joint name="spindle" axis="1 0 0" pos="0 0.1 0"/>
    <joint name="push" type="slide" axis="0 1 0"/>
    <inertial pos="0 0 -0.4" mass="0.5" diaginertia="0.01 0.01 0.01"/>
    <body name="tool" pos="0 0.1 -0.1" euler="0 0 50"><inertial pos="0.1 0 0" mass="0.4" diaginertia="0.003 0.002 0.002"/></body>
  </body></body></body></worldbody></mujoco>"""


def screwed() -> Any:
    """A hinge off its link's origin, a plate fixed to it, a screw with a slide behind it, a tool fixed to that."""
    scene = Scene(
        sim_options=SimOptions(dt=0.01, requires_grad=False),
        rigid_options=RigidOptions(enable_collision=False, enable_joint_limit=False),
    )
    scene.add_entity(morphs.MJCF(file=SCREWED, joints={"spindle": {"type": "screw", "pitch": 0.3}}), name="robot")
    scene.build(n_envs=0)
    return scene


def states(model: Any, count: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(count, n, generator=generator, dtype=torch.float64) for n in (model.nq, model.nv, model.nv))  # type: ignore[return-value]


@pytest.mark.parametrize("robot", [PANDA, "cartpole", "screwed"])
def test_regressor_is_inverse_dynamics(robot: str) -> None:
    """Links that are fixed to others weigh in their axes; armature comes on top."""
    physics = (screwed() if robot == "screwed" else setting_for(robot).scene).rigid_solver.physics
    theta = physics.pack({})
    regressor, (q, v, a) = TorqueRegressor(physics.model), states(physics.model, 20)
    phi = described_phi(lambda name: regressor.value(theta, name))
    force = torch.einsum("ndlk,lk->nd", regressor.columns(theta, q, v, a), regressor.bodies(theta, phi))
    force = force + regressor.value(theta, "dof_armature") * a
    expected = physics.inverse_dynamics(theta, q, v, a)
    assert float((force - expected).abs().max()) <= 1e-10 * float(expected.abs().max())


def test_bodies_come_back_from_phi() -> None:
    generator = torch.Generator().manual_seed(1)
    bodies = bodies_of(torch.randn(5, 10, generator=generator, dtype=torch.float64))
    for was, now in zip(bodies, body_of(phi_of(*bodies)), strict=True):
        assert torch.allclose(was, now, rtol=1e-12, atol=1e-14)


def test_base_of_the_panda_has_the_rank_of_random_states() -> None:
    """Forty-three combinations of seventy numbers (Gaz et al., 2019, found as many), and the columns are those combinations."""
    physics = setting_for(PANDA).scene.rigid_solver.physics
    regressor = TorqueRegressor(physics.model)
    columns = [regressor.columns(physics.pack({}), *states(physics.model, 100, seed)).reshape(700, 70).numpy() for seed in (0, 1)]
    base = base_of(columns[0])
    assert len(base.chosen) == 43 == np.linalg.matrix_rank(columns[1], tol=1e-8)
    assert base.gap > 1e6
    assert np.abs(columns[1][:, base.chosen] @ base.matrix(70) - columns[1]).max() < 1e-9 * np.abs(columns[1]).max()
    words = base.words([f"{name}.{k}" for name in LINKS for k in range(10)])
    assert "panda_link6.1 + 0.088 panda_link7.0" in words


# ---- logs


def motion(time: np.ndarray, count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Angles (N, count) of a few sines, with their derivatives."""
    random = np.random.default_rng(seed)
    speed = 2.0 * np.pi * random.uniform(0.15, 0.9, (count, 4))
    phase, size = random.uniform(0.0, 6.0, (count, 4)), random.uniform(0.1, 0.5, (count, 4))
    angle = speed * time[:, None, None] + phase
    q, v, a = (size * np.sin(angle)).sum(-1), (size * speed * np.cos(angle)).sum(-1), -(size * speed**2 * np.sin(angle)).sum(-1)
    return q, v, a


def logged(
    robot: str, truth: dict[str, Any], *, seconds: float = 8.0, rate: float = 500.0, seed: int = 0, noise: float = 0.0, friction: Any = 0.0,
    viscous: Any = 0.0, split: str = "train", bias: Any = 0.0,
) -> Recording:  # fmt: skip
    """Angles and torques of a motion that is given; noise: of torques, relative to each joint's."""
    physics = setting_for(robot).scene.rigid_solver.physics
    time = np.arange(round(seconds * rate)) / rate
    q, v, a = motion(time, physics.nv, seed)
    theta = physics.pack({name: torch.as_tensor(value, dtype=torch.float64) for name, value in truth.items()})
    force = physics.inverse_dynamics(theta, *(torch.as_tensor(x) for x in (q, v, a))).numpy()
    force = force + np.asarray(viscous) * v + np.asarray(friction) * np.tanh(v / 0.01) - np.asarray(bias)
    random = np.random.default_rng(seed + 100)
    force = force + noise * np.sqrt((force**2).mean(0)) * random.standard_normal(force.shape)
    names = list(joints_of(robot))
    name = f"{split}{seed}"
    return Recording(
        name, None, 0, split, {"angle": Series(time, q, names)}, {"torque": Series(time, force, names)}, 0.0, float(time[-1])
    )  # type: ignore[arg-type]


def asked(robot: str, recordings: list[Recording], parameters: dict[str, Any], **inputs: Any) -> Any:
    names = joints_of(robot)
    specs = {"angle": channel("joint_position", names, 1e-4)}
    return problem_of(
        setting_for(robot), Dataset(recordings, specs, {"torque": driver("joint_force", names)}, Smoothing()), parameters
    )


def moved_bodies(robot: str, links: list[str], size: float, seed: int = 3) -> dict[str, Any]:
    """Inertial parameters of a robot with those of links moved, so that they exist."""
    values = {name: torch.tensor(whole(robot, name), dtype=torch.float64) for name in ("link_mass", "link_com", "link_inertia")}
    names = [link.name for link in setting_for(robot).scene.rigid_solver.model.links]
    rows = [names.index(link) for link in links]
    free = log_cholesky("truth", links, *(value[rows] for value in values.values()))
    free = free + size * torch.as_tensor(np.random.default_rng(seed).standard_normal(free.shape)) * torch.tensor(
        [1.0] * 4 + [0.1] * 6, dtype=torch.float64
    )
    for name, value in zip(values, bodies_of(free), strict=True):
        values[name][rows] = value
    return values


FREE = {
    "links": {"kind": "inertia", "names": ["upper", "lower"]}, "armature": {"kind": "armature", "init": 0.02},
    "viscous": {"kind": "damping", "init": 0.0}, "coulomb": {"kind": "dry_friction", "init": 0.0},
    "bias": {"kind": "input_bias", "input": "torque"},
}  # fmt: skip


def exact(equations: TorqueEquations, seed: int) -> None:
    """The motion of `motion` itself in place of its derivatives by differences."""
    for part in equations.parts:
        part.motion = tuple(torch.as_tensor(x) for x in motion(part.samples.time, equations.nv, seed))  # type: ignore[assignment]
        part.columns = equations.columns(part.samples, part.motion, equations.theta0, lambda done: None)


def test_exact_motion_gives_exact_base_parameters() -> None:
    """Of the true bodies, joints and offsets, from a wrong start; frozen bodies (the base) go to the right side."""
    truth = moved_bodies(ARM, ["upper", "lower"], 0.2) | {"dof_armature": [0.05, 0.03]}
    recording = logged(ARM, truth, viscous=[0.3, 0.2], friction=[0.2, 0.1], bias=[0.1, -0.2])
    problem = asked(ARM, [recording], FREE)
    equations = TorqueEquations(problem, TorqueOptions(equations=float("inf"), folds=0))
    exact(equations, 0)
    solver = TorqueSolver(equations)
    solution = solver.solution()
    names = [link.name for link in problem.solver.model.links]
    phi = phi_of(*(truth[name] for name in ("link_mass", "link_com", "link_inertia")))
    x = np.concatenate(
        [phi[[names.index("upper"), names.index("lower")]].reshape(-1).numpy(), [0.05, 0.03, 0.3, 0.2, 0.2, 0.1, 0.1, -0.2]]
    )
    assert solution.beta == pytest.approx(solution.base.of(x), rel=1e-8, abs=1e-8)
    assert solution.cost < 1e-6 * len(equations.parts[0].samples.instants)
    estimate = solver.chart.of(torch.as_tensor(solution.free)).numpy()
    assert solution.base.of(estimate) == pytest.approx(solution.base.of(x), rel=1e-5, abs=1e-6)


def test_what_forces_do_not_tell_stays_at_the_description() -> None:
    """The mass of the upper link moves about a fixed axis: only its moments count."""
    recording = logged(ARM, moved_bodies(ARM, ["lower"], 0.2), viscous=[0.3, 0.2], noise=0.01)
    problem = asked(ARM, [recording], {"links": FREE["links"], "viscous": FREE["viscous"]})
    result = torque_run(problem)
    mass = next(e for e in result.estimates if e.name == "links/upper.mass")
    assert mass.value == pytest.approx(mass.start, rel=0.05) and np.isnan(mass.std)
    assert result.status == "converged" and result.iterations <= 2


def torque_run(problem: Any, **options: Any) -> Any:
    loop = identification(
        problem,
        make_method({"kind": "levenberg_marquardt"}, {"kind": "constant"}, 50, 0),
        Stop(50),
        torque=TorqueOptions(**options),
        signals=False,
    )
    return found(loop.problem, loop.run())


def test_panda_on_unseen_motion() -> None:
    """From wrong bodies, one per cent of noise: forces of motion that was not fitted within half a per cent; the truth within its errors."""
    truth = moved_bodies(PANDA, LINKS, 0.1) | {"dof_armature": [0.2] * 7}
    own = {"viscous": [0.5] * 7, "friction": [0.4] * 7, "noise": 0.01}
    recordings = [logged(PANDA, truth, **own), logged(PANDA, truth, seed=1, split="validation", seconds=4.0, **own)]
    parameters = {**FREE, "links": {"kind": "inertia", "names": LINKS}}
    said: list[str] = []
    problem = asked(PANDA, recordings, parameters)
    loop = identification(
        problem, make_method({"kind": "levenberg_marquardt"}, {"kind": "constant"}, 50, 0), Stop(50), torque=TorqueOptions(folds=3),
        tell=said.append, signals=False,
    )  # fmt: skip
    result = found(loop.problem, loop.run())
    assert result.status == "converged" and len(result.base_parameters) == 43 + 5 + 7 + 7 + 7
    for row in result.torque_errors:
        assert row["base_unseen"] < 0.005 and row["consistent_unseen"] < 0.005 and row["consistent_validation"] < 0.006, row
        assert row["base_train"] < row["base_unseen"] < 1.5 * row["base_train"]
    assert loop.problem.torques.solution.floor <= loop.problem.torques.solution.cost
    assert {row["channel"] for row in result.rmse} == {"torque"} and result.rmse[0]["unit"] == "Nm"
    viscous = [row for row in result.base_parameters if row["name"].startswith("viscous")]
    assert max(abs(row["value"] - 0.5) / row["std"] for row in viscous) < 4.0
    for body in LinearChart(problem).bodies:
        x = LinearChart(problem).of(torch.as_tensor(loop.problem.squares.x)).detach().numpy()
        assert np.linalg.eigvalsh(body.pseudo(x)).min() > 0.0
    assert any(text.startswith("regressor") for text in said) and any(text.startswith("cross-validation") for text in said)


def test_numbers_that_are_not_linear_are_found_too() -> None:
    """A centre of mass and a mass together, a gain of the torques and where a joint thinks that zero is."""
    truth = {"link_mass": whole(ARM, "link_mass", lower=1.3), "link_com": whole(ARM, "link_com", lower=[0.0, 0.0, 0.3])}
    truth["link_inertia"] = whole(ARM, "link_inertia")
    recording = logged(ARM, truth, viscous=[0.3, 0.2], seconds=5.0)
    recording.inputs["torque"] = replace(recording.inputs["torque"], values=recording.inputs["torque"].values / 1.1)
    recording.channels["angle"] = replace(recording.channels["angle"], values=recording.channels["angle"].values - [0.05, 0.0])
    parameters = {
        "mass": {"kind": "field", "field": "link_mass", "names": ["lower"], "inertia": "keep"},
        "com": {"kind": "centre_of_mass", "names": ["lower"]},
        "viscous": {"kind": "damping"}, "gain": {"kind": "input_gain", "input": "torque", "tie": True},
        "zero": {"kind": "joint_offset", "names": ["shoulder"]},
    }  # fmt: skip
    result = torque_run(asked(ARM, [recording], parameters), cutoff=40.0)
    values = {e.name: e.value for e in result.estimates}
    assert values["mass/lower"] == pytest.approx(1.3, rel=2e-3) and values["com/lower[z]"] == pytest.approx(0.3, rel=2e-3)
    assert values["gain/all"] == pytest.approx(1.1, rel=2e-3) and values["zero/shoulder"] == pytest.approx(0.05, abs=1e-3)
    assert max(row["base_unseen"] for row in result.torque_errors) < 0.002
    assert result.errors == "autocorrelated"


@pytest.mark.parametrize("geometry", [False, True])
def test_jacobian_of_the_torques(geometry: bool) -> None:
    """Of few rows where all is linear but the bodies, and of all rows."""
    parameters = {**FREE, "links": {"kind": "inertia", "names": ["lower"]}, "gain": {"kind": "input_gain", "input": "torque"}}
    if geometry:
        parameters |= {"zero": {"kind": "joint_offset"}, "delay": {"kind": "input_delay", "input": "torque", "init": 0.003}}
    recording = logged(ARM, moved_bodies(ARM, ["lower"], 0.2), noise=0.05, seconds=3.0, viscous=0.3)
    torques = TorqueResiduals(asked(ARM, [recording], parameters), TorqueOptions(folds=0), lambda text: None)
    assert torques.solution is not None
    z = torques.problem.z0.numpy() + 0.01
    table = np.concatenate([b.z for b in torques.blocks(z)])

    def residuals(at: np.ndarray) -> np.ndarray:
        return np.concatenate([b.r for b in torques.blocks(at, False)])

    direction = 0.02 * np.random.default_rng(0).uniform(-1.0, 1.0, len(z))
    expected, _ = extrapolated(np.stack([residuals(z + h * direction) for h in OFFSETS], -1))
    assert np.abs(table @ direction - expected).max() <= 1e-6 * np.abs(expected).max()


def test_few_rows_cost_what_all_rows_do() -> None:
    recording = logged(ARM, moved_bodies(ARM, ["lower"], 0.2), noise=0.05, seconds=3.0)
    torques = TorqueResiduals(asked(ARM, [recording], FREE), TorqueOptions(folds=0), lambda text: None)
    assert torques.solution is not None
    z = torques.problem.z0
    few = sum(b.cost() for b in torques.blocks(z.numpy(), False) if b.label == "torque")
    all_rows = sum(torques._all_rows(part, z, False).cost() for part in torques.equations.parts)
    assert few == pytest.approx(all_rows, rel=1e-10)


def with_law(recording: Recording, law: list[float]) -> Recording:
    """The same motion under a friction law of the elbow besides."""
    time = recording.channels["angle"].time
    v = torch.as_tensor(motion(time, 2)[1])
    rows = torch.zeros(2, 8, dtype=torch.float64)
    rows[1] = torch.as_tensor(law, dtype=torch.float64)
    force = recording.inputs["torque"].values + friction_force(rows, v).numpy()
    recording.inputs["torque"] = replace(recording.inputs["torque"], values=force)
    return recording


def test_a_friction_law_is_found_from_torques() -> None:
    """Its forces in their place: Coulomb and viscous friction are linear; a slip velocity is refused by name."""
    recording = with_law(logged(ARM, {}, seconds=4.0, viscous=[0.0, 0.0]), list(LAWS["tanh"].row([0.4, 0.1, 0.15])))
    law = {
        "kind": "friction_law",
        "law": "tanh",
        "names": ["elbow"],
        "init": {"coulomb": 0.1, "viscous": 0.02, "slip_velocity": 0.15},
    }
    result = torque_run(asked(ARM, [recording], {"law": law | {"numbers": ["coulomb", "viscous"]}}), cutoff=40.0, folds=0)
    assert [e.value for e in result.estimates] == pytest.approx([0.4, 0.1], rel=0.02)
    assert result.status == "converged"
    with pytest.raises(InputError, match=r"law.numbers: .* slip_velocity is not; choose among coulomb, viscous"):
        TorqueEquations(asked(ARM, [recording], {"law": law}))
    with pytest.raises(InputError, match="torque.regularization: is 0"):
        TorqueOptions(regularization=0.0)


def test_what_follows_a_learned_number_acts_with_it() -> None:
    """A gain of the torques that follows a damping: the Jacobian knows of it, as of an offset of a joint."""
    parameters = {
        "viscous": {"kind": "damping", "names": ["elbow"], "init": 0.3},
        "gain": {"kind": "input_gain", "input": "torque", "tie": "1 + 0.5 * viscous ** 2"},
        "along": {"kind": "link_position", "names": ["lower"], "columns": [2], "tie": "-1.5 * viscous"},
    }
    problem = asked(ARM, [logged(ARM, {}, seconds=3.0, noise=0.05)], parameters)
    equations = TorqueEquations(problem, TorqueOptions(folds=0))
    part, z = equations.parts[0], problem.z0
    table = equations.slope(part, z)[..., 0]
    expected, _ = extrapolated(np.stack([equations.residual(part, z + 0.02 * h) for h in OFFSETS], -1))
    assert np.abs(0.02 * table - expected).max() <= 1e-6 * np.abs(expected).max()

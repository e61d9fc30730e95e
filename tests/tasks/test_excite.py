"""Experiments: the information against formulas and MuJoCo, its gradient against differences, predictions against estimates."""

import csv
import json
import math

import mujoco
import numpy as np
import pytest
import torch

from genesis.errors import InputError, UnknownNameError
from genesis.information import square_root
from genesis.runners.excitation import EXTRA_FILES
from genesis.runners.gradcheck import gradcheck
from genesis.tasks.sensitivity import _moved
from genesis_cli.errors import CommandError
from genesis_cli.paths import config_dir
from tests.settings import numbers, setting_of
from tests.tasks.configured import ONLY, SHORT, configured, experiment

pytestmark = pytest.mark.usefixtures("engine")

SMALL = 0.01  # of the noise that the experiment has


def test_information_about_a_mass_is_the_closed_form() -> None:
    """A ball pushed along x: v_k = dt Σ u / m, so that dv_k/dm = −dt Σ u / m²; gravity tells nothing about a mass."""
    setting = setting_of("ball", horizon=20)
    goal, trajectory = experiment(
        setting, push={"noise": 2.0, "joints": ["root_joint"]}, unknowns={"mass": {"kind": "mass"}}, difference=1e-4,
        channels={"speed": {"kind": "link_velocity", "names": "*", "sigma": [0.1, 0.2, 0.3]}}, rest_tolerance=None,
    )  # fmt: skip
    mass = float(goal.unknowns.values[0])
    pushed = 0.01 * torch.cumsum(trajectory.controls[:, :3], 0).numpy()
    slope = -pushed / mass**2 / np.array([0.1, 0.2, 0.3])
    told = goal.information(trajectory)
    assert float(told.std[0]) == pytest.approx(1.0 / (mass * np.sqrt(np.square(slope).sum())), rel=1e-6)
    assert goal.metrics(trajectory)["std_gain"] == 1.0 and goal.metrics(trajectory)["condition"] == pytest.approx(1.0)


def mujoco_outputs(controls: np.ndarray, x: np.ndarray, every: int) -> np.ndarray:
    """Positions over 2 mrad, (N,), of the double pendulum for shifts x: start positions, velocities, mass, centre, inertia, damping."""
    model = mujoco.MjModel.from_xml_path(str(config_dir() / "robots" / "double_pendulum" / "double_pendulum.xml"))
    model.body_mass[2] *= 1.0 + x[4]
    model.body_ipos[2, 2] *= 1.0 + x[5]
    model.body_inertia[2, 1] *= 1.0 + x[6]
    model.dof_damping[:] *= 1.0 + x[7:9]
    mujoco.mj_setConst(model, mujoco.MjData(model))
    data, seen = mujoco.MjData(model), []
    data.qpos[:], data.qvel[:] = np.array([math.pi, 0.0]) + x[:2], x[2:4]
    for step in range(len(controls) + 1):
        if step % every == 0:
            seen.append(data.qpos / 2e-3)
        if step < len(controls):
            data.qfrc_applied[:] = controls[step]
            mujoco.mj_step(model, data)
    return np.concatenate(seen)


def test_information_is_that_of_mujocos_differences() -> None:
    setting = setting_of("double_pendulum", horizon=80, qpos=[math.pi, 0.0])
    unknowns = {
        "mass": {"kind": "mass", "names": ["lower"]},
        "centre": {"kind": "centre_of_mass", "names": ["lower"], "columns": [2]},
        "inertia": {"kind": "field", "field": "link_inertia", "names": ["lower"], "columns": [1]},
        "damping": {"kind": "damping", "prior": [None, 0.04]},  # twice the expected values
    }
    goal, trajectory = experiment(
        setting, push={"every": 10, "noise": 3.0}, unknowns=unknowns, rate=50.0, start_state="estimated",
        channels={"angle": {"kind": "joint_position", "sigma": 2e-3}},
    )  # fmt: skip
    controls, h = trajectory.controls.numpy(), 1e-3
    columns = [
        (mujoco_outputs(controls, h * e, 2) - mujoco_outputs(controls, -h * e, 2)) / (2 * h) for e in np.eye(9)
    ]  # the engine's step: truncation is the same, what is compared is the simulation and the assembly
    fisher = np.array(columns) @ np.array(columns).T
    fisher[-2:, -2:] += 0.25 * np.eye(2)
    covariance = np.linalg.inv(fisher)[4:, 4:]
    told = goal.information(trajectory)
    assert goal.sensitivity.names[4:] == ["mass", "centre", "inertia", "damping/shoulder", "damping/elbow"]
    assert told.std.numpy() == pytest.approx(np.sqrt(np.diag(covariance)), rel=1e-6)
    assert told.log_det == pytest.approx(-np.linalg.slogdet(covariance)[1], abs=1e-6)


@pytest.mark.parametrize("criterion", ["D", "A", "E"])
def test_gradient_of_the_information(criterion: str) -> None:
    """By targets of controllers, torques measured, the start estimated: everything at once. Wide differences keep rounding small."""
    _, task = configured(*SHORT, *ONLY, "task.horizon=150", "task.difference=1e-2", f"loss.information.criterion={criterion}")
    assert {check.verdict for check in gradcheck(task).directions} == {"exact"}


@pytest.fixture(scope="module")
def short():
    return configured(*SHORT)[1]


def test_metrics_are_what_their_names_say(short) -> None:
    judged = short.judge()
    metrics = short.metrics(judged.trajectory)
    view, told = judged.trajectory, short.goal.information(judged.trajectory)
    speed = float(view.qvel.detach().abs().max())
    assert metrics["position_excess"] == 0.0 and metrics["velocity_excess"] == max(0.0, speed - 8.0)
    assert metrics["std_percent/damping/elbow"] == pytest.approx(100 * float(told.std[-1]))
    assert metrics["final_speed"] == pytest.approx(float(view.qvel[-1].detach().abs().max()))
    assert metrics["log_det"] == pytest.approx(-6 * float(judged.terms["information"].detach()), rel=1e-12)
    assert metrics["std_gain"] == pytest.approx(1.0)
    _, tight = configured(*SHORT, "task.velocity_limit=0.5", "task.force_limit=[1.0,0.25]")
    limited = tight.metrics(view)
    force = view.controller_force.detach().abs().max(0).values
    assert limited["velocity_excess"] == pytest.approx(speed - 0.5)
    assert limited["force_excess"] == pytest.approx(max(float(force[0]) - 1.0, float(force[1]) - 0.25))
    assert not tight.good_enough(limited)


def test_half_the_noise_halves_standard_deviations(short) -> None:
    _, quieter = configured(*SHORT, "task.channels.angle.sigma=1.0e-3", "task.channels.torque.sigma=0.05")
    before, after = (task.goal.start.std for task in (short, quieter))
    assert (2.0 * after).tolist() == pytest.approx(before.tolist(), rel=1e-9)


def test_files_of_an_experiment(short) -> None:
    files = EXTRA_FILES["excite"](short)
    rows = list(csv.reader(files["excitation.csv"].decode().splitlines()))
    assert rows[0] == ["time", "shoulder_position", "elbow_position"]
    table = np.array(rows[1:], dtype=float)
    assert table[:, 0] == pytest.approx(0.01 * np.arange(60))
    controls = short.simulate()[0].controls.detach().numpy()
    assert table[:, 1:] == pytest.approx(controls, rel=1e-11)
    told = json.loads(files["information.json"])
    assert [unknown["name"] for unknown in told["unknowns"]] == short.goal.unknowns.names
    elbow = told["unknowns"][-1]
    assert elbow["value"] == 0.02 and elbow["unit"] == "Nms" and elbow["times_smaller"] == pytest.approx(1.0)
    assert elbow["std"] == pytest.approx(0.02 * float(short.goal.start.std[-1])) and told["start_state"] == "estimated"
    assert np.diag(told["correlation"]) == pytest.approx(np.ones(6))


def test_estimates_scatter_as_predicted(short) -> None:
    """One Gauss-Newton step from the truth for 200 sets of noise: the whitened errors are standard normal numbers."""
    with torch.no_grad():
        view, _ = short.simulate()
        model = short.goal.sensitivity
        jacobian = model.jacobian(view).numpy()
        root = square_root(torch.from_numpy(jacobian), model.nuisance, short.goal.unknowns.prior).numpy()
    noise = np.random.default_rng(0).normal(size=(len(jacobian), 200))
    errors = np.linalg.lstsq(jacobian, noise, rcond=None)[0][model.nuisance :]
    whitened = root @ errors
    assert whitened @ whitened.T / 200 == pytest.approx(np.eye(6), abs=0.3)
    assert np.square(whitened).mean() == pytest.approx(1.0, abs=4 * math.sqrt(2 / 1200))
    assert errors.std(1) == pytest.approx(short.goal.start.std.numpy(), rel=0.15)


def test_estimates_by_the_simulation_itself_scatter_as_predicted(short) -> None:
    """Three Gauss-Newton steps of the simulation from wrong values, 30 times, with noise so small that the model is linear within it."""
    rng, errors = np.random.default_rng(1), []
    with torch.no_grad():
        view, _ = short.simulate()
        model = short.goal.sensitivity
        exact = model.measure(view, torch.zeros(1, len(model.names), dtype=torch.float64))
        for _ in range(30):
            noise = None
            x = torch.from_numpy(0.02 * rng.normal(size=len(model.names)))
            for _ in range(3):
                rows = model.measure(view, torch.cat([x[None], x + model.offsets]))
                here, plus, minus = ([r[:, part] for r in rows] for part in (slice(0, 1), slice(1, None, 2), slice(2, None, 2)))
                slope = model.whitened(plus, minus).T / (2 * model.step)
                missing = model.whitened(exact, here)[0]
                noise = torch.from_numpy(rng.normal(size=len(missing))) if noise is None else noise
                x = x + torch.linalg.lstsq(slope, (missing + SMALL * noise)[:, None]).solution[:, 0]
            errors.append(x[model.nuisance :])
        root = short.goal.root(view)
    whitened = torch.stack(errors) @ root.T / SMALL
    assert float(whitened.square().mean()) == pytest.approx(1.0, abs=4 * math.sqrt(2 / 180))


def test_combinations_that_nothing_tells_are_named() -> None:
    """Of a rod on a fixed hinge only m c and I + m c² act: with relative changes 1, −1 of m and c, and m c² / I = 2.98 of I, neither
    changes."""
    rod = ("task.unknowns.mass=null", "+task.unknowns.centre_of_upper={kind: centre_of_mass, names: [upper], columns: [2]}")
    upper = "+task.unknowns.mass_of_upper={{kind: mass, inertia: keep, names: [upper], prior: {}}}"
    with pytest.raises(InputError) as caught:
        configured(*SHORT, *rod, upper.format("null"))
    assert (
        "say nothing about 0.90 inertia/upper[1] − 0.30 centre_of_upper + 0.30 mass_of_upper (1 such combination, log det = -inf); leave one of"
        in str(caught.value)
    )
    with pytest.raises(InputError, match=r"task.unknowns: side changes no measurement of the start trajectory; leave one"):
        configured(*SHORT, "+task.unknowns.side={kind: gravity, columns: [1], scale: 9.81}")
    mass = float(configured(*SHORT)[1].setting.described["link_mass"][0])
    _, task = configured(*SHORT, *rod, upper.format(f"[null,{0.1 * mass}]"))
    told = task.goal.start
    assert (
        told.decided == 1
        and float(told.std[-1]) == pytest.approx(0.1, rel=1e-6)
        and task.goal.unknowns.names[-1] == "mass_of_upper"
    )


@pytest.mark.parametrize(
    ("override", "error", "message"),
    [
        ("task.unknowns.inertia.field=link_mas", UnknownNameError, 'inertia.field: unknown physical parameter "link_mas"; known: link_mass'),
        ("+task.unknowns.mass.scal=2", CommandError, 'task.unknowns.mass: unknown key "scal"; known: scale'),
        ("task.unknowns.mass.names=[lowr]", UnknownNameError, 'task.unknowns.mass.names: unknown link "lowr"; known: lower'),
        ("+task.unknowns.more={names: [a]}", CommandError, "task.unknowns.more.kind: must be given; known: "),
        ("+task.unknowns.more={field: link_mass}", CommandError, "task.unknowns.more.field: write the quantity itself, kind: mass for field: "),
        ("+task.unknowns.more={kind: initial_velocity}", CommandError, 'task.unknowns.more.kind: unknown kind "initial_velocity"'),
        ("+task.unknowns.more={kind: input_gain, input: u}", CommandError, 'task.unknowns.more.kind: unknown kind "input_gain"'),
        ("+task.unknowns.more={kind: mass, inertia: keep}", InputError, "more/lower is mass again; name each once"),
        ("+task.unknowns.more={kind: field, field: link_quat, scale: 1}", InputError, "more.field: the numbers of a quaternion are not free"),
        ("+task.unknowns.more={kind: armature}", InputError, "more/shoulder: its value is zero; give the size that counts as 100 %"),
        ("+task.unknowns.more={kind: armature, scale: 0.1}", InputError, "more/shoulder is 0 and cannot be less; give the value"),
        ("+task.unknowns.more={kind: sensor_bias, channel: angel}", UnknownNameError, 'more.channel: unknown channel "angel"; known: angle'),
        ("+task.unknowns.mass.prior=0.5", InputError, "task.unknowns.mass.prior: 0.5 is not allowed; write [null, std]"),
        ("+task.unknowns.mass.prior=[null,-1]", InputError, "task.unknowns.mass.prior: a standard deviation is -1; it must be positive"),
        ("+task.unknowns.more=3", CommandError, "task.unknowns.more: must be a mapping of keys to values, found 3"),
        ("+parameter.m={kind: mass}", InputError, "task.unknowns.mass: parameter.m learns link_mass, and what is learned is known"),
        ("task.channels.angle.kind=angle", CommandError, 'task.channels.angle.kind: unknown kind "angle"; known: '),
        ("+task.channels.angle.joints=[elbow]", CommandError, "task.channels.angle.joints: is called task.channels.angle.names now"),
        ("+task.channels.angle.columns={elbow: q}", CommandError, 'task.channels.angle: unknown key "columns"'),
        ("+task.channels.angle.names=[elbw]", UnknownNameError, 'task.channels.angle.names: unknown joint "elbw"; known: elbow'),
        ("+task.channels.imu={kind: gyro, names: [lowr], sigma: 1}", UnknownNameError, 'imu.names: unknown link or site "lowr"; known: lower'),
        ("+task.channels.angle.unit=kg", UnknownNameError, 'task.channels.angle.unit: unknown unit "kg"; known: '),
        ("task.channels.angle.sigma=null", InputError, "task.channels.angle.sigma: must be given"),
        ("task.channels.angle.sigma=[1,2,3]", InputError, "task.channels.angle.sigma: has shape (3,), needs a number or 2 of them"),
        ("task.channels.angle.sigma=0", InputError, "task.channels.angle.sigma: 0 must be positive"),
        ("task.channels={angle: null, torque: null}", InputError, "task.channels: nothing is measured"),
        ("task.rate=30", InputError, "task.rate: 30 Hz is no whole number of steps of 0.01 s between samples; nearest: 33.3333 Hz"),
        ("task.envs=2", InputError, "task.envs: an experiment is one motion"),
    ],
)  # fmt: skip
def test_experiments_that_cannot_be(override: str, error: type, message: str) -> None:
    with pytest.raises(error) as caught:
        configured(*SHORT, override)
    assert message in str(caught.value)


def test_what_a_kind_of_control_cannot_tell() -> None:
    setting = setting_of("double_pendulum", horizon=5)
    mass, speed = {"mass": {"kind": "mass"}}, {"speed": {"kind": "joint_velocity", "sigma": 0.1}}
    with pytest.raises(InputError, match="task.unknowns.gain: gain/shoulder acts on nothing with task.control force"):
        experiment(setting, push={}, unknowns={"gain": {"kind": "kp", "scale": 1.0}}, channels=speed)
    with pytest.raises(InputError, match="with task.control force the joint forces are given, and tell nothing"):
        experiment(setting, push={}, unknowns=mass, channels={"t": {"kind": "joint_torque", "sigma": 1.0}})
    ball = setting_of("ball", horizon=5)
    with pytest.raises(InputError, match=r'p.names: joint "root_joint" turns in space; allowed: hinges, slides and screws'):
        experiment(ball, push={"joints": ["root_joint"]}, unknowns=mass, channels={"p": {"kind": "joint_position", "sigma": 1.0}})


def test_starts_of_free_bodies_turn_in_their_own_axes() -> None:
    from scipy.spatial.transform import Rotation

    from genesis.selection import joints_of

    setting = setting_of("ball", horizon=1)
    joint = joints_of(setting.robot)[0]
    here = Rotation.from_rotvec([0.3, -0.5, 0.2])
    qpos = numbers(1.0, 2.0, 3.0, *here.as_quat(scalar_first=True))
    shift = numbers([0.1, 0.2, 0.3, 0.4, -0.1, 0.25], [0.0] * 6)
    moved = _moved(qpos.expand(2, -1), joint, shift)
    expected = (here * Rotation.from_rotvec([0.4, -0.1, 0.25])).as_quat(scalar_first=True)
    assert moved[0, :3].tolist() == pytest.approx([1.1, 2.2, 3.3])
    assert moved[0, 3:].numpy() * np.sign(moved[0, 3].item()) == pytest.approx(expected * np.sign(expected[0]), rel=1e-12)
    assert moved[1].tolist() == pytest.approx(qpos.tolist())


def test_gains_of_the_robot_come_from_its_config(short) -> None:
    robot = short.setting.robot
    assert robot.get_dofs_kp().tolist() == [40.0, 20.0] and robot.get_dofs_kv().tolist() == [6.0, 2.0]
    with pytest.raises(InputError, match=r"double_pendulum.kp: has shape \(3,\), needs a number or 2 of them"):
        configured(*SHORT, "robot.kp=[1,2,3]")
    with pytest.raises(InputError, match="parameter.controls.init: hold, but a joint has no position gain; set robot.kp"):
        configured(*SHORT, "robot.kp=[1,0]")

"""Policies of episodes that leave: as files that act as the engine's policy does, with their specification, and into MuJoCo."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest
import torch

from genesis.episodes.moments import Moments
from genesis.errors import InputError
from genesis.runners.actor_module import ActorModule
from genesis.runners.episode_arrays import restore
from genesis.runners.export import export
from genesis.runners.export.format import CheckError
from genesis.runners.export.mujoco_policy import Moment, Runner, ends, observe, policy, reward
from genesis.runners.stored import Solution, read_solution
from tests.episodes.trained import training

pytestmark = [pytest.mark.usefixtures("engine"), pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")]
HOPPER = ("task=run_hopper", "task.horizon=12")
ANT = (
    "task=run_ant", "+task.observe.action={kind: last_action}", "+task.observe.toe={kind: height, link: shin_2}",
    "+task.observe.yaw={kind: angular_velocity, axes: zx}", "+task.observe.shin={kind: linear_velocity, link: shin_1}",
    "+task.observe.spin={kind: angular_velocity, link: shin_3}", "+task.observe.tip={kind: up, link: shin_1, axes: yz}",
    "+task.observe.turns={kind: joint_position, joints: ['hip_*'], periodic: ['hip_2', 'hip_3']}",
    "+task.target.wish={kind: velocity, x: [-0.5, 1.0], turn: [-1, 1], every: 0.05}",
    "+task.target.there={kind: position, x: [1, 2], y: [0, 1], z: [0, 1]}",
    "+task.observe.wish={kind: target, target: wish}", "+task.observe.way={kind: to_target, target: there, frame: shin_4, in_body: true}",
    "+task.observe.far={kind: to_target, target: there}",
    "+task.reward.alive={kind: alive}", "+task.reward.change={kind: action_change}", "+task.reward.rates={kind: joint_speed}",
    "+task.reward.spin={kind: angular_speed, axes: xy, link: shin_1}", "+task.reward.home={kind: joint_distance, joints: ['hip_*']}",
    "+task.reward.capped={kind: speed, direction: [0, 3, 4], most: 0.2}", "+task.reward.turns={kind: joint_distance, turning: true}",
    "+task.reward.track={kind: velocity_tracking, target: wish, width: 0.4}",
    "+task.reward.yaw={kind: velocity_tracking, target: wish, turn: true}",
    "+task.reward.near={kind: target_distance, target: there, frame: shin_2}",
    "+task.reward.by={kind: target_distance, target: there, width: 1.5}",
    "+task.reward.low={kind: height, least: 0.5, steep: 3.0, most: 0.8}",
    "+task.ends.tip={kind: tilt, most: 60}", "+task.ends.hip={kind: joint_range, joints: [hip_1, hip_2], low: [-0.5, -1.0]}",
    "+task.ends.fast={kind: joint_speed, joints: [ankle_2], most: 1.0}",
)  # fmt: skip


def stirred(*words: str) -> Any:
    """A problem whose policy does something everywhere, and whose statistics are none of the usual."""
    _, problem = training(*words)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for leaf in problem.groups[0].leaves:
            leaf += 0.3 * torch.randn(leaf.shape, generator=generator, dtype=torch.float64)
    problem.normaliser.mean += torch.randn(problem.width, generator=generator, dtype=torch.float64)
    problem.normaliser.variance *= 1.0 + torch.rand(problem.width, generator=generator, dtype=torch.float64)
    return problem


def stored(problem: Any, folder: Path) -> Solution:
    """Its run folder, read back."""
    folder.mkdir(exist_ok=True)
    np.savez(folder / "solution.npz", **problem.arrays())
    (folder / "config.yaml").write_text("task: {kind: episodes}\n")
    return read_solution(folder)


def law(problem: Any) -> Any:
    return problem.task.actor.law(*problem.normaliser.frozen(), None)


@pytest.mark.parametrize("activation", ["elu", "gelu"])
def test_the_files_act_as_the_policy(tmp_path: Path, activation: str) -> None:
    """At observations that the run has not seen, action and control."""
    runtime = pytest.importorskip("onnxruntime", reason="needs the extra [export]")
    problem = stirred(
        *HOPPER, "task.action.middle=[1, 2, 3]", "task.action.scale=[5, 6, 7]", f"task.policy.activation={activation}"
    )
    run = stored(problem, tmp_path)
    seen = 3.0 * torch.randn(20, problem.width, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.no_grad():
        acted = law(problem)(seen).numpy()
    control = np.array([1.0, 2.0, 3.0]) + np.array([5.0, 6.0, 7.0]) * acted
    assert np.abs(acted).max() > 0.5 and np.abs(acted).min() < 0.4
    extra = {"spec.json": ""}
    script = torch.jit.load(str(export(run, "torchscript").files[0]), _extra_files=extra)
    session = runtime.InferenceSession(str(export(run, "onnx").files[0]))
    for found in (script(seen), session.run(["action", "control"], {"observation": seen.numpy()})):
        np.testing.assert_allclose(found[0], acted, rtol=0, atol=1e-12)
        np.testing.assert_allclose(found[1], control, rtol=0, atol=1e-12)
    assert (
        json.loads(extra["spec.json"]) == run.policy().spec == json.loads((tmp_path / "export" / "policy.onnx.json").read_text())
    )


def test_single_precision_stays_single(tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime", reason="needs the extra [export]")
    from genesis.runners.export.onnx import graph_of

    problem = stirred(*HOPPER)
    arrays = stored(problem, tmp_path).policy_arrays("policy")
    small = {name: value.astype(np.float32) if value.dtype == np.float64 else value for name, value in arrays.items()}
    module = ActorModule(small)
    module.spec["dtype"] = "float32"
    import onnx

    model = onnx.helper.make_model(graph_of(module), opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    session = runtime.InferenceSession(model.SerializeToString())
    seen = torch.randn(20, problem.width, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.no_grad():
        acted = law(problem)(seen).numpy()
    found = session.run(["action"], {"observation": seen.numpy().astype(np.float32)})[0]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, acted, rtol=0, atol=1e-6)


def test_the_specification_says_what_is_observed_done_and_rewarded(tmp_path: Path) -> None:
    problem = stirred(*HOPPER, "task.action.middle=[1, 2, 3]")
    run = stored(problem, tmp_path)
    spec = run.policy().spec
    assert [one["name"] for one in spec["observation"]] == problem.episodes.labels
    assert spec["observation"][0] == {"name": "rootz", "unit": "m", "term": "joints"}
    assert spec["observation"][-1] == {"name": "foot_joint velocity", "unit": "rad/s", "term": "rates"}
    assert spec["action"][1] == {
        "name": "leg_joint", "quantity": "force", "unit": "Nm", "middle": 2.0, "scale": 200.0, "kp": 0.0, "kv": 0.0,
    }  # fmt: skip
    assert spec["terms"]["observe"]["joints"]["coordinates"] == ["rootz", "rooty", "thigh_joint", "leg_joint", "foot_joint"]
    assert spec["terms"]["reward"]["height"] == {"kind": "height", "least": 0.95, "steep": 200.0, "weight": 1.0, "body": "torso"}
    assert spec["terms"]["ends"]["tip"]["coordinates"] == ["rooty"] and spec["terms"]["ends"]["tip"]["high"] == [1.0]
    assert (spec["dt"], spec["substeps"], spec["horizon"], spec["seed"]) == (pytest.approx(1 / 60), 4, 12, 0)
    assert spec["statistics"]["mean"] == problem.normaliser.mean.tolist() and spec["dtype"] == "float64"
    assert run.policies == ["policy"] and run.control_kind == "force" and run.controls.shape == (12, 6)
    np.testing.assert_allclose(run.controls[:, 3:], [1.0, 2.0, 3.0] + 200.0 * run.arrays["actions"], atol=1e-12)


def test_a_policy_that_is_not_what_acted_is_no_export(tmp_path: Path) -> None:
    run = stored(stirred(*HOPPER), tmp_path)
    run.controls[3, 4] += 1e-2
    with pytest.raises(CheckError, match="from those of the run"):
        export(run, "torchscript")


def test_a_stored_policy_is_restored_with_its_statistics(tmp_path: Path) -> None:
    problem = stirred(*HOPPER)
    stored(problem, tmp_path)
    _, fresh = training(*HOPPER)
    restore(fresh, tmp_path / "solution.npz")
    one, other = problem.test(3), fresh.test(3)
    assert torch.equal(one.returns, other.returns) and torch.equal(one.qpos, other.qpos)
    _, wider = training(*HOPPER, "task.policy.hidden=[9]")
    with pytest.raises(InputError, match="use that run's config"):
        restore(wider, tmp_path / "solution.npz")


def left(problem: Any, folder: Path) -> Path:
    """The folder of its export to MuJoCo."""
    run = stored(problem, folder)
    return export(run, "mujoco", task=lambda: problem.task).files[0]


def test_terms_are_the_same_numbers_in_mujoco(tmp_path: Path) -> None:
    """At random states, of all kinds."""
    problem = stirred(*ANT, "task.horizon=2")
    runner = Runner(left(problem, tmp_path), lambda seen: seen)
    episodes, motion, rng = problem.episodes, runner.motion, np.random.default_rng(1)
    count, terms = 12, runner.spec["terms"]
    qpos, qvel = rng.standard_normal((count, episodes.physics.nq)), rng.standard_normal((count, episodes.physics.nv))
    qpos[:, 3:7] /= np.linalg.norm(qpos[:, 3:7], axis=1, keepdims=True)
    qpos[::2, 3:7] = [1.0, 0.0, 0.0, 0.0]
    qpos[:6, 2] += 2.0
    qpos[:6, 7:] *= 0.3
    n = len(episodes.actions)
    action, before = rng.standard_normal((count, n)), rng.standard_normal((count, n))
    targets = {"wish": rng.standard_normal((count, 3)), "there": rng.standard_normal((count, 3))}
    tensors = [torch.from_numpy(x) for x in (qpos, qvel, action, before)]
    now = Moments(episodes.physics, episodes.theta, *tensors, {name: torch.from_numpy(x) for name, x in targets.items()})
    fallen = {name: ending(now).tolist() for name, ending in episodes.ends.items()}
    assert all(0 < sum(rows) < count for rows in fallen.values()), "each of them ends some and not others"
    wanted = {name: value.numpy() for name, value in episodes.terms(now).items()}
    for row in range(count):
        data = mujoco.MjData(motion.model)
        motion.put(data, qpos[row], qvel[row])
        here = Moment(motion, data)
        here.action, here.before, here.targets = action[row], before[row], {name: x[row] for name, x in targets.items()}
        for name, term in terms["observe"].items():
            np.testing.assert_allclose(
                observe(term, here), episodes.observations[name](now)[row].numpy(), atol=1e-9, err_msg=name
            )
        assert len(runner.observation(here)) == problem.width
        for name, term in terms["reward"].items():
            assert reward(term, here) == pytest.approx(float(wanted[name][row]), abs=1e-9), name
        for name, term in terms["ends"].items():
            assert ends(term, here) == fallen[name][row], name


@pytest.mark.parametrize(
    "words",
    [
        ("task=cartpole_policy", "task.horizon=20"),
        ("task=run_hopper", "task.horizon=25", "scene.contact=mujoco", "+task.reward.change={kind: action_change}", "task.action.scale=60"),
        ("task=run_hopper", "task.horizon=15", "scene.contact=mujoco", "task.control=position", "robot.kp=60", "robot.kv=2",
         "task.action={joints: ['thigh_joint', 'foot_joint'], scale: 0.3}", "+task.observe.action={kind: last_action}",
         "+task.target.wish={kind: velocity, x: [0, 1], every: 0.05}", "+task.reward.track={kind: velocity_tracking, target: wish}",
         "+task.observe.wish={kind: target, target: wish}", "task.ends.fall.least=1.235"),
    ],
    ids=["cartpole", "hopper", "position"],
)  # fmt: skip
def test_episodes_in_mujoco_are_the_engines_where_the_physics_is(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Return and steps of every episode: what is observed when, in which order it is judged, and where it ends."""
    folder = left(stirred(*words), tmp_path)
    runner = Runner(folder, policy(folder / "policy.pt"))
    for env in range(4):
        total, steps = runner.episode(env)
        assert steps == runner.arrays["steps"][env]
        assert total == pytest.approx(runner.arrays["returns"][env], rel=1e-6, abs=1e-6), env
    assert len({float(x) for x in runner.arrays["returns"]}) == len(runner.arrays["returns"])
    if words[-1].startswith("task.ends"):
        assert len(set(runner.arrays["steps"].tolist())) > 2, "some fall, sooner or later"


def test_the_script_runs_alone_from_either_file(tmp_path: Path) -> None:
    folder = left(stirred(*HOPPER), tmp_path)
    said = [
        subprocess.run(
            [sys.executable, "-P", "policy.py"], cwd=folder, capture_output=True, text=True, env={"PYTHONPATH": str(folder)}
        )
    ]
    assert said[0].returncode == 0, said[0].stderr
    assert (
        said[0].stdout.startswith("policy in MuJoCo")
        and "16 starts: return" in said[0].stdout
        and "not the same" in said[0].stdout
    )
    if pytest.importorskip("onnxruntime", reason="needs the extra [export]"):
        file = export(read_solution(tmp_path), "onnx").files[0]
        again = subprocess.run([sys.executable, "policy.py", str(file)], cwd=folder, capture_output=True, text=True)
        assert again.stdout == said[0].stdout, again.stderr


def test_rewards_of_the_user_leave_no_script(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text("def zero(now):\n    return now.qpos[..., 0] * 0.0\n")
    problem = stirred(*HOPPER, f"+task.reward.own={{kind: user, function: '{file}:zero'}}")
    run = stored(problem, tmp_path)
    written = export(run, "mujoco", task=lambda: problem.task)
    assert any("no policy.py: task.reward.own" in line for line in written.said)
    assert not (written.files[0] / "policy.py").exists() and (written.files[0] / "policy.pt").is_file()

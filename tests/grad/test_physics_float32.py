"""Single precision, in a process of its own: values and gradients near those in double precision, lanes of eight included."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from genesis.grad.closed_loop import closed_loop
from genesis.grad.linearization import linearization
from genesis.grad.physics import CONSTANT_KINDS, Physics
from genesis.grad.riccati import riccati
from tests.dynamics.gradients import STATE_INPUTS, all_inputs, run
from tests.dynamics.systems import DT, system
from tests.grad.test_closed_loop import loop_of
from tests.grad.test_riccati import problem

NAMES, BATCHES, HORIZON = ("arm", "floater", "gripper", "arm implicitfast", "floater implicit"), (1, 9), 50


def results(name: str, batch: int, dtype: torch.dtype) -> dict[str, np.ndarray]:
    """Final state, link poses, loss and its gradients, for environments that differ a little."""
    robot, *integrator = name.split()
    s = system(robot, HORIZON)
    physics = Physics(s.model, dt=DT, integrator=integrator[0] if integrator else "Euler")
    vary = 1.0 + 0.01 * torch.arange(batch, dtype=torch.float64)
    inputs = {}
    for key, value in all_inputs(s).items():
        rows = value[None] * vary.view(-1, *[1] * value.dim()) if key in STATE_INPUTS else value
        inputs[key] = rows.to(dtype).requires_grad_(key not in CONSTANT_KINDS)
    loss = run(physics, s, inputs)
    loss.sum().backward()
    found = {f"gradient of {k}": x.grad for k, x in inputs.items() if x.grad is not None}
    theta = physics.pack({k: x.detach() for k, x in inputs.items() if k not in STATE_INPUTS})
    pos, quat, vel, ang = physics.kinematics(theta, inputs["qpos"].detach(), inputs["qvel"].detach())
    loop = {k: x.to(dtype) if isinstance(x, torch.Tensor) else x for k, x in loop_of(physics, lengths=(0.5,) * batch).items()}
    states = closed_loop(physics, **loop)
    found["closed loop"] = torch.cat([states[k][-1] for k in (0, 1, 3)], -1)
    at = (
        inputs[k].detach()[:, 0].contiguous() if k.endswith("ctrl") else inputs[k].detach() for k in ("qpos", "qvel", "dof_ctrl")
    )
    linear = linearization(physics, theta, *at, None, torch.arange(20))
    found |= {f"linearization to {k}": getattr(linear, k) for k in ("state", "dof_ctrl", "parameters")}
    found |= {"loss": loss, "xpos": pos, "xquat": quat, "xvel": vel, "xang": ang}
    return {k: x.detach().double().numpy() for k, x in found.items()}


@pytest.fixture(scope="module")
def single(tmp_path_factory) -> dict[str, np.ndarray]:
    path, root = tmp_path_factory.mktemp("single") / "found.npz", Path(__file__).resolve().parents[2]
    environment = os.environ | {"PYTHONPATH": str(root)}
    command = [sys.executable, "-m", "tests.grad.single_precision", str(path)]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return dict(np.load(path))


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("name", NAMES)
def test_single_precision_is_near_double(engine, single, name, batch):
    errors = {}
    for key, expected in results(name, batch, torch.float64).items():
        size = max(float(np.abs(expected).max()), 1e-6)
        errors[key] = float(np.abs(single[f"{name} {batch} {key}"] - expected).max()) / size
    values = max(e for k, e in errors.items() if not k.startswith("gradient"))
    gradients = max(e for k, e in errors.items() if k.startswith("gradient"))
    print(f"{name:8s} batch {batch}: values {values:.1e}, gradients {gradients:.1e} ({max(errors, key=errors.get)})")
    assert values <= 5e-5 and gradients <= 1e-4, errors


def test_a_riccati_sweep_is_double_in_every_precision(engine, single):
    np.testing.assert_allclose(single["riccati"], riccati(problem(5, 3, bound=0.6), 0.1).vxx, rtol=1e-11, atol=1e-13)

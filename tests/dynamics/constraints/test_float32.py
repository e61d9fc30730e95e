"""Constraints in single precision, in a process of its own: values and gradients near those in double precision."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from genesis.grad.linearization import linearization
from genesis.grad.physics import CONSTANT_KINDS
from tests.dynamics.constraints.gradients import inputs_of
from tests.dynamics.constraints.scenes import modelled, physics_of, scene, xml_of
from tests.dynamics.gradients import STATE_INPUTS, run

NAMES = ("limits", "friction", "equality", "contact4 pyramids", "contact6 cones-5")


def results(name: str, dtype: torch.dtype) -> dict[str, np.ndarray]:
    s = scene(name, 10)
    physics = physics_of(modelled(xml_of(name), tolerance=None), s.physics.dt, implicit_damping=False)
    inputs = {k: x[None] if k in STATE_INPUTS else x for k, x in inputs_of(s).items()}
    leaves = {k: x.to(dtype).requires_grad_(k not in CONSTANT_KINDS) for k, x in inputs.items()}
    value = run(physics, s.system, leaves)
    value.sum().backward()
    found = {f"gradient of {k}": x.grad for k, x in leaves.items() if x.grad is not None}
    theta = physics.pack({k: x.detach() for k, x in leaves.items() if k not in STATE_INPUTS})
    at = (leaves["qpos"].detach(), leaves["qvel"].detach(), leaves["dof_ctrl"].detach()[:, 0].contiguous())
    found["linearization"] = linearization(physics, theta, *at, None).state
    return {k: x.detach().double().numpy() for k, x in (found | {"loss": value}).items()}


@pytest.fixture(scope="module")
def single(tmp_path_factory) -> dict[str, np.ndarray]:
    path, root = tmp_path_factory.mktemp("single") / "found.npz", Path(__file__).resolve().parents[3]
    command = [sys.executable, "-m", "tests.dynamics.constraints.single_precision", str(path)]
    done = subprocess.run(
        command, cwd=root, env=os.environ | {"PYTHONPATH": str(root)}, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return dict(np.load(path))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_single_precision_is_near_double(engine, single, name):
    errors = {}
    for key, expected in results(name, torch.float64).items():
        size = max(float(np.abs(expected[np.isfinite(expected)]).max()), 1e-3)
        errors[key] = float(np.abs(single[f"{name} {key}"] - expected)[np.isfinite(expected)].max()) / size
    worst = max((k for k in errors if k != "loss"), key=lambda k: errors[k])
    print(f"{name:18s} loss {errors['loss']:.1e}, gradients {errors[worst]:.1e} ({worst})")
    assert errors["loss"] <= 1e-4 and errors[worst] <= 1e-2, errors

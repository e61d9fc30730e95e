"""Scenes are built once for the whole test run and put back to their initial state by each test."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import genesis as gs
from tests.scene.robots import ARM, FLOATING, GANTRY, PENDULUM

REPOSITORY = Path(__file__).resolve().parents[2]


def make(xml: str, *, requires_grad: bool = True, n_envs: int = 0, dt: float = 0.01, substeps: int = 1, integrator=None, **more):
    """A built scene with one entity, and the entity."""
    scene = gs.Scene(
        sim_options=gs.options.SimOptions(dt=dt, substeps=substeps, requires_grad=requires_grad),
        rigid_options=gs.options.RigidOptions(integrator=integrator, enable_joint_limit=False),
    )
    morph = gs.morphs.URDF if xml.startswith("<robot") else gs.morphs.MJCF
    entity = scene.add_entity(morph(file=xml, **more))
    scene.build(n_envs=n_envs)
    return scene, entity


@pytest.fixture(scope="session", autouse=True)
def _started(engine):
    """Every test here needs the engine."""


def _shared(xml: str, **options):
    @pytest.fixture(scope="session")
    def built(engine):
        return make(xml, **options)

    return built


_gantry, _pendulum, _arm, _floating = (_shared(xml) for xml in (GANTRY, PENDULUM, ARM, FLOATING))
_arms = _shared(ARM, n_envs=3)


def _clean(name: str):
    @pytest.fixture
    def clean(request):
        scene, entity = request.getfixturevalue(name)
        for parameter in scene.rigid_solver.parameters.names:
            scene.rigid_solver.parameters.restore(parameter)
        scene.reset()
        return scene, entity

    return clean


gantry, pendulum, arm, floating, arms = (_clean(n) for n in ("_gantry", "_pendulum", "_arm", "_floating", "_arms"))


@pytest.fixture
def run_python(tmp_path):
    """Run code in a fresh interpreter: (exit status, what it printed)."""

    def run(code: str) -> tuple[int, str]:
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600
        )
        return done.returncode, done.stdout + done.stderr

    return run

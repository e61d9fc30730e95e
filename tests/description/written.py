"""Models written to a robot file and read back, for the tests of writing."""

from pathlib import Path

import numpy as np

from genesis.description.description import Description
from genesis.description.read import read_mjcf, read_urdf
from genesis.description.write import Written, write_model
from genesis.model.builder import Placed
from genesis.model.compile import compile_model
from genesis.model.describe import DERIVED, describe
from genesis.model.model import Model

TURN = np.array([0.8, 0.0, 0.6, 0.0])  # of the entity in the world
POSITIVE = (
    "link_mass", "dof_damping", "dof_frictionloss", "dof_armature", "dof_stiffness", "geom_friction", "geom_solref", "geom_margin",
    "limit_margin", "limit_solref", "dof_solref", "act_gain", "trn_coef",
)  # fmt: skip


def read(file: Path | str, **options) -> Description:
    text = str(file) if str(file).lstrip().startswith("<") else Path(file).read_text()
    return (read_urdf if "<robot" in text else read_mjcf)(file, **options)


def compiled(description: Description) -> tuple[Model, Placed]:
    placed = Placed(description, "robot", np.array([0.3, -0.2, 0.5]), TURN)
    return compile_model([placed]), placed


def perturbed(model: Model, names: tuple[str, ...], seed: int = 0) -> dict[str, np.ndarray]:
    """Every value of these parameters moved; all degrees of freedom of a joint alike."""
    generator = np.random.default_rng(seed)
    values = {name: model.parameters[name].copy() for name in names}
    for name, value in values.items():
        if name in POSITIVE:
            value *= generator.uniform(0.5, 1.5, value.shape)
            if name.startswith("dof_") and value.ndim == 1:
                value += generator.uniform(0.01, 0.05, value.shape)
        elif name == "link_inertia":
            for row in value:
                scatter = generator.normal(size=(3, 3))
                spread = scatter @ scatter.T  # of a body's mass: its inertia tr(S) 1 - S satisfies the triangle inequality
                inertia = (np.trace(spread) * np.eye(3) - spread) * 0.02
                row[:] = inertia[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]
        elif name in ("link_quat", "geom_quat"):
            value += 0.1 * generator.normal(size=value.shape)
            value /= np.linalg.norm(value, axis=1, keepdims=True)
        else:
            value += 0.05 * generator.normal(size=value.shape)
    for joint in model.joints:
        rows = slice(joint.dof_adr, joint.dof_adr + joint.nv)
        for name in values:
            if name.startswith("dof_") and joint.nv > 1:
                values[name][rows] = values[name][joint.dof_adr]
            if name == "qpos_spring" and joint.type in ("ball", "free"):
                place = slice(joint.qpos_adr, joint.qpos_adr + joint.nq)
                values[name][place] = model.parameters[name][place]
            if name in ("link_pos", "link_quat") and joint.type == "free":
                values[name][joint.link] = model.parameters[name][joint.link]
    return values


def round_trip(file: Path | str, out: Path, values: dict[str, np.ndarray], **options) -> tuple[Model, Written]:
    """Describe, write, read and compile again."""
    model, placed = compiled(read(file, **options))
    made = describe(model, 0, placed, values, model.parameters)
    written = write_model(
        file, placed.description, made.description, out, beside=made.beside, read=lambda path: read(path, **options)
    )
    return compiled(read(out, **options))[0], written


def assert_parameters(found: Model, model: Model, values: dict[str, np.ndarray], skip: tuple[str, ...] = ()) -> None:
    for name, default in model.parameters.items():
        if name in DERIVED or name in skip:
            continue
        got, want = found.parameters[name].copy(), values.get(name, default)
        if name.endswith("_quat") and len(want):
            got *= np.sign((got * want).sum(-1, keepdims=True))
        np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-10, err_msg=name)

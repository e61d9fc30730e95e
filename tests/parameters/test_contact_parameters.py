"""Friction, contact stiffness and joint limits as parameters, by names of geoms and joints."""

import pytest
import torch

from genesis.errors import InputError, UnknownNameError
from genesis.parameters import PARAMETERS, Inputs
from genesis.scene import materials, morphs
from genesis.scene.names import row_names
from genesis.scene.options import SimOptions
from genesis.scene.scene import Scene
from genesis.setting import Setting

pytestmark = pytest.mark.usefixtures("engine")

LIMITED = """<mujoco model="swing"><compiler angle="radian"/><worldbody><body name="rod" pos="0 0 1">
  <joint name="pivot" axis="0 1 0" range="-0.5 0.5" limited="true"/><geom name="bob" size="0.05" pos="0 0 -0.5"/>
  <body name="tail" pos="0 0 -1"><joint name="knee" type="ball" range="0 1" limited="true"/><geom size="0.05" pos="0 0 -0.5"/></body>
  </body></worldbody></mujoco>"""


@pytest.fixture(scope="module")
def setting(engine) -> Setting:
    scene = Scene(sim_options=SimOptions(dt=0.01))
    floor = scene.add_entity(morphs.Plane(), name="floor", material=materials.Rigid(friction=0.1))
    swing = scene.add_entity(morphs.MJCF(file=LIMITED), name="swing")
    scene.build()
    start = torch.as_tensor(scene.rigid_solver.qpos0[0]).clone()
    return Setting(
        scene=scene, robot=swing, entities={"floor": floor, "swing": swing}, tool=None, horizon=3, dt=0.01, control="force",
        start_qpos=start, start_qvel=torch.zeros(swing.n_dofs, dtype=torch.float64), generator=torch.Generator().manual_seed(0),
    )  # fmt: skip


def applied(setting: Setting, **options) -> dict[str, torch.Tensor]:
    parameter = PARAMETERS["field"](setting, "parameter.test", **options)
    controls = torch.zeros(setting.horizon, len(setting.start_qvel), dtype=torch.float64)
    inputs = Inputs(setting.start_qpos, setting.start_qvel, controls, setting.described)
    parameter.apply(inputs)
    return inputs.physical


def test_names_of_rows(setting) -> None:
    model = setting.scene.rigid_solver.model
    geoms = ["floor/plane", "swing/bob", "swing/geom_1"]
    assert row_names(model, "geom_friction")[:2] == geoms[:2] and len(row_names(model, "geom_size")) == 3
    assert row_names(model, "limit_range") == ["pivot", "knee"]
    assert row_names(model, "dof_frictionloss") == ["pivot", "knee.0", "knee.1", "knee.2"]


def test_one_number_of_some_geoms(setting) -> None:
    friction = applied(setting, field="geom_friction", names=["swing/*"], columns=[0], init=[0.3, 0.4])["geom_friction"]
    assert friction.tolist() == [pytest.approx(row) for row in ([0.1, 0.005, 1e-4], [0.3, 0.005, 1e-4], [0.4, 0.005, 1e-4])]
    two = applied(setting, field="geom_solref", names=["floor/*"], columns=[1], init=0.7)["geom_solref"]
    assert two.tolist() == [pytest.approx(row) for row in ([0.02, 0.7], [0.02, 1.0], [0.02, 1.0])]


def test_limits_and_dry_friction(setting) -> None:
    limits = applied(setting, field="limit_range", names=["pivot"], columns=[1], init=0.2)["limit_range"]
    assert limits.tolist() == [pytest.approx([-0.5, 0.2]), pytest.approx([0.0, 1.0])]
    assert applied(setting, field="dof_frictionloss", names=["knee.*"], init=0.1)["dof_frictionloss"].tolist() == pytest.approx(
        [0, 0.1, 0.1, 0.1]
    )


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"field": "geom_fricton"}, UnknownNameError, 'unknown physical parameter "geom_fricton"; known: geom_friction'),
        ({"field": "geom_gap"}, UnknownNameError, 'unknown physical parameter "geom_gap"'),
        ({"field": "geom_friction", "names": ["bob"]}, UnknownNameError, 'unknown geom "bob"; known: swing/bob'),
        ({"field": "geom_friction", "columns": [3]}, InputError, r"columns: \[3\] of geom_friction; allowed: numbers from 0 to 2"),
        ({"field": "dof_damping", "columns": [0]}, InputError, "allowed: none, a row of it is one number"),
        ({"field": "eq_solref"}, InputError, "the scene has no equality with eq_solref"),
    ],
)  # fmt: skip
def test_what_cannot_be(setting, options, error, message) -> None:
    with pytest.raises(error, match=message):
        applied(setting, **options)

"""A robot file is written though a friction law stands in place of what it says."""

import torch

from genesis.description.friction_law import LAWS
from genesis.scene import morphs
from genesis.scene.export import write_entity
from genesis.scene.options import RigidOptions, SimOptions
from genesis.scene.scene import Scene

PENDULUM = """<mujoco model="pendulum"><worldbody><body name="rod"><joint name="pivot" axis="0 1 0" damping="0.01" frictionloss="0.02"/>
  <inertial pos="0 0 -0.4" mass="1" diaginertia="0.01 0.01 0.01"/></body></worldbody></mujoco>"""


def test_friction_of_the_file_goes_where_a_law_stands(engine, tmp_path) -> None:
    file = tmp_path / "pendulum.xml"
    file.write_text(PENDULUM)
    scene = Scene(sim_options=SimOptions(dt=0.01, requires_grad=False), rigid_options=RigidOptions(enable_collision=False))
    entity = scene.add_entity(morphs.MJCF(file=str(file)), name="pendulum")
    joint = entity.description.links[-1].joints[0]
    joint.friction_law, joint.damping, joint.frictionloss = LAWS["tanh"].row([0.3, 0.1, 0.05]), 0.0, 0.0
    scene.build(n_envs=0)
    written = write_entity(entity, {"link_mass": torch.tensor([2.0], dtype=torch.float64)}, tmp_path / "written.xml")
    text = written.path.read_text()
    assert 'mass="2.0"' in text and 'damping="0.01"' not in text and 'frictionloss="0.02"' not in text

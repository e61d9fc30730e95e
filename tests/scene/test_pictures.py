"""What is to be seen of a built scene."""

import numpy as np

import genesis as gs
from genesis.scene.pictures import bodies_of

BIN = '<mujoco><worldbody><geom name="wall" type="box" size="0.1 0.2 0.3"/></worldbody></mujoco>'


def test_what_is_fixed_in_the_world_stands_where_its_morph_is_and_what_shall_not_be_seen_is_not() -> None:
    scene = gs.Scene(sim_options=gs.options.SimOptions(dt=0.01))
    scene.add_entity(gs.morphs.MJCF(file=BIN, pos=(1.0, 2.0, 3.0), euler=(0.0, 0.0, 90.0)), name="bin")
    scene.add_entity(gs.morphs.Box(size=(0.1, 0.1, 0.1), visualization=False), name="ghost")
    scene.add_entity(gs.morphs.Box(size=(0.1, 0.1, 0.1), pos=(0.0, 0.0, 5.0)), name="box")
    scene.build()
    world, ghost, box = bodies_of(scene.entities)
    (wall,) = world.skins
    np.testing.assert_allclose([wall.vertices.min(0), wall.vertices.max(0)], [[0.8, 1.9, 2.7], [1.2, 2.1, 3.3]], atol=1e-6)
    assert (ghost.entity, ghost.skins, box.entity) == ("ghost", [], "box")
    np.testing.assert_allclose(box.skins[0].vertices.max(0), 0.05)  # moved by its pose

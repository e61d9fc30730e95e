"""Draw docs/images/robots.png: the shipped robots, and one without shapes. `python docs/images/robots.py`"""

from pathlib import Path

import numpy as np
from PIL import Image

import genesis as gs
from genesis.replay.render import Renderer
from genesis.replay.replay import Replay, Take
from genesis.replay.viewpoint import Viewpoint
from genesis.scene.pictures import bodies_of
from genesis_cli.paths import config_dir

ROBOTS = config_dir() / "robots"
LEGS = [0.0, 0.9, -1.8]
SHOWN = (  # file, place, angles of its joints, turn about z [deg]
    ("panda/panda.urdf", (-0.9, 0.35), [0.3, -0.785, 0.0, -2.356, 0.0, 1.571, 0.785], -60.0),
    ("go2/go2.xml", (0.0, 0.0), [-0.25, -0.1, 0.285, 0.9, 0.0, 0.0, -0.43, *LEGS * 4], 0.0),
    ("so101/so101.urdf", (0.38, -0.5), [0.3, -0.5, 0.5, 0.6, 0.0, 0.8], -25.0),
    ("dfki_double_pendulum/design_a0.urdf", (0.62, 0.25), [0.5, 0.7], -25.0),
    ("cartpole/cartpole.xml", (1.35, 1.3), [0.0, 0.25], -20.0),
)
HEIGHTS = {"dfki_double_pendulum/design_a0.urdf": 0.65, "cartpole/cartpole.xml": 0.08}


def main() -> None:
    gs.init(precision="64", logging_level="warning")
    scene = gs.Scene(sim_options=gs.options.SimOptions(dt=0.01))
    scene.add_entity(gs.morphs.Plane())
    entities = []
    for file, (x, y), _, turn in SHOWN:
        place = dict(pos=(x, y, HEIGHTS.get(file, 0.0)), euler=(0.0, 0.0, turn))
        path = str(ROBOTS / file)
        morph = gs.morphs.URDF(file=path, fixed=True, **place) if file.endswith(".urdf") else gs.morphs.MJCF(file=path, **place)
        entities.append(scene.add_entity(morph))
    scene.build()
    for entity, (_, _, angles, _) in zip(entities, SHOWN, strict=True):
        entity.set_qpos(np.array(angles))
    pos = np.concatenate([[[0.0, 0.0, 0.0]], *(entity.get_links_pos().numpy() for entity in scene.entities)])
    quat = np.concatenate([[[1.0, 0.0, 0.0, 0.0]], *(entity.get_links_quat().numpy() for entity in scene.entities)])
    replay = Replay("robots", np.zeros(1), bodies_of(scene.entities), [Take("robots", pos[None], quat[None])])
    with Renderer(replay, (1280, 560), Viewpoint((0.5, -3.1, 1.1), (0.12, 0.0, 0.43), fov=23.5)) as renderer:
        picture = Image.fromarray(renderer.image(0))
    picture.save(Path(__file__).with_suffix(".png"), optimize=True)


if __name__ == "__main__":
    main()

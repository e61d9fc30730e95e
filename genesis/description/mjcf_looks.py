"""What an MJCF file says of how its geoms look: colour, material, texture."""

from typing import TYPE_CHECKING

import numpy as np

from genesis.description.description import Geom, Texture

if TYPE_CHECKING:
    import mujoco

NO_COLOUR = np.array([0.5, 0.5, 0.5, 1.0], np.float32)  # MuJoCo's sign of a geom that says none: its material's then
FLAT = 0  # mjTEXTURE_2D; cubes and skyboxes have six sides, one below the other


def paint(geom: Geom, model: "mujoco.MjModel", number: int) -> None:
    """Give a geom its colour, and its texture; a cube and a geom that is no mesh with texture coordinates have the mean colour of theirs."""
    import mujoco

    material = int(model.geom_matid[number])
    own = model.geom_rgba[number]
    geom.coloured = material >= 0 or not np.array_equal(own, NO_COLOUR)
    rgba = np.array(own if material < 0 or not np.array_equal(own, NO_COLOUR) else model.mat_rgba[material], float)
    roles = mujoco.mjtTextureRole
    pictures = (
        [] if material < 0 else [int(model.mat_texid[material, role]) for role in (roles.mjTEXROLE_RGB, roles.mjTEXROLE_RGBA)]
    )
    texture = max(pictures, default=-1)
    if texture >= 0:
        pixels = _pixels(model, texture)
        uv = _corners(model, int(model.geom_dataid[number])) if geom.type == "mesh" and model.tex_type[texture] == FLAT else None
        if uv is None:
            rgba[:3] *= pixels[..., :3].reshape(-1, 3).mean(0) / 255.0
        else:
            geom.texture = Texture(pixels, uv)
    geom.rgba = (float(rgba[0]), float(rgba[1]), float(rgba[2]), float(rgba[3]))


def _pixels(model: "mujoco.MjModel", texture: int) -> np.ndarray:
    """(h, w, 3 or 4) uint8."""
    height, width, channels = (int(x[texture]) for x in (model.tex_height, model.tex_width, model.tex_nchannel))
    first = int(model.tex_adr[texture])
    pixels = np.array(model.tex_data[first : first + height * width * channels]).reshape(height, width, channels)
    return pixels if channels >= 3 else np.repeat(pixels[..., :1], 3, -1)


def _corners(model: "mujoco.MjModel", mesh: int) -> np.ndarray | None:
    """Texture coordinates of the corners of the faces (m, 3, 2); None if the mesh has none. MuJoCo counts v downwards, here it is upwards."""
    first, count = int(model.mesh_texcoordadr[mesh]), int(model.mesh_texcoordnum[mesh])
    if count == 0:
        return None
    start, faces = int(model.mesh_faceadr[mesh]), int(model.mesh_facenum[mesh])
    found = model.mesh_texcoord[first : first + count][model.mesh_facetexcoord[start : start + faces]].astype(float)
    found[..., 1] = 1.0 - found[..., 1]
    return found

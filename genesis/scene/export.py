"""The robot file of an entity with other values of its physical parameters, e.g. those that an identification found."""

from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from genesis.description.description import Description
from genesis.description.scale import scale_description
from genesis.description.write import Written, write_model
from genesis.errors import UnsupportedError
from genesis.model.builder import Placed
from genesis.model.describe import describe
from genesis.scene import morphs
from genesis.scene.entity import RigidEntity


def write_entity(entity: RigidEntity, values: Mapping[str, torch.Tensor | np.ndarray], out: str | Path) -> Written:
    """Write the URDF or MJCF file that ``entity`` was read from to ``out``, with other values.

    Only what differs from the described values is changed, in elements of this entity; see `genesis.description.write`.

    Args:
        entity: of a built scene, from `morphs.URDF` or `morphs.MJCF`.
        values: core name -> array (tensor or numpy) of the whole scene, as `scene.physical_parameters()` gives them.

    Raises: UnsupportedError if the entity is no robot file or an element cannot be written, InputError, ModelError.
    """
    morph, solver = entity.morph, entity.solver
    if not isinstance(morph, (morphs.URDF, morphs.MJCF)):
        raise UnsupportedError(
            f'entity "{entity.name}" is a {type(morph).__name__} and was read from no robot file; only URDF and MJCF can be written back.'
        )
    arrays = {name: _numpy(value) for name, value in values.items()}
    before = {name: _numpy(solver.parameters.described(name)[0]) for name in solver.parameters.names}
    before["gravity"] = before["gravity"].reshape(3)
    if "gravity" in arrays:
        arrays["gravity"] = arrays["gravity"].reshape(3)
    placed = Placed(entity.description, entity.name, np.asarray(morph.pos, float), np.asarray(morph.quat, float))
    made = describe(solver.model, entity.idx, placed, arrays, before)
    old, new = (_unscaled(d, morph.scale) for d in (entity.description, made.description))
    dirs = morph.package_dirs if isinstance(morph, morphs.URDF) else ()

    written = copy(morph)
    written.scale = 1.0

    def read(path: str) -> Description:
        """As the morph reads it, in the units of the file."""
        written.file = path
        return written._read(entity.material)

    return write_model(morph.file, old, new, Path(out), beside=made.beside, package_dirs=dirs, read=read)


def _unscaled(description: Description, scale: float) -> Description:
    """A copy in the units of the file."""
    if scale == 1.0:
        return description
    links = [
        replace(link, joints=[replace(joint, mimic=joint.mimic and replace(joint.mimic)) for joint in link.joints])
        for link in description.links
    ]
    made = replace(
        description,
        links=links,
        keyframes=dict(description.keyframes),
        geoms=[geom.copied() for geom in description.geoms],
        sites=[replace(site) for site in description.sites],
        pairs=[replace(pair) for pair in description.pairs],
        equalities=[replace(equality) for equality in description.equalities],
    )
    scale_description(made, 1.0 / scale)
    return made


def _numpy(value: torch.Tensor | np.ndarray) -> np.ndarray:
    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)

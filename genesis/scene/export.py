"""The robot file of an entity with other values of its physical parameters, e.g. those that an identification found."""

from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from genesis.description.description import Description, Joint, Link
from genesis.description.inertia import nearest_physical, unphysical
from genesis.description.scale import scale_description
from genesis.description.write import Written, write_model
from genesis.errors import UnsupportedError
from genesis.model.builder import Placed
from genesis.model.describe import describe
from genesis.scene import morphs
from genesis.scene.entity import RigidEntity

LIGHTEST = 1e-6  # mass that is written where none is left, of the described one


def write_entity(entity: RigidEntity, values: Mapping[str, torch.Tensor | np.ndarray], out: str | Path) -> Written:
    """Write the URDF or MJCF file that ``entity`` was read from to ``out``, with other values.

    Only what differs from the described values is changed, in elements of this entity; see `genesis.description.write`. A body that
    nothing can be (no mass, moments that break A + B >= C) is written as the nearest one that there is, with a remark in the file.

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
    remarks = _make_physical(entity.description, made.description)
    old, new = (_unscaled(d, morph.scale) for d in (entity.description, made.description))
    dirs = morph.package_dirs if isinstance(morph, morphs.URDF) else ()

    written = copy(morph)
    written.scale = 1.0

    def read(path: str) -> Description:
        """As the morph reads it, in the units of the file."""
        written.file = path
        return written._read(entity.material)

    old = _as_the_file(old, read(str(morph.file)))
    return write_model(morph.file, old, new, Path(out), beside=made.beside, package_dirs=dirs, read=read, remarks=remarks)


def _as_the_file(old: Description, said: Description) -> Description:
    """With the damping and dry friction that the file gives to joints whose friction law stands in their place."""
    theirs = {(link.name, joint.name): joint for link in said.links for joint in link.joints}

    def of(link: Link, joint: Joint) -> Joint:
        file = theirs.get((link.name, joint.name))
        if file is None or not any(joint.friction_law):
            return joint
        return replace(joint, damping=file.damping, frictionloss=file.frictionloss)

    return replace(old, links=[replace(link, joints=[of(link, joint) for joint in link.joints]) for link in old.links])


def _make_physical(old: Description, new: Description) -> list[str]:
    """Change links of ``new`` that are no bodies into such that are; what was done, in words. Moments that were learned stay if they can."""
    remarks = []
    for before, link in zip(old.links, new.links, strict=True):
        if link.mass == before.mass and np.array_equal(link.inertia, before.inertia):
            continue
        scaled = before.inertia * (link.mass / before.mass if before.mass > 0.0 else 1.0)  # entries that only follow the mass
        learned = ~np.isclose(link.inertia, scaled, rtol=1e-9, atol=0.0) & (link.inertia != before.inertia)
        if link.mass <= 0.0 and before.mass > 0.0:
            remarks.append(f'link "{link.name}": a mass of {link.mass:g} kg is none; written as {LIGHTEST * before.mass:.3g} kg.')
            link.mass = LIGHTEST * before.mass
        reason = unphysical(link.inertia) if link.mass > 0.0 else None
        if reason:
            link.inertia = nearest_physical(link.inertia, learned)
            moments = ", ".join(f"{x:.4g}" for x in np.diag(link.inertia))
            remarks.append(
                f'link "{link.name}": the inertia found {reason}; written as the nearest that a body has (xx yy zz: {moments}). '
                "A parameter of kind inertia finds only such bodies."
            )
    return remarks


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

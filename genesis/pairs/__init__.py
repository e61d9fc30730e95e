"""Collision of geometry pairs, one file each, every contact with its adjoint. Everything else asks this table.

Keys are MuJoCo's codes of the two geom types, the smaller one first. `find` lists the contacts of a pair and remembers in four tags
which features decided; `find_adjoint` differentiates one contact with these features fixed. The protocol is described in solid.py.
"""

from genesis.pairs import (
    box_box,
    box_mesh,
    capsule_box,
    capsule_capsule,
    capsule_mesh,
    field_box,
    field_capsule,
    field_mesh,
    field_sphere,
    mesh_mesh,
    plane_box,
    plane_capsule,
    plane_cylinder,
    plane_ellipsoid,
    plane_mesh,
    plane_sphere,
    sphere_box,
    sphere_capsule,
    sphere_cylinder,
    sphere_mesh,
    sphere_sphere,
)

PLANE, HFIELD, SPHERE, CAPSULE, ELLIPSOID, CYLINDER, BOX, MESH = range(8)

PAIRS = {
    (PLANE, SPHERE): plane_sphere.PAIR,
    (PLANE, CAPSULE): plane_capsule.PAIR,
    (PLANE, ELLIPSOID): plane_ellipsoid.PAIR,
    (PLANE, CYLINDER): plane_cylinder.PAIR,
    (PLANE, BOX): plane_box.PAIR,
    (PLANE, MESH): plane_mesh.PAIR,
    (HFIELD, SPHERE): field_sphere.PAIR,
    (HFIELD, CAPSULE): field_capsule.PAIR,
    (HFIELD, BOX): field_box.PAIR,
    (HFIELD, MESH): field_mesh.PAIR,
    (SPHERE, SPHERE): sphere_sphere.PAIR,
    (SPHERE, CAPSULE): sphere_capsule.PAIR,
    (SPHERE, CYLINDER): sphere_cylinder.PAIR,
    (SPHERE, BOX): sphere_box.PAIR,
    (SPHERE, MESH): sphere_mesh.PAIR,
    (CAPSULE, CAPSULE): capsule_capsule.PAIR,
    (CAPSULE, BOX): capsule_box.PAIR,
    (CAPSULE, MESH): capsule_mesh.PAIR,
    (BOX, BOX): box_box.PAIR,
    (BOX, MESH): box_mesh.PAIR,
    (MESH, MESH): mesh_mesh.PAIR,
}

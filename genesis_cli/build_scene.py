"""From the checked config to a built scene. Imports torch and taichi when called."""

from typing import Any

from genesis_cli.validate import Checked


def build_scene(checked: Checked, envs: int) -> Any:
    """The scene of the config for a number of environments."""
    from genesis.scene.options import RigidOptions, SimOptions
    from genesis.scene.scene import Scene

    config = checked.scene
    scene = Scene(
        sim_options=SimOptions(dt=config.dt, substeps=config.substeps, gravity=config.gravity, requires_grad=False),
        rigid_options=RigidOptions(
            integrator=config.integrator,
            enable_collision=config.collision,
            enable_self_collision=config.self_collision,
            enable_joint_limit=config.joint_limits,
            contact=config.contact,
            contact_reach=config.contact_reach,
            friction_cone=config.friction_cone,
            impratio=config.impratio,
            max_contacts=config.max_contacts,
            iterations=config.solver_iterations,
            tolerance=config.solver_tolerance,
        ),  # fmt: skip
    )
    for name, body in bodies_of(checked).items():
        add_entity(scene, name, body)
    scene.build(n_envs=envs)
    for name, body in bodies_of(checked).items():
        set_gains(scene.get_entity(name), name, body)
    return scene


def bodies_of(checked: Checked) -> dict[str, Any]:
    """Nodes of all entities by name, the robot first."""
    return {checked.robot.name: checked.robot, **checked.scene.entities}


def add_entity(scene: Any, name: str, body: Any) -> Any:
    """One entity from its node of the config."""
    from genesis.scene import morphs
    from genesis.scene.materials import Rigid

    place: dict[str, Any] = {"pos": tuple(body.pos), "collision": body.collision}
    if body.euler is not None:
        place["euler"] = tuple(body.euler)
    if body.quat is not None:
        place["quat"] = tuple(body.quat)
    density = getattr(body, "density", None)
    makers = {
        "urdf": lambda: morphs.URDF(file=body.file, fixed=body.fixed, scale=body.scale, joints=body.joints, **place),
        "mjcf": lambda: morphs.MJCF(file=body.file, scale=body.scale, mimic=body.mimic, joints=body.joints, **place),
        "sphere": lambda: morphs.Sphere(radius=body.radius, fixed=body.fixed, **place),
        "box": lambda: morphs.Box(size=tuple(body.size), fixed=body.fixed, **place),
        "capsule": lambda: morphs.Capsule(radius=body.radius, height=body.height, fixed=body.fixed, **place),
        "mesh": lambda: morphs.Mesh(file=body.file, scale=body.scale, fixed=body.fixed, **place),
        "plane": lambda: morphs.Plane(normal=tuple(body.normal), **place),
        "cylinder": lambda: morphs.Cylinder(radius=body.radius, height=body.height, fixed=body.fixed, **place),
    }
    entity = scene.add_entity(makers[body.kind](), material=Rigid(rho=density, friction=body.friction), name=name)
    describe_joints(entity.description, name, body)
    return entity


def describe_joints(description: Any, name: str, body: Any) -> None:
    """Armature, damping and dry friction of joints, and their friction laws, from a node of the config, in place of the file's."""
    from genesis.description.friction_law import read_law
    from genesis.errors import InputError
    from genesis.selection import joint_values, match

    joints = [joint for link in description.links for joint in link.joints if not joint.kind.floats and joint.mimic is None]
    for key in ("armature", "damping", "frictionloss"):
        value = getattr(body, key, None)
        if value is not None:
            given = joint_values(f"{name}.{key}", value, [joint.name for joint in joints])
            for joint in joints:
                setattr(joint, key, given.get(joint.name, getattr(joint, key)))
    laws = getattr(body, "friction_law", None) or {}
    if not isinstance(laws, dict):
        raise InputError(
            f"{name}.friction_law: {laws!r} is not allowed; write a mapping of joint patterns, e.g. {{elbow: {{law: tanh}}}}."
        )
    for pattern, node in laws.items():
        where = f"{name}.friction_law.{pattern}"
        for k in match(where, "joint", [str(pattern)], [joint.name for joint in joints]):
            joint = joints[k]
            joint.friction_law = read_law(where, node, joint.frictionloss, joint.damping)
            joint.frictionloss = joint.damping = 0.0


def set_gains(entity: Any, name: str, body: Any) -> None:
    """Gains of the joint controllers from a node of the config, where it has them."""
    from genesis.selection import joint_values, joints_of, vector

    for key, setter in (("kp", entity.set_dofs_kp), ("kv", entity.set_dofs_kv)):
        value = getattr(body, key, None)
        if isinstance(value, list):
            setter(vector(f"{name}.{key}", value, entity.n_dofs))
        elif value is not None:  # what turns freely has no position to hold, and nothing drives a free joint
            joints = {j.name: j for j in joints_of(entity) if j.is_scalar or (key == "kv" and not j.is_free)}
            for joint, number in joint_values(f"{name}.{key}", value, list(joints)).items():
                setter(number, [dof - entity.dof_start for dof in joints[joint].dofs])

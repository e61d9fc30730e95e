"""The screw against a hinge and a slide: tied by hand (MuJoCo's matrices, JᵀMJ), tied as a mimic joint, and in closed form."""

from dataclasses import replace

import mujoco
import numpy as np
import pytest
import torch

import genesis as gs
from genesis.description.description import Description, Joint, Mimic
from genesis.description.read import read_mjcf
from genesis.errors import InputError, ModelError, UnknownNameError
from genesis.grad.physics import CONSTANT_KINDS, Physics
from genesis.model.compile import compile_model
from genesis.model.model import Model
from tests.dynamics.constraints.scenes import SCREW_SCENES, model_of, modelled, physics_of, scene, screws_of, states, xml_of
from tests.dynamics.gradients import STATE_INPUTS, all_inputs, run
from tests.dynamics.systems import DT, GRAVITY, ROBOTS, SCREWS, Placed, System, descriptions, system
from tests.reference_dynamics import ReferenceDynamics

NUT = """<mujoco><compiler angle="radian"/><worldbody><body name="nut" pos="0.3 0.1 0.5"><joint name="thread" axis="0 0 1"{more}/>
  <inertial pos="0 0 0.1" mass="2" diaginertia="0.02 0.03 0.04"/></body></worldbody></mujoco>"""


def nut(pitch: float, more: str = "") -> Model:
    return compile_model([Placed(read_mjcf(NUT.format(more=more), joints=screw("thread", pitch)), "nut")])


def screw(name: str, pitch: float) -> dict:
    return {name: {"type": "screw", "pitch": pitch}}


def composed(description: Description) -> Description:
    """Every screw as a hinge, and a slide along its axis that follows it."""

    def parts(joint: Joint) -> list[Joint]:
        if joint.type != "screw":
            return [joint]
        lead = Mimic(joint.name, joint.pitch, -joint.pitch * joint.ref)
        return [replace(joint, type="hinge", pitch=0.0), Joint(f"{joint.name} lead", "slide", axis=joint.axis, mimic=lead)]

    links = [replace(link, joints=[part for joint in link.joints for part in parts(joint)]) for link in description.links]
    return replace(description, links=links)


@pytest.fixture(scope="module")
def pair(engine) -> tuple[System, System]:
    """The press with screws and with hinges and slides."""
    s = system("press", 20)
    return s, replace(s, model=compile_model([Placed(composed(d), d.name) for d in descriptions("press")], GRAVITY))


def test_motion_and_gradients_are_those_of_a_hinge_and_a_slide_that_follows_it(pair):
    values, gradients = [], []
    for s in pair:
        physics = Physics(s.model, dt=DT)
        inputs = {k: x.requires_grad_(k not in CONSTANT_KINDS) for k, x in all_inputs(s).items()}
        value = run(
            physics,
            s,
            {k: inputs[k][None] if k in STATE_INPUTS else x for k, x in inputs.items()},
        )
        value.sum().backward()
        values.append(value.detach().numpy())
        gradients.append({k: x.grad.numpy() for k, x in inputs.items() if x.grad is not None})
    np.testing.assert_allclose(values[0], values[1], rtol=1e-12)
    assert set(gradients[0]) == set(gradients[1]) and len(gradients[0]) > 20
    for name, gradient in gradients[0].items():
        size = np.abs(gradients[1][name]).max()
        np.testing.assert_allclose(gradient, gradients[1][name], rtol=0, atol=1e-10 * max(size, 1.0), err_msg=name)


def test_weights_of_constraints_are_those_of_the_composed_one(pair):
    """link_invweight, dof_invweight, and the inertia that the default gains are made of."""
    for name in ("link_invweight", "dof_invweight"):
        np.testing.assert_allclose(*(s.model.parameters[name] for s in pair), rtol=1e-12, err_msg=name)
    np.testing.assert_allclose(*(s.model.dof_inertia for s in pair), rtol=1e-12)


@pytest.mark.parametrize("name", SCREW_SCENES)
def test_constraints_act_on_it_as_on_the_composed_one(engine, name):
    """Contact of a link behind two screws, limits, dry friction, a joint equality and a loop: accelerations in many states."""
    s = scene(name)
    model = model_of(composed(read_mjcf(xml_of(name), joints=screws_of(name))))
    qpos, qvel = (torch.tensor(x) for x in states(name, model, 40))
    found = []
    for each in (s.model, model):
        physics = physics_of(each, s.physics.dt, implicit_damping=s.physics.damping_dt > 0.0)
        zero = torch.zeros(40, each.nv, dtype=torch.float64)
        found.append(physics.step(physics.pack(), qpos, qvel, zero)[2].numpy())
    unforced = Physics(modelled(xml_of(name), screws_of(name), disable_constraint=True), dt=s.physics.dt)
    zero = torch.zeros(40, s.model.nv, dtype=torch.float64)
    assert (np.abs(found[0] - unforced.step(unforced.pack(), qpos, qvel, zero)[2].numpy()).max(1) > 1.0).mean() > 0.9
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9, atol=1e-8)


@pytest.fixture(scope="module")
def tied() -> tuple[mujoco.MjSpec, np.ndarray]:
    """MuJoCo's press with a free slide behind each hinge that is to be a screw, and d(its velocities)/d(ours)."""
    spec = mujoco.MjSpec.from_file(str(ROBOTS / "press.xml"))
    order, columns = [], []
    for body in spec.bodies:
        mine = list(body.joints)
        for joint in mine:
            columns.append(joint.name)
            order.append((joint.name, 1.0))
            if joint.name in SCREWS:
                order.append((joint.name, SCREWS[joint.name]))
        made = [(j.name, j.axis.copy()) for j in mine]
        # MuJoCo applies joints in order: take them all away and put them back with the slides between
        if any(name in SCREWS for name, _ in made):
            kept = [{k: getattr(j, k) for k in ("name", "type", "axis", "pos", "ref", "armature")} for j in mine]
            for joint in mine:
                spec.delete(joint)
            for values in kept:
                body.add_joint(**values)
                if values["name"] in SCREWS:
                    body.add_joint(name=f"{values['name']} lead", type=mujoco.mjtJoint.mjJNT_SLIDE, axis=values["axis"])
    G = np.zeros((len(order), len(columns)))
    for row, (name, factor) in enumerate(order):
        G[row, columns.index(name)] = factor
    return spec, G


def test_mass_matrix_bias_and_poses_are_those_of_mujoco_under_the_constraint(engine, tied):
    """M = Gᵀ M₂ G and bias = Gᵀ bias₂ with the constant Jacobian G of the tie: exact, where an equality would be soft."""
    spec, G = tied
    for element in (*spec.actuators, *spec.tendons):
        spec.delete(element)
    spec.option.gravity = GRAVITY
    twin = spec.compile()
    data = mujoco.MjData(twin)
    s = system("press", 20)
    physics, rng = Physics(s.model, dt=DT), np.random.default_rng(0)
    ref, theta = s.model.qpos0, Physics(s.model, dt=DT).pack()
    for _ in range(5):
        q, v = ref + rng.normal(size=s.model.nq), rng.normal(size=s.model.nv)
        data.qpos[:] = G @ (q - ref) + twin.qpos0
        data.qvel[:] = G @ v
        mujoco.mj_forward(twin, data)
        full = np.zeros((twin.nv, twin.nv))
        mujoco.mj_fullM(twin, data, full)
        qt, vt = torch.tensor(q)[None], torch.tensor(v)[None]
        np.testing.assert_allclose(physics.mass_matrix(theta, qt)[0].numpy(), G.T @ full @ G, atol=1e-13)
        np.testing.assert_allclose(physics.bias(theta, qt, vt)[0].numpy(), G.T @ data.qfrc_bias, atol=1e-12)
        pos = physics.kinematics(theta, qt, vt)[0][0].numpy()
        np.testing.assert_allclose(pos, data.xpos[1:], atol=1e-14)


def test_mass_matrix_bias_and_inverse_dynamics_are_those_of_the_reference(engine):
    """A plain twin with a screw of its own."""
    (description,), s = descriptions("press"), system("press", 20)
    twin, physics, rng = ReferenceDynamics(description, GRAVITY), Physics(s.model, dt=DT), np.random.default_rng(1)
    q, v, a = (rng.normal(size=s.model.nv) for _ in range(3))
    theta, qt, vt, at = physics.pack(), *(torch.tensor(x)[None] for x in (q, v, a))
    np.testing.assert_allclose(physics.mass_matrix(theta, qt)[0].numpy(), twin.mass_matrix(q), atol=1e-13)
    np.testing.assert_allclose(physics.bias(theta, qt, vt)[0].numpy(), twin.bias(q, v), atol=1e-12)
    tau = physics.inverse_dynamics(theta, qt, vt, at)[0].numpy()
    np.testing.assert_allclose(tau, twin.inverse_dynamics(q, v, a), atol=1e-12)


@pytest.mark.parametrize("pitch", [0.05, -0.3])
def test_a_falling_nut_turns(engine, pitch):
    """(I + m h²) q̈ = − m g h, and the nut falls by h q̈."""
    physics, zero = Physics(nut(pitch), dt=0.01), torch.zeros(1, 1, dtype=torch.float64)
    acceleration = float(physics.forward_dynamics(physics.pack(), zero, zero, zero)[0, 0])
    assert acceleration == pytest.approx(-2.0 * 9.81 * pitch / (0.04 + 2.0 * pitch**2), rel=1e-14)
    assert float(physics.mass_matrix(physics.pack(), zero)[0, 0, 0]) == pytest.approx(0.04 + 2.0 * pitch**2, rel=1e-14)


def test_a_force_along_the_axis_is_a_torque_of_pitch_times_it(engine):
    """Virtual work: one turn takes 2 π h F."""
    physics, zero = Physics(nut(0.1), dt=0.01), torch.zeros(1, 1, dtype=torch.float64)
    wrench = torch.zeros(1, 1, 6, dtype=torch.float64)
    wrench[0, 0, 2] = 7.0
    free = physics.forward_dynamics(physics.pack(), zero, zero, zero)
    pushed = physics.forward_dynamics(physics.pack(), zero, zero, zero, None, wrench)
    turned = physics.forward_dynamics(physics.pack(), zero, zero, zero + 0.7)
    assert float(pushed - free) == pytest.approx(float(turned - free), rel=1e-13)


def test_energy_is_kept(engine):
    """A chain with screws, springs and gravity, but no damping, for two seconds."""
    scene = gs.Scene(
        sim_options=gs.options.SimOptions(dt=0.002, requires_grad=False),
        rigid_options=gs.options.RigidOptions(integrator=gs.integrator.RK4),
    )
    morph = gs.morphs.MJCF(
        file=str(ROBOTS / "press.xml"), joints={name: screw(name, pitch)[name] for name, pitch in SCREWS.items()}
    )
    entity = scene.add_entity(morph)
    scene.build()
    entity.set_dofs_damping([0.0] * entity.n_dofs)
    entity.set_qpos([0.4, -0.5, 0.02, 0.3, 0.8])
    entity.set_dofs_velocity([1.0, -2.0, 0.1, 1.5, -1.0])
    start = float(entity.get_total_energy())
    for _ in range(1000):
        scene.step()
    assert float(entity.get_kinetic_energy()) > 1.0
    assert float(entity.get_total_energy()) == pytest.approx(start, abs=1e-6)


def test_scaled_robots_have_scaled_pitches(engine):
    """The same angle moves a robot of twice the size twice as far."""
    small, large = (read_mjcf(NUT.format(more=""), joints=screw("thread", 0.1), scale=scale) for scale in (1.0, 2.0))
    places = []
    for description in (small, large):
        physics = Physics(compile_model([Placed(description, "nut")]), dt=0.01)
        q = torch.full((1, 1), 0.7, dtype=torch.float64)
        places.append(physics.kinematics(physics.pack(), q, torch.zeros_like(q))[0][0, 0].numpy())
    np.testing.assert_allclose(places[0], [0.3, 0.1, 0.57], atol=1e-15)
    np.testing.assert_allclose(places[1], 2.0 * places[0], atol=1e-15)


REFUSED = {
    "unknown joint": ({"thred": {"type": "screw", "pitch": 0.1}}, UnknownNameError, 'unknown joint "thred"'),
    "unknown type": ({"thread": {"type": "helix", "pitch": 0.1}}, UnknownNameError, 'unknown joint type "helix"'),
    "a type that files have": ({"thread": {"type": "slide"}}, UnknownNameError, 'unknown joint type "slide"'),
    "no mapping": ({"thread": 0.1}, InputError, "joints.thread: 0.1 is not allowed; allowed: a mapping with type (screw)"),
    "no pitch": ({"thread": {"type": "screw"}}, InputError, "constants given: none; a screw needs pitch [m/rad]"),
    "too much": (
        {"thread": {"type": "screw", "pitch": 0.1, "lead": 1.0}},
        InputError,
        "constants given: lead, pitch; a screw needs",
    ),
    "no number": ({"thread": {"type": "screw", "pitch": "fine"}}, InputError, "joints.thread.pitch: 'fine' is not allowed"),
    "infinite": ({"thread": {"type": "screw", "pitch": np.inf}}, InputError, "joints.thread.pitch: inf is not allowed"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_screw_is_refused(case):
    joints, error, message = REFUSED[case]
    with pytest.raises(error) as caught:
        read_mjcf(NUT.format(more=""), joints=joints)
    assert message in str(caught.value)


def test_a_slide_of_the_file_is_no_screw():
    with pytest.raises(InputError, match="joints.thread: is a slide in the file; a screw takes the place of a hinge"):
        read_mjcf(NUT.format(more=' type="slide"'), joints=screw("thread", 0.1))


def test_other_joints_have_no_pitch(engine):
    description = read_mjcf(NUT.format(more=""))
    description.links[0].joints[0].pitch = 0.1
    with pytest.raises(ModelError, match="is a hinge with a pitch of 0.1 m/rad; allowed: finite numbers, of screws alone"):
        compile_model([Placed(description, "nut")])

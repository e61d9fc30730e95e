"""Options, morphs and materials: documented names and defaults, refusals by name."""

import numpy as np
import pytest

import genesis as gs
from genesis.errors import InputError, ModelError, UnknownNameError, UnsupportedError
from tests.scene.robots import GANTRY


def test_defaults():
    sim, rigid = gs.options.SimOptions(), gs.options.RigidOptions()
    assert (sim.dt, sim.substeps, sim.gravity, sim.floor_height, sim.requires_grad) == (None, 1, None, 0.0, False)
    assert rigid.integrator is None and rigid.enable_collision is None and rigid.dt is None
    scene = gs.Scene()
    scene.add_entity(gs.morphs.Sphere())
    scene.build()
    assert (scene.dt, scene.get_gravity().tolist()) == (0.01, pytest.approx([0.0, 0.0, -9.81]))
    assert (scene.rigid_solver.physics.integrator, scene.rigid_solver.physics.damping_dt) == ("Euler", 0.01)
    assert (
        gs.morphs.Sphere().radius == 0.5
        and gs.morphs.Cylinder().height == 1.0
        and gs.morphs.URDF(file="x").default_armature == 0.0
    )
    assert gs.materials.Rigid().density == 200.0


def test_documented_defaults_are_accepted():
    gs.options.RigidOptions(
        constraint_solver=gs.constraint_solver.Newton,
        iterations=25,
        enable_collision=False,
        batch_dofs_info=True,
        integrator="rk4",
    )
    gs.morphs.URDF(file="x", merge_fixed_links=False, links_to_keep=("tip",), collision=False, visualization=False)
    gs.materials.Rigid(rho=1000.0, friction=0.5, needs_coup=True)
    assert gs.Scene(show_viewer=False, show_FPS=True, vis_options=None).requires_grad is False


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: gs.options.SimOptions(step=0.1), UnknownNameError, 'SimOptions: unknown option "step"; known: substeps'),
        (lambda: gs.options.SimOptions(dt=0.0), InputError, "dt is 0.0; allowed: a positive number"),
        (lambda: gs.options.SimOptions(substeps=0), InputError, "substeps is 0; allowed: 1, 2, 3"),
        (lambda: gs.options.SimOptions(gravity=(0, 0)), InputError, "gravity is .0, 0.; allowed: three finite numbers"),
        (lambda: gs.options.SimOptions(floor_height=1.0), UnsupportedError, "floor_height"),
        (
            lambda: gs.options.RigidOptions(noslip_iterations=5),
            UnsupportedError,
            "noslip_iterations is not supported .*default 0",
        ),
        (lambda: gs.options.RigidOptions(iterations=0), InputError, "iterations is 0; allowed: 1, 2, 3"),
        (lambda: gs.options.RigidOptions(max_contacts=-1), InputError, "max_contacts is -1; allowed: 1, 2, 3"),
        (lambda: gs.options.RigidOptions(ls_iterations=1.5), InputError, "ls_iterations is 1.5; allowed: 1, 2, 3"),
        (lambda: gs.options.RigidOptions(tolerance=0.0), InputError, "tolerance is 0.0; allowed: a positive number"),
        (lambda: gs.options.RigidOptions(impratio=-1.0), InputError, "impratio is -1.0; allowed: a positive number"),
        (
            lambda: gs.options.RigidOptions(contact="soft"),
            UnknownNameError,
            'unknown contact "soft"; known: mujoco, smooth|smooth, m',
        ),
        (lambda: gs.options.RigidOptions(friction_cone="round"), UnknownNameError, 'friction_cone "round"; known: .*elliptic'),
        (
            lambda: gs.options.RigidOptions(integrator=gs.integrator.approximate_implicitfast),
            UnknownNameError,
            "known: implicitfast, implicit, ",
        ),
        (lambda: gs.options.ViewerOptions(), UnsupportedError, "viewer and pictures take no options"),
        (lambda: gs.options.MPMOptions(), UnsupportedError, "only rigid bodies"),
        (lambda: gs.materials.MPM.Elastic(), UnsupportedError, "known: Rigid"),
        (lambda: gs.materials.Rigid(rho=-1.0), InputError, "rho is -1.0"),
        (lambda: gs.materials.Rigid(friction=-0.1), InputError, "friction is -0.1; allowed: zero or a positive number"),
        (lambda: gs.materials.Rigid(condim=2), InputError, "condim is 2; allowed: 1, 3, 4, 6"),
        (lambda: gs.materials.Rigid(solref=(0.1, -1.0)), ModelError, "solref is .0.1, -1.; allowed: .*both positive"),
        (lambda: gs.materials.Rigid(solimp=(0.9, 0.8, 0.1, 0.5, 2)), ModelError, "solimp .*overlap"),
        (lambda: gs.materials.Rigid(solimp=(0.9, 0.95)), InputError, "solimp is .*; allowed: 5 numbers"),
        (lambda: gs.materials.Rigid(sol_params=(0,) * 7, solref=(1, 1)), InputError, "give one"),
        (lambda: gs.morphs.Sphere(contype=-1), InputError, "morphs.Sphere: contype is -1; allowed: bits"),
        (lambda: gs.materials.Rigid(gravity_compensation=1.0), UnsupportedError, "gravity_compensation"),
        (lambda: gs.morphs.Terrain(), UnsupportedError, "known: URDF, MJCF"),
        (lambda: gs.morphs.URDF(), InputError, "morphs.URDF: file is missing"),
        (lambda: gs.morphs.URDF(file="x", merge_fixed_links=True), UnsupportedError, "merge_fixed_links"),
        (lambda: gs.morphs.Box(), InputError, "give size, or both lower and upper"),
        (lambda: gs.morphs.Box(size=(1, 1, 1), pos=(0, 0, float("nan"))), InputError, "pos is .*; allowed: 3 finite numbers"),
        (lambda: gs.morphs.Box(size=(1, 1, 1), quat=(1, 0, 0, 0), euler=(0, 0, 0)), InputError, "both given"),
        (lambda: gs.morphs.Box(size=(1, 1, 1), quat=(0, 0, 0, 0)), InputError, "quat is zero"),
        (lambda: gs.Scene(vis_options=1), UnsupportedError, "vis_options is not supported .viewer and pictures take no options"),
        (lambda: gs.Scene(mpm_options=1), UnsupportedError, "mpm_options"),
        (lambda: gs.Scene(sim_option=1), UnknownNameError, 'unknown argument "sim_option"; known: sim_options'),
        (lambda: gs.Scene(sim_options=gs.options.RigidOptions()), InputError, "sim_options is RigidOptions; allowed: SimOptions"),
        (
            lambda: gs.Scene(sim_options=gs.options.SimOptions(dt=0.01), rigid_options=gs.options.RigidOptions(dt=0.1)),
            InputError,
            "rigid_options.dt is 0.1 s and sim_options.dt 0.01 s; give one",
        ),
    ],
)
def test_refusals(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_shapes_by_mass():
    density = gs.materials.Rigid(rho=1000.0)
    for morph, mass in (
        (gs.morphs.Box(size=(0.1, 0.2, 0.3)), 6.0),
        (gs.morphs.Box(lower=(0, 0, 0), upper=(0.1, 0.2, 0.3)), 6.0),
        (gs.morphs.Sphere(radius=0.1), 4000 / 3 * np.pi * 0.001),
        (gs.morphs.Cylinder(radius=0.1, height=0.5), 1000 * np.pi * 0.01 * 0.5),
        (gs.morphs.Capsule(radius=0.1, height=0.5), 1000 * np.pi * (0.01 * 0.5 + 4 / 3 * 0.001)),
    ):
        assert morph.describe(density).links[0].mass == pytest.approx(mass)
    assert gs.morphs.Box(lower=(0, 0, 0), upper=(0.1, 0.2, 0.3)).pos == pytest.approx((0.05, 0.1, 0.15))
    assert gs.morphs.Plane().describe(density).links[0].joints == []


def test_the_material_gives_contact_parameters():
    material = gs.materials.Rigid(
        friction=0.3, friction_torsional=0.1, sol_params=(0.01, 1, 0.8, 0.9, 0.002, 0.5, 2), margin=0.01, gap=0.002, priority=1
    )
    (geom,) = gs.morphs.Box(size=(1, 1, 1), contype=2, conaffinity=4).describe(material).geoms
    assert (geom.friction, geom.condim, geom.priority) == ((0.3, 0.1, 0.0001), 4, 1)
    assert (geom.solref, geom.solimp) == ((0.01, 1.0), (0.8, 0.9, 0.002, 0.5, 2.0))
    assert (geom.margin, geom.gap, geom.contype, geom.conaffinity) == (0.01, 0.002, 2, 4)
    (plain,) = gs.morphs.Box(size=(1, 1, 1)).describe(gs.materials.Rigid()).geoms
    assert (plain.friction, plain.condim, plain.contype, plain.visual) == ((1.0, 0.005, 0.0001), 3, 1, False)


def test_options_reach_the_model():
    options = gs.options.RigidOptions(friction_cone="elliptic", impratio=10, contact="mujoco", max_contacts=7, tolerance=1e-10)
    scene = gs.Scene(rigid_options=options)
    scene.add_entity(gs.morphs.Plane())
    scene.add_entity(gs.morphs.Sphere(), material=gs.materials.Rigid(condim=6))
    scene.add_entity(gs.morphs.Sphere(collision=False))
    scene.build()
    model = scene.rigid_solver.model
    constraints = model.constraints
    assert (constraints.cone, constraints.impratio, constraints.contact, constraints.max_contacts) == (
        "elliptic",
        10,
        "mujoco",
        7,
    )
    assert (constraints.tolerance, constraints.iterations, constraints.ls_iterations) == (1e-10, 100, 50)
    assert model.integers["cand_condim"].tolist() == [6] and model.sizes["ngeom"] == 2


@pytest.mark.parametrize("switch", [dict(enable_collision=False), dict(disable_constraint=True)])
def test_collisions_switched_off_leave_no_candidates(switch):
    scene = gs.Scene(rigid_options=gs.options.RigidOptions(**switch))
    scene.add_entity(gs.morphs.Plane())
    scene.add_entity(gs.morphs.Sphere())
    scene.build()
    assert scene.rigid_solver.model.sizes["ncand"] == scene.rigid_solver.model.sizes["ngeom"] == 0


def test_pose_of_a_morph():
    scene = gs.Scene()
    fixed = scene.add_entity(gs.morphs.Box(size=(1, 1, 1), pos=(1, 2, 3), euler=(0, 0, 90), fixed=True))
    free = scene.add_entity(gs.morphs.Box(size=(1, 1, 1), pos=(1, 2, 3), euler=(0, 0, 90)))
    rails = scene.add_entity(gs.morphs.URDF(file=GANTRY, pos=(1, 2, 3), euler=(0, 0, 90)))
    scene.build()
    rails.set_dofs_position([1.0, 0.0, 0.0])
    half = 0.5**0.5
    for body, pos in ((fixed, [1, 2, 3]), (free, [1, 2, 3]), (rails, [1, 3, 3])):
        assert body.get_pos().tolist() == pytest.approx(pos)
        assert body.get_quat().tolist() == pytest.approx([half, 0, 0, half])
    assert (fixed.n_dofs, free.n_dofs, rails.n_dofs) == (0, 6, 3) and free.is_free and not rails.is_free


def test_one_warning_for_what_is_not_simulated(caplog):
    caplog.set_level("WARNING", logger="genesis")
    tendon = """<mujoco><worldbody><body name="a"><joint name="j" axis="0 1 0"/><geom size="0.1"/></body></worldbody>
      <tendon><fixed name="cable" stiffness="3"><joint joint="j" coef="1"/></fixed></tendon></mujoco>"""
    scene = gs.Scene()
    scene.add_entity(gs.morphs.Plane())
    scene.add_entity(gs.morphs.MJCF(file=tendon), name="winch")
    scene.build()
    (record,) = caplog.records
    assert record.getMessage().startswith('entity "winch": not simulated in this version: ') and "cable" in record.getMessage()

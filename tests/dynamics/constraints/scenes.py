"""Small scenes that together hold every kind of constraint, each here and in MuJoCo, with states in which the constraints act."""

from dataclasses import dataclass, replace
from functools import cache

import mujoco
import numpy as np
import torch

from genesis.description.description import Description
from genesis.description.read import read_mjcf
from genesis.grad.physics import Physics
from genesis.model.compile import Placed, compile_model
from genesis.model.layout import PAIR_CODE
from genesis.model.model import Model
from genesis.model.options import ConstraintRequest
from tests.dynamics.conversions import advance
from tests.dynamics.systems import System

PLANE, SPHERE, CAPSULE, BOX = 0, 2, 3, 6
_TYPES = ((PLANE, SPHERE), (PLANE, CAPSULE), (PLANE, BOX), (SPHERE, SPHERE), (SPHERE, CAPSULE), (SPHERE, BOX), (CAPSULE, CAPSULE))
PAIRS = tuple(sorted(PAIR_CODE[types] for types in _TYPES))  # of all models of these tests, so that they share their kernels
EXACT = 1e-14  # tolerance of the solver that leaves rounding alone
HEAD = '<mujoco><compiler angle="radian"/><option timestep="0.005" gravity="0.4 -0.7 -9.81" cone="{cone}" impratio="{impratio}">'
EXPLICIT_DAMPING = '<flag eulerdamp="disable"/>'
HEAD += EXPLICIT_DAMPING + "</option>"

LIMITS = """<worldbody><body name="base" pos="0.1 0.2 0.3" quat="0.9 0.1 -0.2 0.3">
  <inertial pos="0.05 0.1 0.2" mass="1.5" fullinertia="0.05 0.06 0.04 0.004 -0.006 0.005"/>
  <joint name="turn" axis="0.1 0.2 1" pos="0.02 -0.03 0.05" damping="0.3" armature="0.05" ref="0.2" range="-0.1 0.5"/>
  <joint name="lift" type="slide" axis="1 0.3 0.2" pos="0.1 0.1 0" damping="1.5" range="-0.1 0.1" margin="0.02"
    solreflimit="-3000 -40" solimplimit="0.5 0.97 0.08 0.3 3"/>
  <body name="upper" pos="0.2 0 0.1" quat="0.7 -0.1 0.5 0.2">
    <inertial pos="0.02 -0.05 0.15" mass="0.8" fullinertia="0.012 0.011 0.006 0.001 0.0005 -0.001"/>
    <joint name="shoulder" type="ball" pos="0 0.05 -0.02" range="0 0.6" margin="0.05" solreflimit="0.03 0.8" damping="0.1"/>
    <body name="lower" pos="0 0.1 0.25"><inertial pos="0.03 0.02 0.1" mass="0.5" fullinertia="0.006 0.005 0.004 0.0003 0.0006 0.0002"/>
      <joint name="knee" axis="1 0.2 -0.1" pos="0 0.05 -0.02" range="-0.3 0.4" solimplimit="0.8 0.9 0.05 0.6 2.5" solreflimit="0.05 0.7"/>
      <joint name="bar" type="slide" axis="0 1 1" range="-0.2 0.2" solimplimit="0.9 0.95 0.001 0.5 1"/>
    </body></body></body></worldbody>"""

FRICTION = """<worldbody><body name="base" pos="0.1 0.2 0.3" quat="0.9 0.1 -0.2 0.3">
  <inertial pos="0.05 0.1 0.2" mass="1.5" fullinertia="0.05 0.06 0.04 0.004 -0.006 0.005"/>
  <joint name="turn" axis="0.1 0.2 1" pos="0.02 -0.03 0.05" frictionloss="20"/>
  <joint name="lift" type="slide" axis="1 0.3 0.2" frictionloss="2" solreffriction="-200 -30" solimpfriction="0.6 0.8 0.1 0.5 2"/>
  <body name="upper" pos="0.2 0 0.1" quat="0.7 -0.1 0.5 0.2">
    <inertial pos="0.02 -0.05 0.15" mass="0.8" fullinertia="0.012 0.011 0.006 0.001 0.0005 -0.001"/>
    <joint name="shoulder" type="ball" pos="0 0.05 -0.02" frictionloss="0.3" solreffriction="0.05 1"/>
    <body name="lower" pos="0 0.1 0.25"><inertial pos="0.03 0.02 0.1" mass="0.5" fullinertia="0.006 0.005 0.004 0.0003 0.0006 0.0002"/>
      <joint name="knee" axis="1 0.2 -0.1" pos="0 0.05 -0.02" frictionloss="0.05" solimpfriction="0.3 0.5 0.1 0.5 2"/>
      <joint name="bar" type="slide" axis="0 1 1" frictionloss="9" armature="0.1"/>
    </body></body></body>
  <body name="dust" pos="1 1 1"><freejoint/><inertial pos="0.01 0 0.02" mass="0.3" diaginertia="0.001 0.002 0.0025"/></body>
  </worldbody>"""

EQUALITY = """<worldbody>
  <body name="one" pos="0 0 1" quat="0.9 0.1 -0.2 0.3"><inertial pos="0.05 0.1 0.2" mass="1.5" fullinertia="0.05 0.06 0.04 0.004 -0.006 0.005"/>
    <joint name="a" axis="0.1 0.2 1" pos="0.02 -0.03 0.05"/><joint name="b" type="slide" axis="1 0.3 0.2" ref="0.1"/>
    <body name="two" pos="0.2 0 0.1" quat="0.7 -0.1 0.5 0.2"><inertial pos="0.02 -0.05 0.15" mass="0.8" diaginertia="0.012 0.011 0.006"/>
      <joint name="c" type="ball" pos="0 0.05 -0.02"/>
      <body name="three" pos="0.1 0 0.2"><inertial pos="0 0.05 0.1" mass="0.4" diaginertia="0.004 0.003 0.002"/>
        <joint name="d" axis="0 1 0.3" ref="-0.3"/><joint name="e" type="slide" axis="0.2 0.1 1"/></body></body></body>
  <body name="four" pos="0.5 0.1 1" quat="0.8 0.3 0.1 -0.4"><inertial pos="0 0.05 0" mass="0.7" diaginertia="0.01 0.008 0.007"/>
    <joint name="f" axis="1 0.2 0.3"/><joint name="g" axis="0 0.2 1" pos="0.1 0 0"/></body>
  <body name="five" pos="-0.5 0.3 1"><freejoint/><inertial pos="0.02 0 0.03" mass="0.9" diaginertia="0.01 0.012 0.015"/></body>
  <body name="six" pos="-0.5 -0.3 1.2"><freejoint/><inertial pos="0 0.02 0" mass="0.6" diaginertia="0.01 0.006 0.008"/></body>
  </worldbody><equality>
  <connect body1="three" body2="four" anchor="0.1 0.05 0.2" solref="0.04 0.9" solimp="0.7 0.95 0.2 0.4 3"/>
  <connect body1="five" anchor="0.1 0 -0.1" solref="-900 -25"/>
  <weld body1="five" body2="six" anchor="0.05 0.1 0" torquescale="0.4" relpose="0.1 -0.5 0.3 0.9 0.2 -0.1 0.3" solref="0.06 1.1"
    solimp="0.5 0.9 0.5 0.6 2"/>
  <weld body1="two" anchor="0 0.02 0.04" solref="0.1 1" solimp="0.3 0.8 0.7 0.5 2"/>
  <joint joint1="f" joint2="d" polycoef="0.1 0.7 -0.2 0.3 0.15" solref="0.05 1"/>
  <joint joint1="b" polycoef="0.05 0 0 0 0" solimp="0.6 0.9 0.1 0.5 2"/>
  <joint joint1="g" joint2="e" polycoef="0.02 1.5 0.4 0 0" solref="-500 -10"/>
  </equality>"""

BRANCHES = """<worldbody><body name="trunk" pos="0.1 0.2 1" quat="0.9 0.1 -0.2 0.3"><freejoint/>
    <inertial pos="0.05 0.1 0.2" mass="2.5" fullinertia="0.05 0.06 0.04 0.004 -0.006 0.005"/>
    <site name="hip" pos="0.1 0 -0.1" quat="1 0.2 0 0.1"/>
    <body name="thigh" pos="0.2 0 0.1" quat="0.7 -0.1 0.5 0.2"><inertial pos="0.02 -0.05 0.15" mass="0.8" diaginertia="0.012 0.011 0.006"/>
      <joint name="a" axis="0.1 0.2 1" pos="0.02 -0.03 0.05"/><joint name="b" type="slide" axis="1 0.3 0.2"/>
      <body name="shank" pos="0.1 0 0.2"><inertial pos="0 0.05 0.1" mass="0.4" diaginertia="0.004 0.003 0.002"/>
        <joint name="c" type="ball" pos="0 0.05 -0.02"/><site name="foot" pos="0 0.1 0.2"/></body></body>
    <body name="arm" pos="-0.2 0.1 0.1"><inertial pos="0 0.05 0" mass="0.7" diaginertia="0.01 0.008 0.007"/>
      <joint name="d" axis="1 0.2 0.3" ref="0.1"/><joint name="e" type="slide" axis="0 0.2 1" pos="0.1 0 0"/>
      <site name="near" pos="0.1 0 0.05"/>
      <body name="hand" pos="0.1 0.2 0"><inertial pos="0.02 0 0.03" mass="0.9" diaginertia="0.01 0.012 0.015"/>
        <site name="far" pos="0.15 0 -0.1"/></body></body></body></worldbody><equality>
  <connect body1="thigh" body2="trunk" anchor="-0.1 0 0.05" solref="0.04 0.9" solimp="0.7 0.95 0.2 0.4 3"/>
  <connect body1="shank" body2="hand" anchor="0.1 0.05 0.2" solref="-900 -25"/>
  <weld body1="trunk" body2="shank" anchor="0.05 0.1 0" torquescale="0.4" relpose="0.3 0.1 0.2 0.9 0.2 -0.1 0.3" solref="0.06 1.1"
    solimp="0.5 0.9 0.5 0.6 2"/>
  <weld site1="hip" site2="near" torquescale="0.7" solref="0.1 1" solimp="0.3 0.8 0.7 0.5 2"/>
  <connect site1="far" site2="near" solref="0.2 0.5" solimp="0.2 0.4 0.5 0.5 2"/>
  <connect site1="foot" site2="hip" solref="0.05 1"/>
  <connect body1="hand" anchor="0.1 0 -0.1" solref="-500 -10"/>
  </equality>"""

CONTACT = """<worldbody>
  <geom name="floor" type="plane" size="0 0 1" pos="0.1 0.2 0.05" quat="0.99 0.05 -0.08 0.03" condim="{condim}" friction="0.6 0.03 0.004"
    solmix="2" solref="0.03 1.1" solimp="0.8 0.96 0.01 0.4 3" margin="0.004"/>
  <body name="ball" pos="0 0 0.13"><freejoint/><geom name="ball" type="sphere" size="0.1" mass="0.7" pos="0.01 0.02 -0.01" condim="1"
    friction="0.8 0.02 0.007" solref="0.025 0.9" solimp="0.7 0.9 0.02 0.5 2" margin="0.003" gap="0.002" solmix="0.7"/></body>
  <body name="stick" pos="0.5 0 0.12"><freejoint/><geom name="stick" type="capsule" size="0.06 0.2" mass="0.5" pos="0 0.02 0"
    quat="0.7 0.02 0.7 0.05" condim="1" friction="0.5 0.05 0.002" solref="-2100 -55" solimp="0.85 0.95 0.01 0.5 1"/></body>
  <body name="crate" pos="0 0.7 0.2"><freejoint/><geom name="crate" type="box" size="0.1 0.15 0.08" mass="0.9" pos="0.01 0 0.01"
    quat="0.95 0.2 0.1 0.1" condim="{condim}" priority="1" friction="0.7 0.04 0.003" solref="0.035 0.8"/></body>
  <body name="arm" pos="0 0 0.7"><joint name="yaw" axis="0.1 0.2 1"/><joint name="pitch" axis="0 1 0.1" damping="0.05"/>
    <inertial pos="0 0 -0.1" mass="0.4" diaginertia="0.003 0.003 0.001"/>
    <body name="hand" pos="0.05 0 -0.28"><joint name="elbow" axis="0.1 1 0"/>
      <inertial pos="0 0 -0.05" mass="0.3" diaginertia="0.001 0.0012 0.0008"/>
      <geom name="tip" type="sphere" size="0.05" pos="0 0.01 -0.14" condim="{condim}" friction="0.9 0.015 0.006" solmix="0.5"
        solimp="0.75 0.92 0.015 0.45 2.5"/>
    </body></body></worldbody><contact><exclude body1="stick" body2="crate"/></contact>"""

EXPLICIT = """<worldbody>
  <geom name="floor" type="plane" size="0 0 1" quat="0.99 0.05 -0.08 0.03" contype="0" conaffinity="0"/>
  <body name="ball" pos="0 0 0.09"><freejoint/><geom name="ball" type="sphere" size="0.1" mass="0.7" pos="0.01 0.02 -0.01"/></body>
  <body name="stick" pos="0.5 0 0.05"><freejoint/><geom name="stick" type="capsule" size="0.06 0.2" mass="0.5" pos="0 0.02 0"
    quat="0.7 0.02 0.7 0.05"/></body>
  <body name="other" pos="0.02 0.03 0.23"><freejoint/><geom name="other" type="sphere" size="0.06" mass="0.3"/></body></worldbody>
  <contact><pair geom1="floor" geom2="ball" condim="6" friction="0.7 0.5 0.02 0.003 0.004" solref="0.03 0.9" solimp="0.7 0.9 0.01 0.4 3"
      margin="0.01" gap="0.004" solreffriction="0.05 0.8"/>
    <pair geom1="floor" geom2="stick" condim="4" friction="0.4 0.6 0.03 0.001 0.001" solref="-2100 -55" solreffriction="-300 -40"/>
    <pair geom1="other" geom2="ball" condim="3" friction="0.3 0.8 0.01 0.001 0.001" solref="0.025 1.2"/></contact>"""

SCREWS = """<worldbody>
  <geom name="floor" type="plane" size="0 0 1" pos="0 0 0.05" quat="0.99 0.05 -0.08 0.03" condim="3" friction="0.6 0.03 0.004"
    solref="0.03 1.1" solmix="2"/>
  <body name="base" pos="0.1 0.2 0.3" quat="0.9 0.1 -0.2 0.3">
    <inertial pos="0.05 0.1 0.2" mass="1.5" fullinertia="0.05 0.06 0.04 0.004 -0.006 0.005"/>
    <joint name="thread" axis="0.1 0.2 1" pos="0.02 -0.03 0.05" damping="0.3" armature="0.05" ref="0.2" range="-0.1 0.5"
      frictionloss="2" solreflimit="0.04 0.8" solreffriction="0.05 1"/>
    <body name="upper" pos="0.2 0 0.1" quat="0.7 -0.1 0.5 0.2">
      <inertial pos="0.02 -0.05 0.15" mass="0.8" fullinertia="0.012 0.011 0.006 0.001 0.0005 -0.001"/>
      <joint name="elbow" axis="1 0.2 -0.1" pos="0 0.05 -0.02"/>
      <body name="lower" pos="0 0.1 0.25"><inertial pos="0.03 0.02 0.1" mass="0.5" fullinertia="0.006 0.005 0.004 0.0003 0.0006 0.0002"/>
        <joint name="fine" axis="0.3 -0.5 0.8" pos="0 0.05 -0.02" range="-0.3 0.4" margin="0.02" solreflimit="0.05 0.7" damping="0.1"/>
        <geom name="tip" type="sphere" size="0.1" pos="0.02 0 0.05" condim="3" mass="0" friction="0.8 0.02 0.007"
          solref="0.025 0.9" solmix="0.7"/>
      </body></body></body>
  <body name="crate" pos="0.55 0.15 0.12"><freejoint/><geom name="crate" type="sphere" size="0.1" mass="0.9" condim="3"
    solref="0.035 0.8"/></body></worldbody>
  <equality><joint joint1="fine" joint2="thread" polycoef="0.1 0.5 0.2 0 0" solref="0.03 1"/>
    <connect body1="lower" body2="crate" anchor="0.02 0.03 0.05" solref="0.04 0.9"/></equality>"""
PITCHES = {"thread": 0.15, "fine": -0.3}  # of the joints that are screws [m/rad], in the scenes without a twin in MuJoCo

BODIES = {
    "limits": LIMITS,
    "friction": FRICTION,
    "equality": EQUALITY,
    "branches": BRANCHES,
    "explicit": EXPLICIT,
    "screws": SCREWS,
}
CONES = {
    "pyramids": ("pyramidal", 1.0),
    "pyramids-5": ("pyramidal", 5.0),
    "cones": ("elliptic", 1.0),
    "cones-5": ("elliptic", 5.0),
}
CONDIMS = (1, 3, 4, 6)
JOINT_SCENES = ("limits", "friction", "equality", "branches")
CONTACT_SCENES = tuple(f"contact{condim} {cone}" for condim in CONDIMS for cone in CONES if condim > 1 or cone == "pyramids")
EXPLICIT_SCENES = tuple(f"explicit {cone}" for cone in CONES)
DAMPED_SCENES = ("limits pyramids damped", "equality pyramids damped", "branches pyramids damped", "contact6 cones-5 damped")
SCREW_SCENES = ("screws", "screws cones damped")
SCENES = (*JOINT_SCENES, *CONTACT_SCENES, *EXPLICIT_SCENES, *DAMPED_SCENES)


def xml_of(name: str) -> str:
    """The scene as MJCF; "contact6 cones-5" has six rows a contact, elliptic cones and five times stiffer friction.

    "damped": every joint has damping, which acts at the end of the step, after the constraints.
    """
    kind, *rest = name.split()
    cone, impratio = CONES[rest[0] if rest else "pyramids"]
    head = HEAD.format(cone=cone, impratio=impratio)
    if "damped" in rest:
        head = head.replace(EXPLICIT_DAMPING, "") + '<default><joint damping="0.2"/></default>'
    body = BODIES[kind] if kind in BODIES else CONTACT.replace("{condim}", kind.removeprefix("contact"))
    return head + body + "</mujoco>"


@dataclass(frozen=True, eq=False)
class Scene:
    """A scene here and in MuJoCo (of screws as hinges), with one state and controls."""

    name: str
    model: Model
    physics: Physics
    twin: mujoco.MjModel
    system: System


def exact(twin: mujoco.MjModel) -> mujoco.MjModel:
    """MuJoCo's solver, run until rounding stops it."""
    twin.opt.tolerance, twin.opt.iterations, twin.opt.ls_iterations, twin.opt.ls_tolerance = 1e-15, 500, 200, 1e-10
    return twin


def physics_of(model: Model, dt: float, **options) -> Physics:
    """Physics with the kernels of all models of these tests, whichever pairs this one has."""
    physics = Physics(model, dt=dt, **options)
    if physics.constraints is not None:
        assert set(physics.constraints.pairs) <= set(PAIRS)
        physics.constraints.pairs = PAIRS
    return physics


def states(name: str, model: Model, count: int, seed: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """(count, nq), (count, nv) near the described pose, so that most constraints act."""
    rng = np.random.default_rng(seed)
    spread, speed = {
        "limits": (0.6, 0.5),
        "friction": (0.5, 0.3),
        "equality": (0.3, 0.5),
        "branches": (0.15, 0.5),
        "screws": (0.2, 0.5),
    }.get(name.split()[0], (0.02, 0.3))
    qpos = np.array([advance(model, model.qpos0, spread * rng.normal(size=model.nv)) for _ in range(count)])
    return qpos, speed * rng.normal(size=(count, model.nv))


def screws_of(name: str) -> dict | None:
    """The joints of the scene that are no hinges as in its file."""
    return {joint: {"type": "screw", "pitch": p} for joint, p in PITCHES.items()} if name in SCREW_SCENES else None


def modelled(xml: str, joints: dict | None = None, **request) -> Model:
    return model_of(read_mjcf(xml, joints=joints), **request)


def model_of(description: Description, **request) -> Model:
    request = {"contact": "mujoco", "tolerance": EXACT} | request
    return compile_model([Placed(description, "scene")], description.gravity, ConstraintRequest(**request))


@cache
def scene(name: str, horizon: int = 30) -> Scene:
    xml = xml_of(name)
    model, twin, rng = modelled(xml, screws_of(name)), exact(mujoco.MjModel.from_xml_string(xml)), np.random.default_rng(3)
    physics = physics_of(model, twin.opt.timestep, implicit_damping="damped" in name)
    qpos, qvel = (x[0] for x in states(name, model, 1))
    shapes = (horizon, model.nv), (horizon, model.nu), (horizon, model.nlink, 6)
    controls = (scale * rng.normal(size=shape) for scale, shape in zip((0.3, 1.0, 0.2), shapes, strict=True))
    system = System(name, model, *(torch.tensor(x) for x in (qpos, qvel, *controls)))
    return Scene(name, model, physics, twin, system)


def smooth(s: Scene) -> Scene:
    """The same scene with the smooth law."""
    model = modelled(xml_of(s.name), screws_of(s.name), contact="smooth")
    return replace(s, model=model, physics=physics_of(model, s.physics.dt, implicit_damping=s.physics.damping_dt > 0.0))

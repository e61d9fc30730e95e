"""One joint of any kind, by the table of kinds."""

from genesis.description.description import Description
from genesis.description.kinds import KINDS
from genesis.description.read import read_mjcf
from genesis.model.compile import Placed, compile_model
from genesis.model.model import Model

INERTIA = '<inertial pos="0.1 -0.05 0.2" mass="1.3" fullinertia="0.05 0.06 0.04 0.004 -0.006 0.005"/>'
CONSTANTS = {"pitch": 0.15}  # of the kinds that have them
ANCHOR = 'pos="0.02 -0.03 0.05"'


def types_of(kind: str) -> dict | None:
    """What is said beside a file of the joint "it", if files have no word for the kind."""
    about = KINDS[kind]
    return {"it": {"type": kind} | {name: CONSTANTS[name] for name, _ in about.constants}} if about.stands_for else None


def text(kind: str, more: str = "", child: bool = True, anchor: str = ANCHOR) -> str:
    """MJCF of one joint "it" of the kind, oblique and off the link's origin, with a hinged link behind it."""
    about = KINDS[kind]
    where = "" if about.floats else f'{anchor} axis="0.3 -0.5 0.8"'
    tip = f'<body pos="0.3 0 0.1"><joint name="tip" axis="0 1 0.2" pos="0 0 0.02"/>{INERTIA}</body>' if child else ""
    return (
        '<mujoco><compiler angle="radian"/><option gravity="0 0 0"/><worldbody>'
        f'<body name="link" pos="0.2 0.1 0.4" quat="0.8 0.1 -0.3 0.5"><joint name="it" type="{about.stands_for or about.mjcf}" {where} {more}/>'
        f"{INERTIA}{tip}</body></worldbody></mujoco>"
    )


def description(kind: str, more: str = "", child: bool = True, **options) -> Description:
    return read_mjcf(text(kind, more, child), joints=types_of(kind), **options)


def robot(kind: str, more: str = "", child: bool = True) -> Model:
    """The same, compiled without gravity."""
    return compile_model([Placed(description(kind, more, child), kind)], (0.0, 0.0, 0.0))

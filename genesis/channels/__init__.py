"""Channels: what sensors would measure of a simulated motion, recorded or planned, one kind a file.

A new one is added here, to `kinds.CHANNEL_KINDS` and to the schema of the command line.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from genesis.channels.accelerometer import Accelerometer
from genesis.channels.channel import Channel
from genesis.channels.contact_force import ContactForce
from genesis.channels.joint_position import JointPosition
from genesis.channels.joint_torque import JointTorque
from genesis.channels.joint_velocity import JointVelocity
from genesis.channels.joints import TURNING
from genesis.channels.kinds import CHANNEL_KINDS
from genesis.channels.link_angular_velocity import Gyro, LinkAngularVelocity
from genesis.channels.link_orientation import LinkOrientation
from genesis.channels.link_position import LinkPosition
from genesis.channels.link_velocity import LinkVelocity
from genesis.channels.marker import Camera, Marker
from genesis.channels.sample import Sample
from genesis.errors import InputError, unknown_name
from genesis.selection import joints_of, match
from genesis.setting import Setting

#: kind -> class; built as `CHANNELS[kind](setting, where, names, **options)`.
CHANNELS = {
    "joint_position": JointPosition,
    "joint_velocity": JointVelocity,
    "joint_torque": JointTorque,
    "link_position": LinkPosition,
    "link_orientation": LinkOrientation,
    "link_velocity": LinkVelocity,
    "link_angular_velocity": LinkAngularVelocity,
    "accelerometer": Accelerometer,
    "gyro": Gyro,
    "contact_force": ContactForce,
    "marker": Marker,
    "camera": Camera,
}


def make_channel(setting: Setting, where: str, kind: str, names: Sequence[str], options: Mapping[str, Any]) -> Channel:
    """A channel of joints, links or sites on a scene; where: its place in the config.

    Raises: UnknownNameError, InputError for a kind that is none, or a name that the scene does not have, naming the config key.
    """
    if kind not in CHANNELS:
        raise unknown_name(f"{where}.kind", "kind", kind, CHANNELS)
    made: Channel = CHANNELS[kind](setting, where, list(names), **options)
    return made


def chosen_names(setting: Setting, where: str, kind: str, patterns: Any, options: Mapping[str, Any]) -> list[str]:
    """Names for a channel whose numbers no file names: by glob patterns, in the order of the model.

    None: all hinges and slides of the entity, or the names in ``options["frames"]``, or the robot's tool.
    Raises: UnknownNameError, InputError naming the key.
    """
    body: Any = setting.entity(f"{where}.entity", options.get("entity"))
    if CHANNEL_KINDS[kind].of == "joint":
        joints = joints_of(body)
        found = [joints[k] for k in match(f"{where}.names", "joint", patterns or ["*"], [joint.name for joint in joints])]
        exact = [patterns] if isinstance(patterns, str) else patterns or []
        chosen = [joint.name for joint in found if joint.is_scalar or joint.name in exact]
        turning = [joint.name for joint in found if not joint.is_scalar]
        if not chosen or set(chosen) & set(turning):
            raise InputError(f'{where}.names: joint "{turning[0]}" turns in space; {TURNING}')
        return chosen
    aliases = options.get("frames") or {}
    if patterns is None:
        return list(aliases) or [setting.frame(f"{where}.names", None, body)]
    links = [str(link.name) for link in body.links]
    sites = [] if CHANNEL_KINDS[kind].of == "link" else [str(site.name) for site in body.sites if site.link >= 0]
    names = [*aliases, *links, *sites]
    what = "link" if CHANNEL_KINDS[kind].of == "link" else "link or site"
    return [names[k] for k in match(f"{where}.names", what, patterns, names)]


__all__ = ["CHANNELS", "CHANNEL_KINDS", "Channel", "Sample", "chosen_names", "make_channel"]

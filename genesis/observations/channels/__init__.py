"""Channels: what sensors would measure of a simulated motion, one kind a file. A new one is added here, to `kinds.CHANNEL_KINDS`
and to the schema of the command line."""

from genesis.observations.channels.accelerometer import Accelerometer
from genesis.observations.channels.channel import Channel
from genesis.observations.channels.contact_force import ContactForce
from genesis.observations.channels.joint_position import JointPosition
from genesis.observations.channels.joint_torque import JointTorque
from genesis.observations.channels.joint_velocity import JointVelocity
from genesis.observations.channels.link_angular_velocity import Gyro, LinkAngularVelocity
from genesis.observations.channels.link_orientation import LinkOrientation
from genesis.observations.channels.link_position import LinkPosition
from genesis.observations.channels.link_velocity import LinkVelocity
from genesis.observations.channels.marker import Camera, Marker
from genesis.observations.dataset import Dataset
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


def make_channels(setting: Setting, dataset: Dataset) -> dict[str, Channel]:
    """The channels of a data set on a scene.

    Raises: UnknownNameError, InputError for a name that the scene does not have, naming the config key.
    """
    return {name: CHANNELS[spec.kind](setting, spec.where, spec.names, **spec.options) for name, spec in dataset.specs.items()}


__all__ = ["CHANNELS", "Channel", "make_channels"]

"""Channels: what sensors would measure of a simulated motion, one kind a file. A new one is added here, to `kinds.CHANNEL_KINDS`
and to the schema of the command line."""

from genesis.observations.channels.channel import Channel
from genesis.observations.channels.joint_position import JointPosition
from genesis.observations.channels.joint_velocity import JointVelocity
from genesis.observations.dataset import Dataset
from genesis.setting import Setting

#: kind -> class; built as `CHANNELS[kind](setting, where, names, **options)`.
CHANNELS = {
    "joint_position": JointPosition,
    "joint_velocity": JointVelocity,
}


def make_channels(setting: Setting, dataset: Dataset) -> dict[str, Channel]:
    """The channels of a data set on a scene.

    Raises: UnknownNameError, InputError for a name that the scene does not have, naming the config key.
    """
    return {name: CHANNELS[spec.kind](setting, spec.where, spec.names, **spec.options) for name, spec in dataset.specs.items()}


__all__ = ["CHANNELS", "Channel", "make_channels"]

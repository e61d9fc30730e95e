"""ROS 1 bags, ROS 2 bags (folder, .db3) and .mcap files, through the library `rosbags`."""

from array import array
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genesis.errors import InputError
from genesis.observations.log import Log
from genesis.observations.readers.bag_sizes import expanded
from genesis.observations.readers.budget import afford
from genesis.observations.readers.extras import library
from genesis.observations.readers.options import ReadOptions

LONGEST = 64  # numbers of an array that become columns; longer ones are images, maps and the like
BULKY = ("Image", "CompressedImage", "PointCloud", "PointCloud2", "OccupancyGrid", "LaserScan", "CompressedVideo")


def read_bag(path: Path, options: ReadOptions) -> Log:
    """Numbers of all messages: TOPIC/field/field, of a JointState TOPIC/JOINT/position, velocity and effort.

    TOPIC/time holds the stamp of the header (where there is none, when the message was recorded) in seconds from the first one
    of the bag, in order; it is the clock of the columns of its topic.
    """
    topics: dict[str, _Topic] = defaultdict(_Topic)
    count = 0
    for name, stamp, values in _messages(path, options):
        count += 1 + topics[name].add(stamp, values)
        if count > options.most:
            afford(f"{path}: messages up to the {sum(len(t.stamps) for t in topics.values())}th", count, options)
    if not topics:
        raise InputError(f"{path}: the bag holds no message made of numbers.")
    first = min(min(topic.stamps) for topic in topics.values())
    log = Log(path, {}, seconds=frozenset(f"{name}/time" for name in topics))
    for name, topic in topics.items():
        clock = f"{name}/time"
        order = np.argsort(np.array(topic.stamps), kind="stable")  # they are recorded as they arrive
        log.columns[clock] = (np.array(topic.stamps)[order] - first) * 1e-9
        for field, numbers in topic.whole().items():
            column = f"{name}/{field}"
            log.columns[column] = numbers[order]
            log.clocks[column] = clock
    return log


class _Topic:
    """The messages of one topic as columns, NaN where a message leaves a number out."""

    def __init__(self) -> None:
        self.stamps: array[int] = array("q")
        self.columns: dict[str, array[float]] = {}

    def add(self, stamp: int, values: dict[str, float]) -> int:
        """One message; how many numbers that took."""
        rows, taken = len(self.stamps), 0
        self.stamps.append(stamp)
        for name, value in values.items():
            column = self.columns.setdefault(name, array("d"))
            if len(column) <= rows:  # a name may come twice in a message
                taken += rows + 1 - len(column)
                column.extend([float("nan")] * (rows - len(column)))
                column.append(value)
        return taken

    def whole(self) -> dict[str, np.ndarray]:
        """Every column with all rows."""
        rows = len(self.stamps)
        return {name: np.array(values.tolist() + [np.nan] * (rows - len(values))) for name, values in self.columns.items()}


def _messages(path: Path, options: ReadOptions) -> Iterator[tuple[str, int, dict[str, float]]]:
    """(topic, time [ns], numbers) of every message. Raises: InputError for what is no bag, or more messages than the budget has room for."""
    highlevel, typesys = library(path, "rosbags", "rosbags.highlevel"), library(path, "rosbags", "rosbags.typesys")
    folder = path.parent if path.suffix == ".db3" and (path.parent / "metadata.yaml").is_file() else path
    expanded(path, folder, options)
    store = typesys.get_typestore(typesys.Stores.ROS2_HUMBLE)  # for bags without definitions of their messages
    try:
        with highlevel.AnyReader([folder], default_typestore=store) as bag:
            chosen = [c for c in bag.connections if c.msgtype.rpartition("/")[2] not in BULKY]
            afford(f"{path}: {bag.message_count} messages", sum(int(c.msgcount) for c in chosen), options)
            for connection, recorded, raw in bag.messages(connections=chosen) if chosen else ():
                message = bag.deserialize(raw, connection.msgtype)
                values = joint_state(message) if connection.msgtype.endswith("/JointState") else dict(flat(message))
                if values:
                    yield connection.topic, stamp_of(message) or recorded, values
    except highlevel.AnyReaderError as error:
        raise InputError(f"{path} cannot be read as a bag: {error}.") from error


def stamp_of(message: Any) -> int:
    """The stamp of the header [ns], 0 where there is none."""
    stamp = getattr(getattr(message, "header", None), "stamp", None)
    return 0 if stamp is None else int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def joint_state(message: Any) -> dict[str, float]:
    """JOINT/position, velocity, effort of a sensor_msgs/JointState; what a message leaves out is missing."""
    return {
        f"{name}/{field}": float(value)
        for field in ("position", "velocity", "effort")
        for name, value in zip(message.name, getattr(message, field), strict=False)
    }


def flat(message: Any, prefix: str = "") -> Iterator[tuple[str, float]]:
    """The numbers in a message by their path of fields, without header and covariances."""
    for field in fields(message):
        if field.name.startswith("__") or field.name == "header" or field.name.endswith("covariance"):
            continue
        value = getattr(message, field.name)
        name = f"{prefix}{field.name}"
        if is_dataclass(value):
            yield from flat(value, f"{name}/")
        elif isinstance(value, np.ndarray) and value.dtype.kind in "fiub" and value.ndim == 1 and len(value) <= LONGEST:
            yield from ((f"{name}[{k}]", float(x)) for k, x in enumerate(value))
        elif isinstance(value, (bool, int, float, np.number)):
            yield name, float(value)

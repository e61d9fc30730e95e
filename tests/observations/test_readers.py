"""Every format written and read back."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from genesis.errors import InputError
from genesis.observations import load
from genesis.observations.readers import ReadOptions, read
from tests.observations.hostile import HOSTILE
from tests.observations.recipes import node, reading

TIME = np.array([0.0, 0.1, 0.25])
Q = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.5]])


def text(tmp_path: Path, content: str, name: str = "log.csv") -> Path:
    path = tmp_path / name
    path.write_text(content)
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("log.csv", "time,q\n0,1.5\n0.1,-2\n"),
        ("log.csv", "# a comment\n\ntime, q\n0, 1.5\n# another\n0.1, -2\n"),
        ("log.csv", "\ufefftime;q\n0;1,5\n0,1;-2\n"),
        ("log.csv", '"time","q"\r\n0,1.5\r\n0.1,-2\r\n'),
        ("log.tsv", "time\tq\n0\t1.5\n0.1\t-2\n"),
        ("log.txt", "time  q\n 0   1.5\n 0.1 -2\n"),
        ("log.txt", "# time q\n0 1.5\n0.1 -2\n"),
    ],
    ids=["comma", "comments", "decimal comma", "quoted", "tab", "blanks", "header in a comment"],
)
def test_text_tables(tmp_path: Path, name: str, content: str) -> None:
    log = reading(text(tmp_path, content, name))
    assert list(log.columns) == ["time", "q"]
    assert log.columns["time"].tolist() == [0.0, 0.1] and log.columns["q"].tolist() == [1.5, -2.0]


def test_columns_without_a_header_are_numbered(tmp_path: Path) -> None:
    log = reading(text(tmp_path, "0,1.5\n0.1,-2\n"))
    assert log.columns["0"].tolist() == [0.0, 0.1] and log.columns["1"].tolist() == [1.5, -2.0]


@pytest.mark.parametrize("word", ["", "nan", "NaN", "NA", "null", "None", "-"])
def test_missing_numbers_of_a_table(tmp_path: Path, word: str) -> None:
    log = reading(text(tmp_path, f"time,q\n0,1\n1,{word}\n2,3\n"))
    assert np.array_equal(log.columns["q"], [1.0, np.nan, 3.0], equal_nan=True)


def test_a_column_of_words_is_told_with_its_line_when_it_is_used(tmp_path: Path) -> None:
    log = reading(text(tmp_path, "time,mode,q\n0,idle,1\n\n1,run,2\n"))
    assert log.columns["q"].tolist() == [1.0, 2.0] and log.place(1) == "log.csv, line 4"
    with pytest.raises(InputError, match=r'x: log.csv: column "mode" is not made of numbers: line 2 says "idle"\.'):
        log.column("x", "mode")


def test_a_given_delimiter_wins(tmp_path: Path) -> None:
    path = text(tmp_path, "time|q\n0|1\n1|2\n")
    assert reading(path, "|").columns["q"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"log.csv: the file is empty\."),
        ("# only this\n", r"log.csv: the file is empty\."),
        ("time,q\n", r"log.csv: there is no row below the header\."),
        ("time,q\n0,1\n1,2,3\n", r"log.csv, line 3: 3 fields, but there are 2 columns\."),
        ("time,q,q\n0,1,2\n", r'log.csv: two columns are called "q"; give each a name of its own\.'),
        ("time,q\na,b\n", r"log.csv holds no rows of numbers; line 2 says \"a\"\."),
    ],
)
def test_wrong_tables(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        reading(text(tmp_path, content))


def test_npz(tmp_path: Path) -> None:
    path = tmp_path / "log.npz"
    np.savez(path, time=TIME, q=Q, pose=np.arange(12).reshape(3, 2, 2), on=[True, False, True], dt=0.1, names=["a", "b"])
    log = reading(path)
    assert log.columns["time"].tolist() == TIME.tolist()
    assert log.columns["q[0]"].tolist() == [1.0, 3.0, 5.0] and log.columns["q[1]"].tolist() == [2.0, 4.0, 6.5]
    assert log.columns["pose[1,0]"].tolist() == [2, 6, 10] and log.columns["on"].tolist() == [1, 0, 1]
    assert log.scalars == {"dt": 0.1}
    with pytest.raises(InputError, match='column "names" is not made of numbers: it holds <U1'):
        log.column("x", "names")


def test_npz_never_unpickles(tmp_path: Path) -> None:
    path = tmp_path / "log.npz"
    np.savez(path, time=TIME, q=np.array([{}, {}, {}], dtype=object))
    with pytest.raises(InputError, match='column "q" is not made of numbers: it holds Python objects'):
        reading(path).column("x", "q")


def test_npz_instants_are_seconds_and_columns_first_arrays_are_read(tmp_path: Path) -> None:
    path = tmp_path / "log.npz"
    stamps = np.array([5, 7, 1_000_000_005], "datetime64[ns]") + np.timedelta64(1_700_000_000, "s")
    np.savez(path, time=stamps, q=np.asfortranarray(Q))
    log = reading(path)
    np.testing.assert_allclose(log.columns["time"], [0.0, 2e-9, 1.0], rtol=0, atol=1e-15)
    assert log.seconds == {"time"} and log.columns["q[1]"].tolist() == Q[:, 1].tolist()


@pytest.mark.parametrize("name", ["log.npz", "log.h5", "log.parquet", "log.bag"])
def test_a_file_that_is_something_else(tmp_path: Path, name: str) -> None:
    path = text(tmp_path, "this is a text, and not at all what the ending says" * 10, name)
    with pytest.raises(InputError, match=f"{name}.* (is no|cannot be read)"):
        reading(path)


def test_an_unknown_ending(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r'unknown ending "\.npy"; known: \.npz'):
        reading(text(tmp_path, "", "log.npy"))


def test_hdf5(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "log.h5"
    with h5py.File(path, "w") as file:
        file["time"] = TIME
        file["arm/q"] = Q.astype(np.float32)
        file["arm/dt"] = 0.1
        file["note"] = "text"
    log = reading(path)
    assert log.columns["arm/q[1]"].tolist() == [2.0, 4.0, 6.5] and log.columns["arm/q[1]"].dtype == np.float64
    assert log.scalars == {"arm/dt": 0.1} and "note" in log.faults


def test_parquet(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    path = tmp_path / "log.parquet"
    start = 1_700_000_000_123_456_789
    columns = {
        "stamp": arrow.array([start, start + 100_000_000, start + 250_000_000], arrow.timestamp("ns")),
        "tick": arrow.array([0, 1, 2]),
        "q": arrow.array(Q.tolist()),
        "fixed": arrow.FixedSizeListArray.from_arrays(arrow.array(Q.ravel()), 2),
        "gap": arrow.array([1, None, 3]),
        "word": arrow.array(["a", "b", "c"]),
    }
    parquet.write_table(arrow.table(columns), path)
    log = reading(path)
    assert np.allclose(log.columns["stamp"], TIME, rtol=0, atol=1e-15) and log.seconds == {"stamp"}
    assert log.columns["tick"].dtype == np.int64
    for name in ("q", "fixed"):
        assert log.columns[f"{name}[0]"].tolist() == [1.0, 3.0, 5.0] and log.columns[f"{name}[1]"].tolist() == [2.0, 4.0, 6.5]
    assert np.array_equal(log.columns["gap"], [1.0, np.nan, 3.0], equal_nan=True)
    assert log.faults == {"word": "it holds string"}


def test_parquet_clocks_have_one_beginning_and_lists_may_be_missing(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    start = 1_700_000_000_123_456_789
    columns = {
        "stamp": arrow.array([start + 5, None, start + 1_000_000_005], arrow.timestamp("ns")),
        "other": arrow.array([start // 1000, start // 1000 + 1, start // 1000 + 2], arrow.timestamp("us", "Europe/Berlin")),
        "q": arrow.array([[1.0, 2.0], None, [5.0, 6.5]]),
        "fixed": arrow.array([[1.0, 2.0], None, [5.0, 6.5]], arrow.list_(arrow.float32(), 2)),
        "a.b": arrow.array([1.5, 2.5, 3.5]),
    }
    parquet.write_table(arrow.table(columns), tmp_path / "log.parquet")
    log = reading(tmp_path / "log.parquet")
    np.testing.assert_allclose(log.columns["stamp"], [794e-9, np.nan, 1.000000794], rtol=0, atol=1e-15)
    np.testing.assert_allclose(log.columns["other"], [0.0, 1e-6, 2e-6], rtol=0, atol=1e-15)
    for name in ("q", "fixed"):
        np.testing.assert_array_equal(log.columns[f"{name}[1]"], [2.0, np.nan, 6.5])
    assert log.columns["a.b"].tolist() == [1.5, 2.5, 3.5]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("hdf5_external_link", "it is a link to another file, other.h5, which is not followed"),
        ("hdf5_external_storage", "its numbers lie in another file, .*secret.bin, which is not read"),
        ("hdf5_virtual", "it is a virtual dataset of other.h5, which is not read"),
    ],
)
def test_hdf5_of_other_files_is_refused_by_name(tmp_path: Path, name: str, why: str) -> None:
    pytest.importorskip("h5py", reason="needs the extra [data]")
    log = reading(HOSTILE[name](tmp_path))
    assert log.columns["time"].tolist() == pytest.approx((np.arange(20) * 0.01).tolist())
    with pytest.raises(InputError, match=f'log.h5: column "q" is not made of numbers: {why}'):
        log.column("x", "q")


def test_what_is_missing_is_named_with_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "h5py", None)
    path = tmp_path / "log.h5"
    path.write_bytes(b"")
    with pytest.raises(InputError, match=r'reading it needs h5py; install it with pip install "genesis-optimize\[data\]"'):
        reading(path)


FIRST = 1_700_000_000_000_000_000  # ns
STAMPS = (0, 10_000_000, 20_000_000)


def write_bag(store, connections, write) -> None:
    """Two topics: joint states (of which the last one leaves out a joint) and an inertial sensor, recorded late."""
    types = store.types
    header = types["std_msgs/msg/Header"]

    def stamped(ns: int):
        more = {"seq": 0} if "seq" in header.__dataclass_fields__ else {}
        sec, nanosec = divmod(FIRST + ns, 1_000_000_000)
        return header(stamp=types["builtin_interfaces/msg/Time"](sec=sec, nanosec=nanosec), frame_id="", **more)

    vector, quaternion, nine = types["geometry_msgs/msg/Vector3"], types["geometry_msgs/msg/Quaternion"], np.zeros(9)
    for k, ns in enumerate(STAMPS):
        names = ["elbow"] if k == 2 else ["shoulder", "elbow"]
        values = np.array([1.0 + k, -1.0 - k])[-len(names) :]
        joints = types["sensor_msgs/msg/JointState"](
            header=stamped(ns), name=names, position=values, velocity=10.0 * values, effort=np.array([])
        )
        write("joints", FIRST + ns + 5_000_000, joints)
        imu = types["sensor_msgs/msg/Imu"](
            header=stamped(ns + 1_000_000),
            orientation=quaternion(x=0.0, y=0.0, z=0.0, w=1.0),
            orientation_covariance=nine,
            angular_velocity=vector(x=0.1, y=0.2, z=float(k)),
            angular_velocity_covariance=nine,
            linear_acceleration=vector(x=0.0, y=0.0, z=9.81),
            linear_acceleration_covariance=nine,
        )
        write("imu", FIRST + ns + 9_000_000, imu)


def ros2_bag(path: Path, storage: str) -> Path:
    rosbag2 = pytest.importorskip("rosbags.rosbag2")
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_HUMBLE)
    with rosbag2.Writer(path, version=9, storage_plugin=rosbag2.StoragePlugin[storage]) as writer:
        topics = {
            "joints": writer.add_connection("/joint_states", "sensor_msgs/msg/JointState", typestore=store),
            "imu": writer.add_connection("/imu", "sensor_msgs/msg/Imu", typestore=store),
        }
        write_bag(
            store,
            topics,
            lambda topic, at, message: writer.write(topics[topic], at, store.serialize_cdr(message, message.__msgtype__)),
        )
    return path


def ros1_bag(path: Path) -> Path:
    rosbag1 = pytest.importorskip("rosbags.rosbag1")
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS1_NOETIC)
    with rosbag1.Writer(path) as writer:
        topics = {
            "joints": writer.add_connection("/joint_states", "sensor_msgs/msg/JointState", typestore=store),
            "imu": writer.add_connection("/imu", "sensor_msgs/msg/Imu", typestore=store),
        }
        write_bag(
            store,
            topics,
            lambda topic, at, message: writer.write(topics[topic], at, store.serialize_ros1(message, message.__msgtype__)),
        )
    return path


@pytest.mark.parametrize("kind", ["sqlite3", "mcap", "mcap file", "ros1"])
def test_bags(tmp_path: Path, kind: str) -> None:
    if kind == "ros1":
        path = ros1_bag(tmp_path / "log.bag")
    else:
        path = ros2_bag(tmp_path / "log", kind.split()[0].upper())
        path = next(path.glob("*.mcap")) if kind == "mcap file" else path
    log = reading(path)
    assert np.allclose(log.columns["/joint_states/time"], [0.0, 0.01, 0.02], rtol=0, atol=1e-12)
    assert np.allclose(log.columns["/imu/time"], [0.001, 0.011, 0.021], rtol=0, atol=1e-12)
    assert log.columns["/joint_states/elbow/position"].tolist() == [-1.0, -2.0, -3.0]
    assert np.array_equal(log.columns["/joint_states/shoulder/velocity"], [10.0, 20.0, np.nan], equal_nan=True)
    assert log.columns["/imu/angular_velocity/z"].tolist() == [0.0, 1.0, 2.0]
    assert log.clocks["/imu/linear_acceleration/z"] == "/imu/time" and "/imu/time" in log.seconds
    assert not any("covariance" in name or "effort" in name for name in log.columns)


def two_nodes(path: Path, later: int) -> Path:
    """An arm and a gripper on one topic, with stamps `later` [ns] apart, and every message of the arm twice."""
    rosbag2 = pytest.importorskip("rosbags.rosbag2")
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_HUMBLE)
    kind = store.types["sensor_msgs/msg/JointState"]
    header, stamp = store.types["std_msgs/msg/Header"], store.types["builtin_interfaces/msg/Time"]
    with rosbag2.Writer(path, version=9) as writer:
        topic = writer.add_connection("/joint_states", kind.__msgtype__, typestore=store)
        for k in range(5):
            for number, (name, value) in enumerate((("shoulder", 0.5 * k), ("shoulder", 0.5 * k), ("finger", 0.25 * k))):
                at = stamp(sec=5, nanosec=k * 10_000_000 + (later if name == "finger" else 0))
                made = kind(
                    header=header(stamp=at, frame_id=""),
                    name=[name],
                    position=np.array([value]),
                    velocity=np.zeros(0),
                    effort=np.zeros(0),
                )
                writer.write(topic, 5 * 10**9 + k * 10_000_000 + number, store.serialize_cdr(made, kind.__msgtype__))
    return path


def test_messages_of_one_stamp_are_one_row_and_repeats_are_dropped(tmp_path: Path) -> None:
    path = two_nodes(tmp_path / "log", 0)
    for names in (["shoulder"], ["shoulder", "finger"]):
        channels = {"angle": {"kind": "joint_position", "columns": {name: f"/joint_states/{name}/position" for name in names}}}
        data = load(node(path, channels=channels))
        found = data.train[0].channels["angle"]
        np.testing.assert_allclose(found.time, 0.01 * np.arange(5), rtol=0, atol=1e-12)
        expected = np.stack([0.5 * np.arange(5), 0.25 * np.arange(5)], 1)[:, : len(names)]
        np.testing.assert_array_equal(found.values, expected)
        assert "log: 10 rows have the time of the row before; they are one row with it." in data.warnings


def test_more_messages_than_the_budget_has_room_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"log: .* GB; the limit is 1e-07 GB\..* set observation.budget_gb to more"):
        read("observation.files", two_nodes(tmp_path / "log", 1), ReadOptions(budget_gb=1e-7))


def test_stamps_of_messages_with_and_without_a_header() -> None:
    from genesis.observations.readers.rosbag import stamp_of

    assert stamp_of(SimpleNamespace(header=SimpleNamespace(stamp=SimpleNamespace(sec=2, nanosec=5)))) == 2_000_000_005
    assert stamp_of(SimpleNamespace()) == 0

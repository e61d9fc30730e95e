"""The node `observation`: its check, its files, and the shipped recordings."""

from dataclasses import asdict
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

import genesis as gs
from genesis.observations import Dataset, load
from genesis_cli.compose import compose_config, key_help
from genesis_cli.errors import CommandError
from genesis_cli.observation_files import absolute_observations
from genesis_cli.paths import config_dir
from genesis_cli.validate import check
from tests.shared import SHARED, needs_shared


def composed(option: str, *overrides: str) -> tuple[DictConfig, list[str]]:
    words = [f"+observations={option}", *overrides]
    return compose_config("optimize", words), words


def loaded(option: str, *overrides: str) -> Dataset:
    """The data set of a shipped option."""
    cfg, words = composed(option, *overrides)
    absolute_observations(cfg, {"observations": option}, [config_dir()], words)
    return load(asdict(check(cfg).plain["observation"]))


@pytest.fixture(scope="module")
def config() -> DictConfig:
    return composed("simple_pendulum")[0]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("observation.file", "a.csv", 'observation: unknown key "file"; known: files'),
        ("observation.time.unit", "min", 'observation.time.unit: "min" is not allowed; known: '),
        ("observation.time.colum", "t", 'observation.time: unknown key "colum"; known: column'),
        ("observation.smoothing.window", 0, "observation.smoothing.window: 0 is too small; at least 1"),
        ("observation.validation.by", "day", 'observation.validation.by: "day" is not allowed; known: '),
        (
            "observation.validation.files",
            [{"path": "a.csv", "ende": 3}],
            r'observation.validation.files\[0\]: unknown key "ende"; known: end',
        ),
        ("observation.files", [{"start": 1}], r"observation.files\[0\].path: must be given: file, folder of a ROS 2 bag"),
        ("observation.channels.angle.kind", "angle", 'observation.channels.angle.kind: unknown kind "angle"; known: '),
        ("observation.channels.angle.los", "huber", 'observation.channels.angle: unknown key "los"; known: loss'),
        ("observation.channels.angle.loss", "hubert", 'observation.channels.angle.loss: "hubert" is not allowed; known: huber'),
        ("observation.channels.angle.weight", "much", "observation.channels.angle.weight: Value 'much'"),
        (
            "observation.channels.more",
            {"kind": "camera", "columns": {"tip": ["u", "v"]}},
            "channels.more.matrix: must be given: 2 x 3",
        ),
        ("observation.inputs.torque.hold", "cubic", 'observation.inputs.torque.hold: "cubic" is not allowed; known: '),
        ("observation.inputs.torque", {"columns": {}}, "observation.inputs.torque.kind: must be given; known: "),
    ],
)
def test_wrong_nodes(config: DictConfig, key: str, value: object, message: str) -> None:
    cfg = config.copy()
    OmegaConf.set_struct(cfg, False)
    plain = OmegaConf.create(OmegaConf.to_container(cfg))  # as a stored config, which has no types
    OmegaConf.update(plain, key, value, merge=False)
    with pytest.raises(CommandError, match=message):
        check(plain)


def test_the_checked_node_is_made_of_its_dataclasses(config: DictConfig) -> None:
    node = check(config).plain["observation"]
    angle, torque = node.channels["angle"], node.inputs["torque"]
    assert (angle.kind, angle.columns, angle.loss, angle.loss_scale) == ("joint_position", {"pivot": "q"}, "huber", 1.345)
    assert (torque.kind, torque.hold) == ("joint_force", "linear") and node.smoothing.window == 25
    assert node.validation.files[0].end == 3.8 and node.validation.files[0].start == 0.0


def test_every_key_has_help(config: DictConfig) -> None:
    rows = [row for row in key_help(config) if row[0].startswith("observation.")]
    assert len(rows) == 50 and not [key for key, _, _, meaning in rows if not meaning and not key.endswith(".kind")]


def test_files_are_looked_for_in_folder_then_beside_the_yaml_then_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    yaml, data, here = tmp_path / "observations", tmp_path / "data", tmp_path / "here"
    for folder in (yaml, data, here):
        folder.mkdir()
    (yaml / "mine.yaml").write_text("")
    for file in (
        yaml / "a.csv",
        data / "a.csv",
        yaml / "b.csv",
        here / "b.csv",
        here / "c.csv",
        yaml / "d1.csv",
        here / "d2.csv",
    ):
        file.write_text("time,q\n0,1\n")
    monkeypatch.chdir(here)

    def found(overrides: list[str], **node: object) -> list[str]:
        cfg = OmegaConf.create(
            {"observation": {"files": ["a.csv", "b.csv", {"path": "c.csv"}, "d*.csv"], "validation": {}, **node}}
        )
        absolute_observations(cfg, {"observations": "mine"}, [tmp_path], overrides)
        files = [item if isinstance(item, str) else item.path for item in cfg.observation.files]
        return [str(Path(file).relative_to(tmp_path)) for file in files]

    assert found([]) == ["observations/a.csv", "observations/b.csv", "here/c.csv", "observations/d*.csv"]
    assert found([], folder=str(data))[0] == "data/a.csv"
    assert found(["observation.folder=../data"], folder="../data")[0] == "here/../data/a.csv".replace("here/../", "")
    words = ["+observation.files=[b.csv]"]
    assert found(words, files=["b.csv"]) == ["here/b.csv"]
    with pytest.raises(
        CommandError, match=r"observation.files\[0\]: file aa.csv not found; tried: .*/aa.csv, .*Nearest there: a.csv"
    ):
        found([], files=["aa.csv"])
    with pytest.raises(CommandError, match=r"observation.validation.files\[0\]: file \*.npz matches no file"):
        found([], validation={"files": ["*.npz"]})
    with pytest.raises(CommandError, match=r"observation.folder: there is no folder nowhere; tried: "):
        found([], folder="nowhere")


def test_the_shipped_swing_ups() -> None:
    data = loaded("simple_pendulum", "observation.channels.angle.sigma=null")
    assert [(r.name, r.split, r.end) for r in data.recordings] == [
        ("ddp", "train", 5.999162), ("dircol", "train", 3.507509),
        ("energy_shaping", "validation", 3.795243), ("sac", "validation", 3.399073),
    ]  # fmt: skip
    ddp = data.recordings[0]
    assert ddp.channels["angle"].values[[0, -1], 0].tolist() == [-0.001457237, 3.122858]
    assert ddp.inputs["torque"].values[1, 0] == -0.5318681 and not data.warnings
    assert 0.0029 / 12**0.5 < data.specs["angle"].sigma[0] < 0.0029  # the encoder's step, 0.0029 rad


SYSTEMS = {
    "double_pendulum_a0": "dfki_double_pendulum/design_A0", "double_pendulum_c1": "dfki_double_pendulum/design_C1",
    "cube_toss": "cube_toss", "so101": "so101_actuator",
}  # fmt: skip


@pytest.mark.parametrize("system", ["simple_pendulum", *(pytest.param(name, marks=needs_shared) for name in SYSTEMS)])
def test_nothing_is_suspected_of_recordings_that_are_right(engine, system: str) -> None:
    words = [f"system={system}"] + ([f"observation.folder={SHARED}/data/{SYSTEMS[system]}"] if system in SYSTEMS else [])
    problem = gs.compose(*words, command="sysid").problem
    assert problem.dataset.warnings == [] and not any(recording.gaps for recording in problem.dataset.recordings)


@pytest.mark.parametrize("by_name", [False, True])
def test_a_place_in_a_frame_may_be_one_for_all_or_one_by_name(tmp_path: Path, by_name: bool) -> None:
    pos, quat = [0.0, 0.0, -0.1], [0.6, 0.8, 0.0, 0.0]
    places = {"local_pos": {"a": pos, "b": [0.0, 0.0, -0.5]} if by_name else pos}
    turns = {"local_quat": {"a": quat, "b": [1.0, 0.0, 0.0, 0.0]} if by_name else quat}
    keys = {"marker": places, "camera": places, "accelerometer": places | turns, "gyro": turns}
    columns = {"columns": {name: [f"{name}{k}" for k in range(3)] for name in ("a", "b")}}
    calibration = {"matrix": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], "origin": [0.0, 0.0]}
    node = {
        "defaults": ["/schema/run/observation@_here_", *(f"/schema/channel/{kind}@channels.{kind}" for kind in keys), "_self_"],
        "files": ["a.csv"],
        "channels": {kind: columns | own | (calibration if kind == "camera" else {}) for kind, own in keys.items()},
    }
    (tmp_path / "observations").mkdir()
    (tmp_path / "observations" / "mine.yaml").write_text("# @package observation\n" + OmegaConf.to_yaml(OmegaConf.create(node)))
    cfg = compose_config("sysid", ["observation=mine", "~parameter.torque_bias"], [str(tmp_path)])
    channels = check(cfg).plain["observation"].channels
    for kind, own in keys.items():
        assert {key: getattr(channels[kind], key) for key in own} == own


@needs_shared
@pytest.mark.parametrize(
    ("option", "folder", "train", "held", "width"),
    [
        ("double_pendulum_a0", "dfki_double_pendulum/design_A0", 5, 4, 2),
        ("double_pendulum_c1", "dfki_double_pendulum/design_C1", 5, 0, 2),
        ("cube_toss", "cube_toss", 60, 100, 3),
        ("so101", "so101_actuator", 5, 9, 6),
    ],
)
def test_recordings_that_are_not_shipped(option: str, folder: str, train: int, held: int, width: int) -> None:
    data = loaded(option, f"observation.folder={SHARED}/data/{folder}")
    assert (len(data.train), len(data.validation)) == (train, held) and not data.warnings
    first = next(iter(data.train[0].channels.values()))
    assert first.values.shape[1] == width and len(first.time) > 80


def test_recordings_that_are_not_shipped_ask_for_their_folder() -> None:
    cfg, words = composed("so101")
    with pytest.raises(
        CommandError, match=r"observation.files\[0\]: file step_response.npz not found; tried: .*observation.folder=PATH"
    ):
        absolute_observations(cfg, {"observations": "so101"}, [config_dir()], words)

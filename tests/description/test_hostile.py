"""Broken and hostile robot files end in one message that names the file, before memory or time is spent on them."""

import json
import subprocess
import sys

import pytest

from genesis.description.meshes import locate
from genesis.description.read import read_mjcf, read_urdf
from genesis.errors import ModelError
from tests.cli.conftest import REPOSITORY
from tests.description.hostile import HOSTILE, LINK, SPHERE, urdf


@pytest.fixture(scope="module")
def said(tmp_path_factory) -> dict[str, str]:
    """Of all of them, read by one process that may take 1 GiB and ten seconds of computing for each."""
    folder = tmp_path_factory.mktemp("hostile")
    limit = ["prlimit", f"--cpu={10 * len(HOSTILE)}"] if sys.platform == "linux" else []
    done = subprocess.run(
        [*limit, sys.executable, "-m", "tests.description.hostile", str(folder)],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert not list(folder.rglob("PWNED")), "nothing of them is executed"
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_refused_in_a_few_words(said, name: str) -> None:
    message = said[name]
    assert message.startswith("InputError: ") and HOSTILE[name][1] in message
    assert "robot." in message or "b.xml" in message, "names the file"
    assert len(message.splitlines()) == 1 and len(message) < 600


def test_what_is_large_but_sane_is_read(tmp_path) -> None:
    many = f'<replicate count="20" offset="1 0 0"><replicate count="10" offset="0 1 0">{SPHERE}</replicate></replicate>'
    assert len(read_mjcf(f"<mujoco><worldbody>{many}</worldbody></mujoco>").links) == 200
    assert (
        len(
            read_mjcf(
                "<mujoco><worldbody>" + '<body><joint/><geom size="1"/>' * 150 + "</body>" * 150 + "</worldbody></mujoco>"
            ).links
        )
        == 150
    )
    short = '<!DOCTYPE robot [<!ENTITY heavy "3.5">]>' + urdf(mass="&heavy;")(tmp_path).read_text()
    assert read_urdf(short).links[1].mass == 3.5, "an entity that stands for a few characters"
    assert (
        read_urdf(f'<robot name="r">{LINK.format("a").replace(chr(34) + "1" + chr(34), chr(34) + "1e25" + chr(34), 1)}</robot>')
        .links[0]
        .mass
        == 1e25
    )


def test_folders_beside_the_robot_are_reached_and_packages_are_not_left(tmp_path) -> None:
    pack = tmp_path / "pack"
    for folder in ("pack/urdf", "pack/meshes", "other"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    (pack / "meshes" / "m.stl").write_bytes(b"")
    (tmp_path / "other" / "m.stl").write_bytes(b"")
    urdf_folder = pack / "urdf"
    assert locate("../meshes/m.stl", urdf_folder) == urdf_folder / "../meshes/m.stl"
    assert locate("../../other/m.stl", urdf_folder) is not None, "a relative path is the robot's own"
    assert locate("package://pack/meshes/m.stl", urdf_folder) == pack / "meshes/m.stl"
    assert locate("package://pack/urdf/../meshes/m.stl", urdf_folder) is not None, "stays inside"
    assert locate(f"file://{pack}/urdf/../meshes/m.stl", urdf_folder) is not None
    with pytest.raises(ModelError, match="leaves its package; name the folder that it means in package_dirs"):
        locate("package://pack/../other/m.stl", urdf_folder)
    assert locate("package://pack/../other/m.stl", urdf_folder, [tmp_path]) is not None, "allowed by name"
    for name in ("package://../other/m.stl", "model://./other/m.stl", "package:///other/m.stl"):
        with pytest.raises(ModelError, match="names no package"):
            locate(name, urdf_folder, [tmp_path])
    assert locate(f"package://pack/{tmp_path}/other/m.stl", urdf_folder) is None, "no absolute path"
    assert locate("package://pack//meshes/m.stl", urdf_folder) == pack / "meshes/m.stl"
    (tmp_path / "other" / "deep").mkdir()
    for name in ("deep/m.stl", "n.stl"):
        (tmp_path / "other" / name).write_bytes(b"")
    (pack / "away").symlink_to(tmp_path / "other" / "deep")
    assert locate("package://pack/away/m.stl", urdf_folder) == pack / "away/m.stl", "a link of a workspace"
    assert locate("package://pack/away/../n.stl", urdf_folder) is None, "but no link is climbed out of"
    assert locate("package://pack/../other/m.stl", urdf_folder, [tmp_path / "other"]) == tmp_path / "other/m.stl"
    with pytest.raises(ModelError, match="leaves the folder of the robot file"):
        locate("file://../meshes/m.stl", urdf_folder)

import pytest

from genesis.description.read import read_mjcf, read_urdf
from genesis.errors import ModelError
from tests.description.snippets import arm


def test_missing_file_names_its_neighbours(tmp_path):
    (tmp_path / "arm.urdf").write_text(arm())
    with pytest.raises(ModelError, match=r"amr\.urdf: no such file; .* has arm\.urdf\.$"):
        read_urdf(tmp_path / "amr.urdf")
    with pytest.raises(ModelError, match=r"no such file, and no folder"):
        read_urdf(tmp_path / "none" / "arm.urdf")
    with pytest.raises(ModelError, match="is a folder"):
        read_urdf(tmp_path)


@pytest.mark.parametrize("read", [read_urdf, read_mjcf])
def test_broken_xml_has_its_line(read, tmp_path):
    file = tmp_path / "broken.xml"
    file.write_text('<robot name="a">\n  <link name="b">\n</robot>\n')
    with pytest.raises(ModelError, match=r"broken\.xml: line 3, column \d+: mismatched tag\.$"):
        read(file)


def test_the_other_format_is_recognised():
    with pytest.raises(ModelError, match=r"root element is <mujoco>, expected <robot>; read it with read_mjcf"):
        read_urdf("<mujoco/>")
    with pytest.raises(ModelError, match=r"root element is <robot>, expected <mujoco>; read it with read_urdf"):
        read_mjcf(arm())
    with pytest.raises(ModelError, match=r"root element is <sdf>, expected <robot>\.$"):
        read_urdf("<sdf/>")


def test_xacro_is_sent_back():
    text = (
        arm()
        .replace("<robot ", '<robot xmlns:xacro="http://www.ros.org/wiki/xacro" ')
        .replace("</robot>", '<xacro:macro name="m"/></robot>')
    )
    with pytest.raises(ModelError, match="expand it first: xacro"):
        read_urdf(text)


def test_file_and_text_give_the_same_robot(tmp_path):
    file = tmp_path / "arm.urdf"
    file.write_text('<?xml version="1.0" encoding="utf-8"?>\n<!-- an arm -->\n' + arm())
    from_file, from_text = read_urdf(str(file)), read_urdf(arm())
    assert (from_file.file, from_text.file) == (str(file), None)
    assert from_file.name == from_text.name == "snippet"
    assert [link.name for link in from_file.links] == [link.name for link in from_text.links]

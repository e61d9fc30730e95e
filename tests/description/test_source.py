import codecs
import sys

import pytest

from genesis.description.notes import Notes
from genesis.description.read import read_mjcf, read_urdf
from genesis.description.write import write_model
from genesis.errors import ModelError
from tests.description.snippets import arm
from tests.description.test_primitives import CUBE_OBJ


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


MACROS = """<xacro:property name="length" value="0.25"/><xacro:macro name="tip" params="name">
<link name="${name}"><inertial><mass value="${2*length}"/><inertia ixx="1" iyy="1" izz="1" ixy="0" ixz="0" iyz="0"/></inertial></link>
</xacro:macro><xacro:tip name="end"/>"""


def with_macros() -> str:
    weld = '<joint name="weld" type="fixed"><parent link="tip"/><child link="end"/></joint>'
    text = arm().replace("<robot ", '<robot xmlns:xacro="http://www.ros.org/wiki/xacro" ')
    return text.replace("</robot>", MACROS + weld + "</robot>")


def test_xacro_is_sent_back_with_its_command(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "xacro", None)
    file = tmp_path / "arm.urdf.xacro"
    file.write_text(with_macros())
    with pytest.raises(
        ModelError,
        match=r"arm\.urdf\.xacro: this is a xacro macro file; expand the file with `xacro .*arm\.urdf\.xacro > robot\.urdf`",
    ):
        read_urdf(file)


@pytest.mark.parametrize("as_file", [True, False])
def test_xacro_is_expanded_where_it_is_installed(as_file, tmp_path):
    pytest.importorskip("xacro")
    file = tmp_path / "arm.xacro"
    file.write_text(with_macros())
    end = read_urdf(file if as_file else with_macros()).links[-1]
    assert (end.name, end.mass) == ("end", 0.5)
    with pytest.raises(ModelError, match=r"xacro cannot expand this macro file: .*expand the file with `xacro"):
        read_urdf(with_macros().replace("${2*length}", "${2*width}"))


NAMED = arm().replace('"tip"', '"größe"')


@pytest.mark.parametrize(
    "raw",
    [
        codecs.BOM_UTF8 + NAMED.encode(),
        NAMED.encode("utf-16"),
        b'<?xml version="1.0" encoding="ISO-8859-1"?>' + NAMED.encode("latin-1"),
        b'<?xml version="1.0" encoding="gb18030"?>' + NAMED.encode("gb18030"),
    ],
    ids=["mark", "utf-16", "latin-1", "gb18030"],
)
def test_encodings(raw, tmp_path, caplog):
    file = tmp_path / "arm.urdf"
    file.write_bytes(raw)
    assert [found.name for found in read_urdf(file).links] == ["base", "größe"]
    assert not caplog.records


def test_wrong_encoding_is_read_with_a_warning(tmp_path, caplog):
    file = tmp_path / "arm.urdf"
    file.write_bytes(b'<?xml version="1.0" encoding="utf-8"?>' + NAMED.encode("latin-1"))
    assert read_urdf(file).links[1].name == "größe"
    (record,) = caplog.records
    assert "text that is not utf-8, read as cp1252" in record.getMessage()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_mjcf_in_other_encodings_with_includes_and_meshes(encoding, tmp_path):
    """MuJoCo itself reads UTF-8 alone."""
    head = '<?xml version="1.0" encoding="latin-1"?>' if encoding == "latin-1" else ""
    (tmp_path / "cube.obj").write_text(CUBE_OBJ)
    part = f"{head}<mujocoinclude><geom name='Würfel' type='mesh' mesh='cube'/></mujocoinclude>"
    (tmp_path / "part.xml").write_bytes(part.encode(encoding if head else "utf-8"))
    body = "<body name='größe'><freejoint/><include file='part.xml'/></body>"
    text = f"{head}<mujoco><asset><mesh file='cube.obj'/></asset><worldbody>{body}</worldbody></mujoco>"
    (tmp_path / "robot.xml").write_bytes(text.encode(encoding))
    made = read_mjcf(tmp_path / "robot.xml")
    assert (made.links[0].name, made.geoms[0].name, made.links[0].mass) == ("größe", "Würfel", pytest.approx(1000.0))


@pytest.mark.parametrize("head", ["", "\n<?xml version='1.0'?>", "<!-- Würfel -->\n<?xml version='1.0'?>\n"])
def test_mjcf_that_includes_latin_1_although_it_is_utf_8_itself(head, tmp_path):
    """Names, comments and options of the included file, which need not start with its declaration."""
    (tmp_path / "part.xml").write_bytes(
        f"{head}<mujoco><!-- größer --><option impratio='3'/><worldbody><body name='größe'><geom size='1'/></body></worldbody></mujoco>".encode(
            "latin-1"
        )
    )
    (tmp_path / "robot.xml").write_text("<mujoco><include file='part.xml'/><option timestep='0.001'/></mujoco>")
    made = read_mjcf(tmp_path / "robot.xml")
    assert [link.name for link in made.links] == ["größe"]
    assert made.options.stated == {"impratio", "timestep"} and made.options.impratio == 3.0


@pytest.mark.parametrize(
    "part, message",
    [
        ("<mujoco>\n<option</mujoco>", r"part\.xml: line 2, column \d+: not well-formed"),
        (
            "<mujoco><include file='part.xml'/></mujoco>",
            r"part\.xml: file \S*part\.xml is included already; MuJoCo allows every file once",
        ),
        (None, r"robot\.xml: included file \S*part\.xml does not exist"),
    ],
)
def test_included_files_that_cannot_be_read_are_named(part, message, tmp_path):
    if part is not None:
        (tmp_path / "part.xml").write_text(part)
    (tmp_path / "robot.xml").write_text("<mujoco><include file='part.xml'/></mujoco>")
    with pytest.raises(ModelError, match=message):
        read_mjcf(tmp_path / "robot.xml")


@pytest.mark.parametrize("before", ["\n\n", "<!-- a --> \n<!-- b -->\n"])
def test_declaration_that_comes_late_and_zeros_that_come_after(before, tmp_path, caplog):
    file = tmp_path / "arm.urdf"
    file.write_text(f'{before}<?xml version="1.0"?>\n{arm()}\n\0')
    assert [found.name for found in read_urdf(file).links] == ["base", "tip"]
    made = write_model(file, read_urdf(file), read_urdf(file), tmp_path / "new.urdf", read=read_urdf)
    assert len(read_urdf(made.path).links) == 2 and not caplog.records


def test_text_with_a_byte_order_mark_is_text():
    assert len(read_urdf("\ufeff\n" + arm()).links) == 2
    assert read_mjcf("\ufeff<mujoco model='m'/>").name == "m"


def test_undeclared_prefixes_are_part_of_names(caplog):
    text = arm().replace("</robot>", '<gazebo><sensor:camera a:b="1"/><x:y xmlns:x="http://x"/></gazebo></robot>')
    assert len(read_urdf(text).links) == 2
    (record,) = caplog.records
    assert record.getMessage().endswith('XML prefixes that the file does not declare, taken as part of the names: "a", "sensor".')


def test_warnings_are_one_line_a_kind_with_the_first_places(caplog):
    notes = Notes("arm.urdf")
    for name in "abcdefga":
        notes.add("odd", name)
    notes.add("strange", "x")
    notes.report()
    notes.report()
    assert [r.getMessage() for r in caplog.records] == ["arm.urdf: odd: a, b, c, d, e and 2 more.", "arm.urdf: strange: x."]


def test_file_and_text_give_the_same_robot(tmp_path):
    file = tmp_path / "arm.urdf"
    file.write_text('<?xml version="1.0" encoding="utf-8"?>\n<!-- an arm -->\n' + arm())
    from_file, from_text = read_urdf(str(file)), read_urdf(arm())
    assert (from_file.file, from_text.file) == (str(file), None)
    assert from_file.name == from_text.name == "snippet"
    assert [link.name for link in from_file.links] == [link.name for link in from_text.links]

"""Robot files that nobody means well with, or that a broken export wrote: name -> (what makes the file in a folder, what its message says)."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

LINK = '<link name="{}"><inertial><mass value="1"/><inertia ixx="1" iyy="1" izz="1" ixy="0" ixz="0" iyz="0"/></inertial></link>'
JOINT = '<joint name="{}" type="revolute"><parent link="{}"/><child link="{}"/><axis xyz="0 0 1"/></joint>'
SPHERE = '<body><joint/><geom size="0.1"/></body>'


def urdf(inside: str = "", mass: str = "1", head: str = "", **files: bytes) -> Callable[[Path], Path]:
    """A body on a hinge, with something more inside."""

    def make(folder: Path) -> Path:
        moving = LINK.format("b").replace('mass value="1"', f'mass value="{mass}"')
        body = f"{LINK.format('a')}{moving}{JOINT.format('j', 'a', 'b')}{inside}"
        return written(folder, "robot.urdf", f'{head}<robot name="r">{body}</robot>', files)

    return make


def mjcf(world: str = SPHERE, outside: str = "", head: str = "", **files: bytes) -> Callable[[Path], Path]:
    """A sphere on a hinge, or what else there is in the world."""
    return lambda folder: written(folder, "robot.xml", f"{head}<mujoco>{outside}<worldbody>{world}</worldbody></mujoco>", files)


def attached(link: str, kind: str = "fixed", origin: str = "0 0 0") -> str:
    """A link m on the hinged body."""
    return f'{link}<joint name="k" type="{kind}"><origin xyz="{origin}"/><parent link="b"/><child link="m"/></joint>'


def shaped(name: str, what: str = "collision") -> str:
    """A link m with a mesh."""
    return attached(f'<link name="m"><{what}><geometry><mesh filename="{name}"/></geometry></{what}></link>')


def mesh(name: str, content: bytes) -> Callable[[Path], Path]:
    """A URDF whose collision shape is a mesh file."""
    return urdf(shaped(name), **{name: content})


def asset(inside: str, world: str = SPHERE, **files: bytes) -> Callable[[Path], Path]:
    """An MJCF file with an asset."""
    return mjcf(world, f"<asset>{inside}</asset>", **files)


def mjcf_mesh(name: str, content: bytes) -> Callable[[Path], Path]:
    """An MJCF file with a geom of a mesh file."""
    return mjcf(
        '<body><joint/><geom type="mesh" mesh="m"/></body>', f'<asset><mesh name="m" file="{name}"/></asset>', **{name: content}
    )


def written(folder: Path, name: str, text: str, files: dict[str, bytes]) -> Path:
    """The file, with others beside it."""
    for other, content in files.items():
        (folder / other).parent.mkdir(parents=True, exist_ok=True)
        (folder / other).write_bytes(content)
    (folder / name).write_text(text)
    return folder / name


def chain(count: int) -> Callable[[Path], Path]:
    """A URDF of so many links in a row."""

    def make(folder: Path) -> Path:
        with (folder / "robot.urdf").open("w") as file:
            file.write('<robot name="r"><link name="0"/>')
            for k in range(1, count):
                file.write(
                    f'<link name="{k}"/><joint name="j{k}" type="fixed"><parent link="{k - 1}"/><child link="{k}"/></joint>'
                )
            file.write("</robot>")
        return folder / "robot.urdf"

    return make


def png(width: int, height: int) -> bytes:
    """A picture that says to be so large."""

    def part(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", zlib.compress(b"\0" * 1000)) + part(b"IEND", b"")


def stl(said: int, held: int = 1) -> bytes:
    """A binary STL."""
    return b"\0" * 80 + struct.pack("<I", said) + b"\0" * 50 * held


LAUGHS = '<!DOCTYPE x [<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{k} "{f"&a{k - 1};" * 10}">' for k in range(1, 12)) + "]>"
OUTSIDE = '<!DOCTYPE x [<!ENTITY secret SYSTEM "file:///etc/passwd">]>'
PLY = (
    b"ply\nformat binary_little_endian 1.0\nelement vertex 1000000000\nproperty float x\nproperty float y\nproperty float z\n"
    b"element face 1\nproperty list uchar int vertex_indices\nend_header\n"
)
GLTF = (
    b'{"asset":{"version":"2.0"},"scene":0,"scenes":[{"nodes":[0]}],"nodes":[{"mesh":0}],'
    b'"meshes":[{"primitives":[{"attributes":{"POSITION":0}}]}],'
    b'"accessors":[{"componentType":5126,"count":3000000000,"type":"VEC3"}]}'
)
DAE = (
    b'<?xml version="1.0"?>'
    + LAUGHS.replace("DOCTYPE x", "DOCTYPE COLLADA").encode()
    + b'<COLLADA xmlns="http://www.collada.org/2005/11/COLLADASchema" version="1.4.1"><asset>&a11;</asset></COLLADA>'
)

ATTACH = '<frame><attach model="m" body="b" prefix="p"/></frame>'
COPIES = (
    b'<mujoco><worldbody><body name="b"><replicate count="100000000"><geom size="1"/></replicate></body></worldbody></mujoco>'
)

HOSTILE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "urdf of very many joints": (chain(60_000), "robot.urdf: "),
    "urdf entity bomb": (urdf('<link name="&a11;"/>', head=LAUGHS), "entit"),
    "urdf entity bomb in text": (urdf("<x>&a11;</x>", head=LAUGHS), "entit"),
    "urdf external entity": (urdf("<x>&secret;</x>", head=OUTSIDE), "entit"),
    "urdf nested deeply": (urdf("<x>" * 20_000 + "</x>" * 20_000), "inside each other"),
    "urdf mass 1e300": (urdf(mass="1e300"), "1e+300"),
    "urdf mass nan": (urdf(mass="nan"), "must hold 1 number"),
    "urdf mass inf": (urdf(mass="inf"), "must hold 1 number"),
    "urdf mass negative": (urdf(mass="-1"), "negative mass"),
    "urdf mass is no number": (urdf(mass="heavy"), "must hold 1 number"),
    "urdf name of 10 kB": (urdf(f'<link name="{"x" * 10_000}"/>'), "characters"),
    "urdf name with a line break": (urdf('<link name="a&#10;b"/>'), "line break"),
    "urdf origin 1e300": (urdf(attached('<link name="m"/>', origin="1e300 0 0")), "1e+300"),
    "urdf inertia 1e300": (urdf(attached(LINK.format("m").replace('ixx="1"', 'ixx="1e300"'), "continuous")), "1e+300"),
    "urdf package leaves its folder": (urdf(shaped("package://p/../../secret.stl")), "leaves its package"),
    "urdf package above": (urdf(shaped("package://../secret.stl")), "names no package"),
    "urdf model above": (urdf(shaped("model://../secret.stl", "visual")), "names no package"),
    "urdf file leaves its folder": (urdf(shaped("file://../../secret.stl", "visual")), "leaves the folder"),
    "urdf is a picture": (lambda folder: _as(folder, "robot.urdf", png(3, 3)), "robot.urdf"),
    "urdf is empty": (lambda folder: _as(folder, "robot.urdf", b""), "no element found"),
    "urdf of zeros": (lambda folder: _as(folder, "robot.urdf", bytes(100_000)), "robot.urdf"),
    "mjcf replicates without end": (mjcf(f'<replicate count="100000000">{SPHERE}</replicate>'), "400000000"),
    "mjcf replicates what is replicated": (mjcf('<replicate count="2000">' * 4 + SPHERE + "</replicate>" * 4), "copies are made"),
    "mjcf composite without end": (mjcf('<body><composite type="cable" count="100000000 1 1" size="1"/></body>'), "100000000"),
    "mjcf flex without end": (mjcf('<flexcomp name="f" type="grid" count="3000 3000 3000" spacing=".1 .1 .1"/>'), "27000000000"),
    "mjcf height field": (asset('<hfield name="h" nrow="100000" ncol="100000" size="1 1 1 1"/>'), "10000000000"),
    "mjcf texture": (asset('<texture name="t" type="2d" builtin="flat" width="100000" height="100000"/>'), "10000000000"),
    "mjcf texture of a file": (asset('<texture name="t" type="2d" file="t.png"/>', **{"t.png": png(100_000, 100_000)}), "t.png"),
    "mjcf user data": (mjcf(outside='<size nuserdata="2000000000"/>'), "2000000000"),
    "mjcf memory": (mjcf(outside='<size memory="900T"/>'), "900T"),
    "mjcf numeric": (mjcf(outside='<custom><numeric name="n" size="2000000000"/></custom>'), "2000000000"),
    "mjcf entity bomb": (mjcf(f'<body name="&a11;">{SPHERE}</body>', head=LAUGHS), "entit"),
    "mjcf nested deeply": (mjcf("<body>" * 5000 + "</body>" * 5000), "inside each other"),
    "mjcf includes itself": (mjcf(outside='<include file="robot.xml"/>'), "robot.xml"),
    "mjcf includes a bomb": (mjcf(outside='<include file="b.xml"/>', **{"b.xml": (LAUGHS + "<mujoco>&a11;</mujoco>").encode()}), "b.xml"),
    "mjcf attaches a bomb": (asset('<model name="m" file="b.xml"/>', ATTACH, **{"b.xml": COPIES}), "b.xml"),
    "mjcf mass 1e300": (mjcf('<body><joint/><geom size="0.1" mass="1e300"/></body>'), "1e300"),
    "mjcf mass nan": (mjcf('<body><joint/><geom size="0.1" mass="nan"/></body>'), "nan"),
    "mjcf mass negative": (mjcf('<body><joint/><geom size="0.1" mass="-1"/></body>'), "robot.xml"),
    "mjcf size 1e300": (mjcf('<body><joint/><geom type="box" size="1e300 1 1" mass="1"/></body>'), "robot.xml"),
    "mjcf name of 10 kB": (mjcf(f'<body name="{"x" * 10_000}"/>'), "characters"),
    "mjcf stl of 1e9 triangles": (mjcf_mesh("m.stl", stl(10**9)), "m.stl"),
    "mjcf stl of noise": (mjcf_mesh("m.stl", bytes(range(256)) * 40), "m.stl"),
    "mjcf obj of noise": (mjcf_mesh("m.obj", bytes(range(256)) * 40), "robot.xml"),
    "stl of 1e9 triangles": (mesh("m.stl", stl(10**9)), "says that it has 1000000000 triangles"),
    "stl of noise": (mesh("m.stl", bytes(range(256)) * 40), "m.stl"),
    "stl of nan": (mesh("m.stl", b"\0" * 80 + struct.pack("<I", 4) + struct.pack("<12fH", *[float("nan")] * 12, 0) * 4), "m.stl"),
    "ply of 1e9 corners": (mesh("m.ply", PLY), "m.ply"),
    "obj with faces of corners that are not there": (mesh("m.obj", b"v 0 0 0\nf 1 2 3\n"), "m.obj"),
    "obj of noise": (mesh("m.obj", bytes(range(256)) * 40), "m.obj"),
    "off of 1e9 corners": (mesh("m.off", b"OFF\n1000000000 1000000000 0\n0 0 0\n"), "m.off"),
    "gltf of 3e9 corners": (mesh("m.gltf", GLTF), "m.gltf"),
    "glb cut off": (mesh("m.glb", b"glTF" + struct.pack("<II", 2, 10**9) + struct.pack("<I", 10**9) + b"JSON{"), "m.glb"),
    "dae entity bomb": (mesh("m.dae", DAE), "m.dae"),
    "dae of noise": (mesh("m.dae", b"<COLLADA>" + bytes(range(1, 256)) * 40), "m.dae"),
    "mesh is a folder": (mesh("m.stl/x", b""), "m.stl"),
    "mesh is an archive": (mesh("m.zip", b"PK\x03\x04" + bytes(1000)), "m.zip"),
    "mesh is a program": (mesh("m.py", b"import os; os.system('touch PWNED')"), "m.py"),
    "mesh of no triangles": (mesh("m.stl", stl(0, 0)), "m.stl"),
}  # fmt: skip


def _as(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def read_all(folder: Path, spare: int) -> dict[str, str]:
    """What reading each of them says, by name, with no more than ``spare`` bytes of memory beside what the process has."""
    import resource

    import mujoco  # noqa: F401  (what readers import late counts beforehand)
    import scipy.spatial  # noqa: F401
    import trimesh  # noqa: F401

    from genesis.description.read import read_mjcf, read_urdf
    from genesis.errors import InputError

    has = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (has + spare, has + spare))
    said = {}
    for number, (name, (make, _)) in enumerate(HOSTILE.items()):
        (folder / str(number)).mkdir()
        file = make(folder / str(number))
        try:
            (read_urdf if file.suffix == ".urdf" else read_mjcf)(file)
            said[name] = "was read"
        except InputError as error:
            said[name] = f"InputError: {error}"
    return said


if __name__ == "__main__":
    import json
    import sys

    print(json.dumps(read_all(Path(sys.argv[1]), spare=1 << 30)))

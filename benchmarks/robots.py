"""Which published robots load, and do they move as in MuJoCo?

    python benchmarks/robots.py [--load] FOLDER ...

Each folder is what one package installed (`pip install --no-deps --target FOLDER PACKAGE`). Every URDF and every MJCF file in it is read and
compiled with its contacts and hulls; where MuJoCo reads the file as well, mass matrix, bias forces and acceleration without constraints are
compared at a random state. A file that neither reads (a part that others include, a template) counts as no robot; one whose collision meshes
its package does not ship is counted apart, if it loads with collision=False. `--load`: no comparison.
"""

import argparse
import logging
import re
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import mujoco
import numpy as np
import torch
from measure import machine, table

import genesis as gs
from genesis.description.description import Description
from genesis.description.read import read_mjcf, read_urdf
from genesis.errors import GenesisError
from genesis.grad.physics import Physics
from genesis.grad.shapes import pack_shapes
from genesis.model.compile import Placed, compile_model
from genesis.model.options import ConstraintRequest

FREE = ConstraintRequest(disable_constraint=True)
AGREE = 1e-7  # largest difference relative to the largest number; MuJoCo reads single precision from mesh files
OFF = ("CONTACT", "LIMIT", "FRICTIONLOSS", "EQUALITY")
SHAPES = re.compile(r"<(visual|collision)\b[^>]*?(/>|>.*?</\1\s*>)", re.DOTALL)


@dataclass
class Outcome:
    """error: why it does not load. twin: whether MuJoCo reads it. bare: collision meshes are not shipped. differs: what disagrees.
    named: what is said not to be simulated."""

    file: Path
    error: str = ""
    twin: bool = False
    bare: bool = False
    compared: bool = False
    differs: list[str] = field(default_factory=list)
    named: list[str] = field(default_factory=list)


def robots(folder: Path) -> list[Path]:
    """URDF files, and XML files whose root is <mujoco>."""
    found = [path for path in folder.rglob("*.urdf") if path.is_file()]
    for path in folder.rglob("*.xml"):
        if path.is_file() and re.search(rb"<mujoco[\s>]", path.read_bytes()):
            found.append(path)
    return sorted(found)


def twin_of(file: Path) -> "mujoco.MjModel | None":
    """MuJoCo's model; of a URDF without its shapes, whose meshes MuJoCo finds only in some folders."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if file.suffix != ".urdf":
                return mujoco.MjModel.from_xml_path(str(file))
            text = SHAPES.sub("", re.sub(r"<!--.*?-->", "", file.read_text(errors="replace"), flags=re.DOTALL))
            text = re.sub(r"<(gazebo|mujoco|transmission)\b.*?</\1\s*>", "", text, flags=re.DOTALL)
            compiler = '<mujoco><compiler fusestatic="false" balanceinertia="false" discardvisual="true"/></mujoco>'
            return mujoco.MjModel.from_xml_string(re.sub(r"</robot\s*>\s*$", compiler + "</robot>", text))
        except (ValueError, ElementTree.ParseError):
            return None


def read(file: Path, **options) -> Description:
    """The description, a URDF on a fixed base."""
    return read_urdf(file, fixed=True, **options) if file.suffix == ".urdf" else read_mjcf(file, **options)


def alone(file: Path, description: Description) -> Description:
    """With mimic joints left independent: MuJoCo's equalities are soft, and it reads no mimics of a URDF."""
    mimics = any(joint.mimic is not None for link in description.links for joint in link.joints)
    options = {"collision": False} if file.suffix == ".urdf" else {}
    return read(file, mimic="independent", **options) if mimics else description


def look_at(file: Path, compare: bool) -> Outcome:
    """Load one file and compare it."""
    made = Outcome(file)
    model = twin_of(file)
    made.twin = model is not None and model.nbody > 1  # MuJoCo also reads a robot of nothing
    try:
        try:
            description = read(file)
        except GenesisError as error:
            made.bare = "collision mesh" in str(error) and "is not found" in str(error)
            if not made.bare:
                raise
            description = read(file, collision=False)
        pack_shapes(compile_model([Placed(description, "robot")], request=ConstraintRequest()))
    except GenesisError as error:
        made.error = str(error)
        return made
    except Exception as error:  # a traceback is worse than a refusal, and is shown as such
        made.error = f"UNEXPECTED {type(error).__name__}: {error}"
        return made
    made.named = description.not_simulated
    if compare and model is not None and model.nv:
        made.compared = True
        made.differs = differences(alone(file, description), model)
    return made


def differences(description: Description, twin: mujoco.MjModel) -> list[str]:
    """Quantities that differ from MuJoCo's at a random state without constraints."""
    gravity = twin.opt.gravity if description.gravity is None else description.gravity
    ours = compile_model([Placed(description, "robot")], gravity, FREE)
    if (ours.nq, ours.nv) != (twin.nq, twin.nv):
        return [f"nq, nv {ours.nq}, {ours.nv} instead of {twin.nq}, {twin.nv}"]
    for name in OFF:
        twin.opt.disableflags |= getattr(mujoco.mjtDisableBit, f"mjDSBL_{name}")
    rng, data = np.random.default_rng(0), mujoco.MjData(twin)
    mujoco.mj_integratePos(twin, data.qpos, rng.uniform(-0.5, 0.5, twin.nv), 1.0)
    data.qvel[:], data.ctrl[:] = rng.uniform(-0.5, 0.5, twin.nv), rng.uniform(-0.5, 0.5, twin.nu)
    mujoco.mj_forward(twin, data)
    mass = np.zeros((twin.nv, twin.nv))
    mujoco.mj_fullM(twin, data, mass)
    physics = Physics(ours, dt=0.002)
    theta, q, v = physics.pack(), torch.tensor(data.qpos[None]), torch.tensor(data.qvel[None])
    control = torch.tensor(data.ctrl[None]) if ours.nu and ours.nu == twin.nu else None
    found = {
        "mass matrix": (physics.mass_matrix(theta, q), mass),
        "bias": (physics.bias(theta, q, v), data.qfrc_bias),
        "acceleration": (physics.forward_dynamics(theta, q, v, torch.zeros_like(v), control), data.qacc_smooth),
    }
    scale = {what: max(float(np.abs(expected).max()), 1e-3) for what, (_, expected) in found.items()}
    errors = {what: float(np.abs(np.asarray(a)[0] - b).max()) / scale[what] for what, (a, b) in found.items()}
    return [f"{what} {error:.1e}" for what, error in errors.items() if not error <= AGREE]


def kind_of(line: str) -> str:
    """A message without names and numbers."""
    line = line.split(": ", 1)[-1] if ".xml: " in line or ".urdf: " in line else line
    return re.sub(r"\d[\d.e+-]*", "N", re.sub(r'"[^"]*"', '"…"', line))[:150]


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--load", action="store_true")
    options.add_argument("folders", nargs="+", type=Path)
    asked = options.parse_args()
    gs.init(precision="64", logging_level="error")
    logging.getLogger("genesis").setLevel(logging.CRITICAL)
    rows, every = [], []
    for folder in asked.folders:
        files = robots(folder)
        outcomes = [look_at(file, not asked.load) for file in files]
        bare = [o for o in outcomes if o.bare and not o.error]
        usable = [o for o in outcomes if (o.twin or not o.error) and o not in bare]
        for o in outcomes:
            if o.error or o.differs or o.bare:
                what = (
                    "neither reads it" if o.error and not o.twin else "refused" if o.error else "differs" if o.differs else "bare"
                )
                print(f"{o.file.relative_to(folder)}: {what}: {o.error or ', '.join(o.differs)}", flush=True)
        compared = [o for o in usable if o.compared]
        agree = [o for o in compared if not o.differs]
        unnamed = [o for o in compared if o.differs and not o.named]
        counts = (len(files), len(bare), len(usable), sum(not o.error for o in usable), len(compared), len(agree), len(unnamed))
        rows.append([folder.name, *map(str, counts)])
        print(" | ".join(rows[-1]), flush=True)
        every += usable
    rows.append(["all", *(str(sum(int(row[k]) for row in rows)) for k in range(1, len(rows[0])))])
    head = ["package", "files", "meshes not shipped", "robots", "load", "compared", "agree", "differ unsaid"]
    print(f"\n{machine()}\n\n{table(head, rows)}")
    refused = Counter(kind_of(o.error) for o in every if o.error)
    named = Counter(kind for o in every for kind in {re.sub(r'"[^"]*"', '"…"', line) for line in o.named})
    for title, counter in (("refused", refused), ("not simulated", named)):
        print(f"\n{table([title, 'files'], [[kind, str(n)] for kind, n in counter.most_common()])}")


if __name__ == "__main__":
    main()

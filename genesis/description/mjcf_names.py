"""Names of the elements of a compiled MuJoCo model; an element without a name gets one that is free."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import mujoco


class Names:
    """Lists of names by MuJoCo's index: body, joint, geom, site, tendon, equality, height field, pair, actuator, key."""

    def __init__(self, model: "mujoco.MjModel") -> None:
        self._model = model
        self.body = self._all("body", model.nbody)
        self.joint = self._all("joint", model.njnt)
        self.geom = self._all("geom", model.ngeom)
        self.site = self._all("site", model.nsite)
        self.tendon = self._all("tendon", model.ntendon)
        self.equality = self._all("equality", model.neq)
        self.key = self._all("key", model.nkey)
        self.hfield = self._all("hfield", model.nhfield)
        self.pair = self._all("pair", model.npair)
        self.actuator = self._actuators()

    def mesh_file(self, mesh: int) -> str | None:
        """The path of a mesh as the file writes it, or None for a mesh given in place."""
        start = self._model.mesh_pathadr[mesh]
        return None if start < 0 else self._model.paths[start:].split(b"\0", 1)[0].decode()

    def _own(self, kind: str, index: int) -> str:
        import mujoco

        return mujoco.mj_id2name(self._model, getattr(mujoco.mjtObj, f"mjOBJ_{kind.upper()}"), index) or ""

    def _all(self, kind: str, count: int) -> list[str]:
        return _fill([self._own(kind, k) for k in range(count)], [f"{kind}{k}" for k in range(count)])

    def _actuators(self) -> list[str]:
        """A nameless actuator is called after the joint or tendon it drives."""
        import mujoco

        model, wanted = self._model, []
        driven = {mujoco.mjtTrn.mjTRN_JOINT: self.joint, mujoco.mjtTrn.mjTRN_JOINTINPARENT: self.joint}
        driven[mujoco.mjtTrn.mjTRN_TENDON] = self.tendon
        for k in range(model.nactuator):
            table = driven.get(mujoco.mjtTrn(model.actuator_trntype[k]))
            wanted.append(table[model.actuator_trnid[k, 0]] if table else f"actuator{k}")
        return _fill([self._own("actuator", k) for k in range(model.nactuator)], wanted)


def _fill(names: list[str], wanted: list[str]) -> list[str]:
    """``names`` with every empty one replaced by the wanted one, numbered where that is taken."""
    taken = set(names)
    filled = []
    for name, wish in zip(names, wanted, strict=True):
        if not name:
            name, count = wish, 1
            while name in taken:
                count += 1
                name = f"{wish}_{count}"
            taken.add(name)
        filled.append(name)
    return filled

"""`genesis show scene`: what a scene is made of, and what may act in it."""

from typing import Any

from genesis_cli import console
from genesis_cli.commands.prepare import prepare
from genesis_cli.errors import OK
from genesis_cli.job import Job, Outcome


def execute(job: Job, as_json: bool = False) -> Outcome:
    """Build the scene and print its counts; nothing runs and nothing is written."""
    scene = prepare(job).task.setting.scene
    model = scene.rigid_solver.model
    touching = set(model.contact_geoms)
    rows = []
    for entity, info in zip(scene.entities, model.entities, strict=True):
        geoms = range(info.geom_start, info.geom_start + info.n_geoms)
        solid = sum(k in touching for k in geoms)
        rows.append((entity.name, *(str(n) for n in (entity.n_links, entity.n_joints, entity.n_dofs, solid))))
    columns = ["entity", "links", "joints", "degrees of freedom", "collision geoms"]
    if as_json:
        entities = [{"entity": name, **{c: int(n) for c, n in zip(columns[1:], counts, strict=True)}} for name, *counts in rows]
        console.document(
            {
                "entities": entities,
                "scene": {what: {"count": int(n) if n.isdigit() else n, "of": more} for what, n, more in _counts(scene, model)},
            }
        )
        return Outcome(OK)
    console.table("", columns, rows, right=[1, 2, 3, 4])
    console.table("", ["in the scene", "", ""], _counts(scene, model), right=[1])
    return Outcome(OK)


def _counts(scene: Any, model: Any) -> list[tuple[str, str, str]]:
    """(what, how many, more of it)."""
    from genesis.model.layout import EQUALITY_TYPES, GEOM_TYPES, PAIR_TYPES

    setting, i = scene.rigid_solver.physics.constraints, model.integers
    kinds = [PAIR_TYPES[code] for code in i["cand_code"].tolist()]
    pairs = {f"{GEOM_TYPES[a]}-{GEOM_TYPES[b]}": kinds.count((a, b)) for a, b in dict.fromkeys(kinds)}
    equal = [EQUALITY_TYPES[k] for k in i["eq_type"].tolist()]
    equalities = {kind: equal.count(kind) for kind in dict.fromkeys(equal)}
    rough = int((model.parameters["dof_frictionloss"] > 0.0).sum())
    law = f"{model.constraints.contact}, {model.constraints.cone} cones" if kinds else ""
    types = [joint.type for joint in model.joints]
    return [
        ("joints", str(len(types)), _listed({name: types.count(name) for name in dict.fromkeys(types)})),
        ("collision geoms", str(len(model.contact_geoms)), ""),
        ("candidate pairs", str(len(kinds)), _listed(pairs)),
        ("room for contacts", _room(setting) if setting is not None and kinds else "0", law),
        ("joint limits", str(model.sizes["nlimit"]), ""),
        ("dry joint frictions", str(rough), ""),
        ("equalities", str(len(equal)), _listed(equalities)),
    ]


def _room(setting: Any) -> str:
    return f"{setting.contacts}, grows" if setting.growing else str(setting.contacts)


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())

"""Contacts of two geoms as MuJoCo finds them."""

import mujoco
import numpy as np

from tests.pairs.harness import Samples

NAMES = ("plane", "hfield", "sphere", "capsule", "ellipsoid", "cylinder", "box", "mesh")


def build(code, reach: float, assets: str = "", extra: tuple[str, str] = ("", "")) -> mujoco.MjModel:
    """Two geoms of the given types: a mocap body and a free one; extra: further attributes of each geom."""
    size = ["" if kind in (1, 7) else 'size="1 1 1"' for kind in code]
    geoms = [f'<geom type="{NAMES[k]}" {s} margin="{0.5 * reach}" {e}/>' for k, s, e in zip(code, size, extra, strict=True)]
    xml = f"""<mujoco><option gravity="0 0 0"/><asset>{assets}</asset><worldbody>
      <body mocap="true">{geoms[0]}</body><body><freejoint/><inertial pos="0 0 0" mass="1" diaginertia="1 1 1"/>{geoms[1]}</body>
      </worldbody></mujoco>"""
    return mujoco.MjModel.from_xml_string(xml)


def contacts(model: mujoco.MjModel, samples: Samples) -> list[np.ndarray]:
    """For each sample rows (p, n, dist, first tangent) in MuJoCo's order."""
    data = mujoco.MjData(model)
    primitive = [k for k in range(2) if model.geom_type[k] not in (1, 7)]

    found = []
    quat = np.zeros(4)
    model.geom_rbound[:] = np.where(model.geom_type == 0, 0.0, 100.0)
    for i in range(len(samples)):
        for k in primitive:
            model.geom_size[k] = samples.size[i, k]
        mujoco.mju_mat2Quat(quat, samples.r[i, 0].reshape(9))
        data.mocap_pos[0], data.mocap_quat[0] = samples.p[i, 0], quat
        mujoco.mju_mat2Quat(quat, samples.r[i, 1].reshape(9))
        data.qpos[:3], data.qpos[3:] = samples.p[i, 1], quat
        mujoco.mj_kinematics(model, data)
        mujoco.mj_collision(model, data)
        rows = [np.concatenate([c.pos, c.frame[:3], [c.dist], c.frame[3:6]]) for c in data.contact]
        found.append(np.array(rows).reshape(-1, 10))
    return found

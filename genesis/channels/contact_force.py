"""Contact forces."""

from typing import Any

from torch import Tensor

from genesis.channels.channel import BaseChannel
from genesis.channels.frames import in_frame
from genesis.channels.sample import Sample
from genesis.errors import unknown_name
from genesis.grad.rotation import rotate_inverse
from genesis.scene.contacts import ContactTable
from genesis.setting import Setting


class ContactForce(BaseChannel):
    """Sum of the contact forces on a link in the time step [N]; axes: world or those of the link (frame)."""

    kind = "contact_force"
    uses_acceleration = True

    def __init__(self, setting: Setting, where: str, names: list[str], *, entity: str | None = None, axes: str = "world") -> None:
        super().__init__(names, "N")
        body: Any = setting.entity(f"{where}.entity", entity)
        links = {link.name: int(link.idx) for link in body.links}
        for name in names:
            if name not in links:
                raise unknown_name(f"{where}.columns", "link", name, links)
        self.links = [links[name] for name in names]
        self.own = in_frame(where, axes)
        self.table = ContactTable(setting.scene.rigid_solver.model, setting.start_qpos.device)

    def predict(self, sample: Sample) -> Tensor:
        """(N, 3 links)"""
        rows = sample.contact_rows
        if rows is None:
            return sample.qpos.new_zeros(len(sample), self.width)
        force = self.table.net_forces(rows)[:, self.links]
        if self.own:
            force = rotate_inverse(sample.kinematics_left[1][:, self.links], force)
        return force.flatten(1)

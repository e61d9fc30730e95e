"""Contacts as users see them: lists of geoms, positions and forces, and the net force on every link."""

import numpy as np
import torch

from genesis.dynamics.inspect_contacts import PLACE, WIDTH
from genesis.model.model import Model


class ContactTable:
    """Which geoms and links stand behind the rows of `Physics.contacts`.

    geoms (ncand + 1, 2), links (ncand + 1, 2) by the number of a candidate pair from 1, links counted from 1 with 0 for the world;
    row 0 is no contact.
    """

    def __init__(self, model: Model, device: torch.device) -> None:
        i = model.integers
        pairs = np.stack([i["cand_geom1"], i["cand_geom2"]], 1).reshape(-1, 2)
        geoms = np.asarray(model.contact_geoms, np.int64).reshape(-1)[pairs] if len(pairs) else pairs
        slots = i["geom_slot"][pairs] if len(pairs) else pairs
        self.nlink = model.nlink
        self.geoms, self.links = (
            torch.as_tensor(np.concatenate([[[none, none]], x]).astype(np.int64), device=device)
            for x, none in ((geoms, -1), (slots, 0))
        )

    def net_forces(self, rows: torch.Tensor) -> torch.Tensor:
        """Sum of the contact forces on every link (..., nlink, 3) from rows (..., n, WIDTH)."""
        force = rows[..., PLACE["force"] : PLACE["force"] + 3]
        links = self.links[self.numbers(rows)]  # (..., n, 2)
        both = torch.cat([links[..., 0], links[..., 1]], -1).unsqueeze(-1).expand(*links.shape[:-2], -1, 3)
        total = rows.new_zeros(*rows.shape[:-2], self.nlink + 1, 3)
        return total.scatter_add(-2, both, torch.cat([-force, force], -2))[..., 1:, :]

    @staticmethod
    def numbers(rows: torch.Tensor) -> torch.Tensor:
        """Candidate of each row, 0 for none; one whose surfaces are apart and that exerts no force is none."""
        apart = (rows[..., PLACE["distance"]] >= 0.0) & (rows[..., PLACE["force"] : PLACE["force"] + 3] == 0.0).all(-1)
        return (rows[..., PLACE["candidate"]].detach().round().long()).masked_fill(apart, 0)

    def listed(self, rows: torch.Tensor, wanted: torch.Tensor) -> dict[str, torch.Tensor]:
        """The contacts of rows (B, n, WIDTH) whose candidates ``wanted`` (ncand + 1) names, moved to the front and cut to the most
        that an environment has: geoms, links, position, normal, force, penetration, valid."""
        valid = wanted[self.numbers(rows)]
        most = int(valid.sum(-1).max()) if valid.numel() else 0
        order = (~valid).to(torch.uint8).argsort(dim=-1, stable=True)[:, :most]
        valid = valid.gather(1, order)
        rows = rows.gather(1, order.unsqueeze(-1).expand(-1, -1, WIDTH))
        numbers = torch.where(valid, self.numbers(rows), 0)
        rows = torch.where(valid.unsqueeze(-1), rows, 0.0)
        geoms, links = self.geoms[numbers], self.links[numbers] - 1

        def part(name: str, width: int) -> torch.Tensor:
            return rows[..., PLACE[name] : PLACE[name] + width]

        force = part("force", 3)
        return {
            "geom_a": geoms[..., 0], "geom_b": geoms[..., 1], "link_a": links[..., 0], "link_b": links[..., 1],
            "position": part("position", 3), "normal": part("normal", 3), "force_a": -force, "force_b": force,
            "penetration": -part("distance", 1)[..., 0], "valid_mask": valid,
        }  # fmt: skip

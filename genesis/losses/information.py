"""How little measurements say about unknown parameters."""

from torch import Tensor

from genesis.errors import InputError
from genesis.information import CRITERIA
from genesis.setting import Setting
from genesis.view import View


class Information:
    """Logarithm of a variance that the task's measurements leave to the task's unknowns; see `genesis.information.CRITERIA`."""

    def __init__(self, setting: Setting, where: str, *, criterion: str = "D", sharpness: float = 8.0) -> None:
        if setting.information is None:
            raise InputError(f"{where}: this task has no measurements and unknowns; tasks with them: excite.")
        self.root_of, self.criterion, self.sharpness = setting.information, CRITERIA[criterion], sharpness

    def __call__(self, trajectory: View) -> Tensor:
        return self.criterion(self.root_of(trajectory), self.sharpness)

"""Measured quaternions: of length one, and with signs that follow each other."""

import numpy as np

from genesis.errors import InputError

ROUNDED = 0.01  # a length further from one was not written as a unit quaternion
NO_ROTATION = 0.1  # and this far in most rows, the four columns are no quaternion


def quaternions(where: str, file: str, values: np.ndarray, columns: list[str], warnings: list[str]) -> np.ndarray:
    """Unit quaternions (N, 4 frames), each with the sign that is nearest to the one before; missing where a number is, or the length is zero.

    Raises: InputError for columns whose length is nowhere near one.
    """
    made, lengths = unit_quaternions(values)
    seen = lengths[lengths > 0.0]
    away = np.abs(seen - 1.0)
    shown = ", ".join(columns[:4])
    if len(seen) and float(np.median(away)) > NO_ROTATION:
        raise InputError(
            f"{where}.columns: {file}: the length of ({shown}) is {np.median(seen):.4g}, of a quaternion it is 1; name the columns of "
            "w, x, y, z in this order, or give their scale."
        )
    if len(seen) and float(away.max()) > ROUNDED:
        warnings.append(
            f"{where}: {file}: quaternions have lengths up to {away.max():.2g} away from 1, and are taken at length 1; are the columns "
            "w, x, y, z?"
        )
    return np.concatenate([continuous(part) for part in np.split(made, made.shape[1] // 4, axis=1)], 1)


def unit_quaternions(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Quaternions (N, 4 frames) of length one, and the lengths (N, frames) that they had; missing where a number is or the length is zero."""
    parts = values.reshape(len(values), -1, 4)
    length = np.linalg.norm(parts, axis=-1, keepdims=True)
    return (parts / np.where(length > 0.0, length, np.nan)).reshape(values.shape), length[..., 0]


def continuous(values: np.ndarray) -> np.ndarray:
    """Quaternions (N, 4) with the sign that is nearest to the one before, over missing rows too: q and -q are one rotation."""
    made = values.copy()
    rows = np.flatnonzero(np.isfinite(made).all(1))
    dots = np.einsum("ij,ij->i", made[rows[1:]], made[rows[:-1]])
    made[rows[1:]] *= np.cumprod(np.where(dots < 0.0, -1.0, 1.0))[:, None]
    return made

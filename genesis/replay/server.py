"""The server that a viser scene lives in: opened on a port that is free or named, silent, and gone afterwards."""

import contextlib
import io
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from genesis.errors import StateError
from genesis.replay.viewpoint import framing

if TYPE_CHECKING:
    from viser import ViserServer

WINDOW = (1200, 800)  # that a first look is made for


def look(server: "ViserServer", points: np.ndarray) -> None:
    """Let cameras begin where all points (n, 3) are seen."""
    view, camera = framing(points, WINDOW), server.initial_camera
    away = float(np.linalg.norm(np.subtract(view.pos, view.lookat)))
    camera.fov, camera.near, camera.far = float(np.deg2rad(view.fov)), 0.005 * away, 200.0 * away
    camera.position, camera.look_at = np.asarray(view.pos), np.asarray(view.lookat)


@contextlib.contextmanager
def quiet_server(host: str, port: int) -> Iterator["ViserServer"]:
    """A viser server that says nothing and is gone afterwards."""
    server = open_server(host, port)
    try:
        yield server
    finally:
        stop_server(server)


def open_server(host: str, port: int) -> "ViserServer":
    """A viser server on a port, 0 for any. Raises: StateError where it cannot be opened."""
    reason = refused(host, port)  # viser would try a thousand others, then wait for ever
    if reason:
        raise StateError(f"port {port} of {host} cannot be opened ({reason}); name another, or close what uses it.")
    import viser

    with contextlib.redirect_stdout(io.StringIO()):
        server = viser.ViserServer(host=host, port=port, verbose=False)
    if port and server.get_port() != port:  # taken in between
        stop_server(server)
        raise StateError(f"port {port} of {host} has just been taken by another program; name another.")
    return server


def refused(host: str, port: int) -> str:
    """Why a port cannot be opened, in words of the system; empty where it can. Raises: StateError for a port that is no number of one."""
    if not 0 <= port <= 65535:
        raise StateError(f"port {port}: allowed are 1 to 65535.")
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        return error.strerror or str(error)
    return ""


def stop_server(server: "ViserServer") -> None:
    """Stop a server with its threads, without viser's message."""
    with contextlib.redirect_stdout(io.StringIO()):
        server.stop()

"""The options of every command, frozen: users script against them."""

import pytest
import typer

from genesis_cli.app import app

HYDRA = ["--cfg", "--config-dir", "--config-name", "--info", "--multirun", "--package", "--resolve"]
OPTIONS = {
    "optimize": [*HYDRA, "--port", "--rerun", "--resume", "--watch"],
    "sysid": [*HYDRA, "--from", "--json", "--port", "--rerun", "--resume", "--watch"],
    "simulate": [*HYDRA, "--rerun", "--solution"],
    "control": [*HYDRA, "--rerun"],
    "gradcheck": [*HYDRA, "--rerun"],
    "report": [],
    "view": [
        "--at",
        "--browser",
        "--camera",
        "--dark",
        "--fps",
        "--gif",
        "--html",
        "--lookat",
        "--mp4",
        "--png",
        "--port",
        "--rrd",
        "--size",
        "--speed",
        "--take",
    ],
    "export": ["--force", "--format", "--out"],
    "doctor": ["--json"],
    "new task": ["--config-dir", "--robot"],
    "new robot": ["--config-dir"],
    "new loss": ["--config-dir"],
    "new system": ["--config-dir", "--robot"],
    "show groups": ["--json", "--config-dir"],
    "show keys": ["--json", "--command", "--config-dir"],
    "show config": ["--json", "--command", "--config-dir"],
    "show scene": ["--json", "--config-dir"],
    "show diff": ["--json"],
    "sweep resume": ["--failed"],
    "sweep table": ["--json", "--descending", "--sort", "--top"],
    "sweep best": [],
}


def commands() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}

    def walk(prefix: str, command) -> None:
        if getattr(command, "commands", None):
            for name, child in command.commands.items():
                walk(f"{prefix} {name}".strip(), child)
        else:
            options = [opt for p in command.params for opt in p.opts if opt.startswith("--") and opt != "--help"]
            found[prefix] = sorted(options)

    walk("", typer.main.get_command(app))
    return found


def test_commands_are_these() -> None:
    assert sorted(commands()) == sorted(OPTIONS)


@pytest.mark.parametrize("command", OPTIONS)
def test_options_are_these(command: str) -> None:
    assert commands()[command] == sorted(OPTIONS[command])

"""`genesis show diff RUN1 RUN2`: what two runs were told differently, and how differently they ended."""

from pathlib import Path
from typing import Any

from genesis_cli import console
from genesis_cli.errors import CommandError
from genesis_cli.run_folder import stored_config
from genesis_cli.sweeps.results import RESULT, read

NUMBERS = ("status", "objective", "objective_first", "objective_best", "iterations", "evaluations")
ABSENT = "-"


def diff(first: str, second: str, as_json: bool = False) -> None:
    """Two tables: keys of the config that differ, and the results side by side."""
    folders = [run_folder(given) for given in (first, second)]
    configs = [flat_config(folder) for folder in folders]
    keys = [key for key in dict.fromkeys([*configs[0], *configs[1]]) if configs[0].get(key) != configs[1].get(key)]
    names, results = [str(given) for given in (first, second)], [flat_result(folder) for folder in folders]
    if as_json:
        told = {key: [config.get(key) for config in configs] for key in keys}
        ends = {key: [result.get(key) for result in results] for key in dict.fromkeys([*results[0], *results[1]])}
        return console.document({"runs": names, "config": told, "result": ends})
    if keys:
        console.table("", ["key", *names], [[key, *(shown(config, key) for config in configs)] for key in keys])
    else:
        console.say("the configs are the same.")
    rows = [[key, *(shown(result, key) for result in results)] for key in dict.fromkeys([*results[0], *results[1]])]
    if rows:
        console.say()
        console.table("", ["result", *names], rows, right=[1, 2])


def run_folder(given: str) -> Path:
    """The folder of a run.

    Raises: CommandError if none is stored there.
    """
    folder = Path(given).expanduser()
    if not (folder / "config.yaml").is_file() and not (folder / ".hydra" / "config.yaml").is_file():
        raise CommandError(f"{given}: no stored run there (config.yaml is missing); give a run folder such as outputs/DATE/TIME.")
    return folder


def flat_config(folder: Path) -> dict[str, Any]:
    """Dotted key -> value; of a job that never began to run, the config that Hydra stored."""
    from genesis_cli.compose import flat_keys

    stored = folder / "config.yaml"
    return flat_keys(stored_config(stored if stored.is_file() else folder / ".hydra" / "config.yaml"))


def flat_result(folder: Path) -> dict[str, Any]:
    """The figures of a result that are worth comparing. Raises: CommandError for a result that cannot be read."""
    file = folder / RESULT
    result = read(file) or {}
    if not result and file.is_file():
        raise CommandError(
            f"{file}: cannot be read: cut off, or no result of a run; go on with --resume, or start anew with --rerun."
        )
    found = {name: result[name] for name in NUMBERS if result.get(name) is not None}
    found |= {f"metrics.{name}": value for name, value in (result.get("metrics") or {}).items()}
    return found | {f"seconds.{name}": value for name, value in (result.get("seconds") or {}).items()}


def shown(table: dict[str, Any], key: str) -> str:
    """One entry."""
    value = table.get(key, ABSENT)
    return f"{value:.6g}" if isinstance(value, float) else str(value)

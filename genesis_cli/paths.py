"""Where configs lie, and which file a relative path in a config means."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from genesis_cli.errors import CommandError


def config_dir() -> Path:
    """The shipped configs: the package `genesis_cli.configs` of a wheel or editable install, else configs/ of the checkout."""
    spec = find_spec("genesis_cli.configs")
    if spec is not None and spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    beside = Path(__file__).resolve().parent.parent / "configs"
    if beside.is_dir():
        return beside
    raise CommandError(
        f"the shipped configs are missing: neither genesis_cli.configs nor {beside} exists; reinstall the package.", 1
    )


def resolve_file(
    value: str, where: str, group: str, choices: Mapping[str, str], sources: Sequence[Path], from_command_line: bool
) -> str:
    """Absolute path of a file named by config key `where`.

    A value from YAML is relative to the YAML of the chosen option of `group`; one from the command line, or one not found
    there, to the working folder.

    Args:
        value: path as written.
        where: config key, for the message.
        group: config group whose YAML may have named it, e.g. robots.
        choices: chosen option of each group.
        sources: config folders on the search path, first wins.
        from_command_line: the value is an override.
    """
    given = Path(value).expanduser()
    if given.is_absolute():
        candidates = [given]
    else:
        choice = choices.get(group) or ""
        yaml_folders = [(source / group / choice).parent for source in sources if (source / group / f"{choice}.yaml").is_file()]
        working = Path.cwd()
        candidates = [folder / given for folder in ([working] if from_command_line else [*yaml_folders, working])]
    for candidate in candidates:
        if candidate.is_file():
            return str(candidate.resolve())
    tried = ", ".join(str(c) for c in candidates)
    raise CommandError(f"{where}: file {value} not found; tried: {tried}.")

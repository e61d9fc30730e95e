"""`genesis show groups|keys|config`."""

from genesis_cli import console
from genesis_cli.aliases import expand_all
from genesis_cli.commands.by_name import COMMANDS
from genesis_cli.compose import compose_config, key_help
from genesis_cli.compose import groups as all_groups
from genesis_cli.errors import CommandError
from genesis_cli.hydra_errors import as_command_error, is_hydra_error
from genesis_cli.suggest import known
from genesis_cli.validate import check


def groups(config_dir: str | None, as_json: bool = False) -> None:
    """Table of config groups."""
    if as_json:
        return console.document(
            {node: {"folder": folder, "options": list(names)} for node, folder, names in all_groups(_dirs(config_dir))}
        )
    rows = [(f"{node}=", ", ".join(options) or "-", f"{folder}/") for node, folder, options in all_groups(_dirs(config_dir))]
    console.table("", ["type", "options", "folder"], rows)


def keys(command: str, overrides: list[str], config_dir: str | None, as_json: bool = False) -> None:
    """Table of the keys of a command's config."""
    cfg, columns = _composed(command, overrides, config_dir), ["key", "type", "value", "meaning"]
    if as_json:
        return console.document([dict(zip(columns, row, strict=True)) for row in key_help(cfg)])
    console.table("", columns, key_help(cfg))


def config(command: str, overrides: list[str], config_dir: str | None, as_json: bool = False) -> None:
    """The composed config as YAML, after the same check that a run makes."""
    from omegaconf import OmegaConf

    cfg = _composed(command, overrides, config_dir)
    check(cfg)
    if as_json:
        return console.document(OmegaConf.to_container(cfg, resolve=True))
    console.yaml(OmegaConf.to_yaml(cfg))


def _composed(command: str, overrides: list[str], config_dir: str | None):  # -> DictConfig
    if command not in COMMANDS:
        raise CommandError(f'--command: unknown command "{command}"; {known(command, COMMANDS)}.')
    words = expand_all(overrides)
    try:
        return compose_config(command, words, _dirs(config_dir))
    except Exception as error:
        if is_hydra_error(error):
            raise as_command_error(error, command, words, _dirs(config_dir)) from error
        raise


def _dirs(config_dir: str | None) -> list[str]:
    return [] if config_dir is None else [config_dir]

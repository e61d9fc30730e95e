"""Which files the node `observation` means: absolute paths and patterns in place of those that the user wrote."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from omegaconf import DictConfig, ListConfig, OmegaConf

from genesis.patterns import as_pattern, is_pattern, matches
from genesis_cli.errors import CommandError


def absolute_observations(cfg: DictConfig, choices: Mapping[str, str], sources: Sequence[Path], overrides: Sequence[str]) -> None:
    """Make every file or glob pattern of `observation` absolute, in place.

    A relative one is looked for in `observation.folder`, beside the YAML of the chosen option, and in the working folder; one from
    the command line not beside the YAML.

    Args:
        choices: chosen option of each group.
        sources: config folders on the search path, first wins.
        overrides: words of the command line.
    Raises: CommandError for a file that is nowhere, naming the places.
    """
    node = cfg.get("observation")
    if not isinstance(node, DictConfig):
        return
    choice = choices.get("observations") or ""
    beside = [(s / "observations" / choice).parent for s in sources if (s / "observations" / f"{choice}.yaml").is_file()]
    folder = _folder(node, beside, _typed(overrides, "observation.folder"))
    for where, holder, key in (
        ("observation.files", node, "files"),
        ("observation.validation.files", node.get("validation"), "files"),
    ):
        items = holder.get(key) if isinstance(holder, DictConfig) and not OmegaConf.is_missing(holder, key) else None
        if not isinstance(items, ListConfig):
            continue
        yamls = [] if _typed(overrides, where) else beside
        places = [*([folder] if folder else []), *yamls, Path.cwd()]
        for k, item in enumerate(items):
            name = f"{where}[{k}]"
            if isinstance(item, str):
                items[k] = _find(name, item, places)
            elif isinstance(item, DictConfig) and isinstance(item.get("path"), str):
                item["path"] = _find(name, item["path"], places)


def _typed(overrides: Sequence[str], key: str) -> bool:
    """Whether the command line gives the key."""
    return any(word.lstrip("+").startswith(f"{key}=") for word in overrides)


def _folder(node: DictConfig, beside: list[Path], typed: bool) -> Path | None:
    """The folder that comes first, absolute."""
    given = node.get("folder")
    if not isinstance(given, str):
        return None
    tried = [base / Path(given).expanduser() for base in ([Path.cwd()] if typed else [*beside, Path.cwd()])]
    found = next((place.resolve() for place in tried if place.is_dir()), None)
    if found is None:
        raise CommandError(f"observation.folder: there is no folder {given}; tried: {', '.join(map(str, dict.fromkeys(tried)))}.")
    node["folder"] = str(found)
    return found


def _find(where: str, given: str, places: Sequence[Path]) -> str:
    """The first place that has the file or a match of the pattern."""
    for place in places:
        if matches(place, given):
            return as_pattern(place, given)
    tried = list(dict.fromkeys(str(place / Path(given)) for place in places))
    what = "matches no file" if all(is_pattern(place, given) for place in places) else "not found"
    near = get_close_matches(Path(given).name, _beside(tried), n=3)
    hint = f" Nearest there: {', '.join(near)}." if near else " The folder of the data: observation.folder=PATH."
    raise CommandError(f"{where}: file {given} {what}; tried: {', '.join(tried)}.{hint}")


def _beside(tried: Sequence[str]) -> list[str]:
    """Names of the files in the folders that were tried and exist."""
    return [p.name for text in tried if Path(text).parent.is_dir() for p in Path(text).parent.iterdir() if p.is_file()]

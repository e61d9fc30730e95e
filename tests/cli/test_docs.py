"""Commands and configs in the documentation are what the program understands."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import typer
import yaml
from omegaconf import OmegaConf
from typer.models import OptionInfo

from genesis_cli.app import app
from genesis_cli.commands.by_name import COMMANDS
from genesis_cli.compose import compose_config, groups
from genesis_cli.schema import GROUPS, TERMS
from genesis_cli.validate import check

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "benchmarks/README.md",
    *(f"docs/{page.name}" for page in sorted((REPOSITORY / "docs").glob("*.md"))),
]
#: First words of the commands whose words are those of a config, and of `show` what else prints one.
COMPOSING, SHOWING = tuple(COMMANDS), ("keys", "config", "scene")
#: Configs of the reader's, which lie beside the page or are made by `genesis new`, and runs of the reader's.
READERS = re.compile(r"--config-dir|my_\w+|--rerun|--resume|outputs/")


def options_of(function: Callable[..., Any]) -> set[str]:
    """The words of a command that begin with dashes."""
    found = {"--help", "-h"}
    for name, hint in get_type_hints(function, include_extras=True).items():
        for said in getattr(hint, "__metadata__", ()):
            if isinstance(said, OptionInfo):  # typer takes the first of its words for a default
                words = [word for word in (said.default, *(said.param_decls or ())) if isinstance(word, str)]
                words = [part for word in words for part in word.split("/")]  # --browser/--no-browser
                found.update(words or [f"--{name.replace('_', '-')}"])
    return found


def options(group: typer.Typer, before: str = "") -> dict[str, set[str]]:
    """Options of every command by its words."""
    own = {
        f"{before}{made.name or made.callback.__name__}": options_of(made.callback)
        for made in group.registered_commands
        if made.callback
    }
    for part in group.registered_groups:
        assert part.typer_instance is not None
        own |= options(part.typer_instance, f"{part.name} ")
    return own


OPTIONS = options(app)


def blocks(page: str, language: str) -> list[str]:
    """Code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", (REPOSITORY / page).read_text(), re.DOTALL)


def blocks_of_symptoms() -> list[str]:
    """Commands of the page on what goes wrong."""
    return [line for block in blocks("docs/troubleshooting.md", "bash") for line in block.splitlines()]


def commands() -> list[str]:
    """Lines of shell blocks, and commands in backticks."""
    found = []
    for page in PAGES:
        text = (REPOSITORY / page).read_text()
        lines = [line for block in blocks(page, "bash") for line in block.splitlines()]
        found += [line for line in lines if line.startswith("genesis ")] + re.findall(r"`(genesis [^`\n]+)`", text)
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("line", commands())
def test_documented_commands_are_there_with_their_options(line: str) -> None:
    """Whatever the command, those that compose nothing too."""
    words = shlex.split(line, comments=True)[1:]
    given = [word for word in words if re.match(r"--?[a-z]", word)]
    if words[0].startswith("-"):
        assert words in (["--help"], ["--install-completion"])
        return
    called = OPTIONS.get(" ".join(words[:2]), OPTIONS.get(words[0]))
    assert called is not None or words[0] in {name.partition(" ")[0] for name in OPTIONS if len(words) == 1}, "no such command"
    assert [word for word in given if word not in (called or ())] == [], "no such option"


@pytest.mark.parametrize("line", commands())
def test_documented_commands_compose(line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    if line in blocks_of_symptoms():
        return  # tests/docs/test_pages.py runs them: most are wrong on purpose
    composing = words[0] in COMPOSING or (words[0] == "show" and words[1] in SHOWING)
    if not composing or READERS.search(line):
        return
    if "launcher=ray" in words:
        pytest.importorskip("hydra_plugins.hydra_ray_launcher", reason="hydra-ray-launcher is not installed")
    command = words[0] if words[0] != "show" else "optimize"
    command = words[words.index("--command") + 1] if "--command" in words else command
    overrides = [word for word in words[1:] if "=" in word and not word.startswith("-")]
    if "-m" in words:
        overrides = [re.sub(r"=(tag\(log,)?interval\((.*?),.*", r"=\2", word) for word in overrides]
        overrides = [re.sub(r"=([^,]*),.*", r"=\1", word) for word in overrides]
    check(compose_config(command, overrides))


def files() -> list[tuple[str, str]]:
    """(path below a config folder, content) of the YAML blocks that are files of the reader's, named below the line that Hydra reads."""
    found = [block for page in PAGES for block in blocks(page, "yaml")]
    named = [(re.match(r"# @package \S+\n# my_configs/(\S+\.yaml)\n", block), block) for block in found]
    return [(match[1], block) for match, block in named if match]


@pytest.mark.parametrize(("path", "content"), files(), ids=lambda value: value.splitlines()[min(1, value.count("\n"))])
def test_documented_files_compose(path: str, content: str, tmp_path: Path) -> None:
    """With the other files that the page has the reader write, since they name each other."""
    for name, text in [*files(), (path, content)]:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    group, name = path.removesuffix(".yaml").split("/")
    node = next(node for node, folder in GROUPS.items() if folder == group)
    identifies = node in ("observation", "parameter")
    words = [f"{node}={name}", *(["observation=my_arm"] if node == "parameter" else [])]
    checked = check(compose_config("sysid" if identifies else "optimize", words, [str(tmp_path)]))
    written = {key for key in yaml.safe_load(content) if key != "defaults"}
    node_made = checked.plain[node] if node == "observation" else getattr(checked, node)
    made = checked if content.startswith("# @package _global_") else node_made
    assert written <= set(made if isinstance(made, dict) else vars(made))


def parts() -> list[str]:
    """YAML blocks that are part of a config; their head says of which: `# with task=excite`, or the file that is quoted."""
    found = [block for page in PAGES for block in blocks(page, "yaml")]
    return [block for block in found if "# my_configs/" not in block]


@pytest.mark.parametrize("content", parts(), ids=lambda value: value.splitlines()[0])
def test_documented_parts_of_configs_compose(content: str) -> None:
    quoted = re.match(r"# @package \S+\n# configs/(\S+\.yaml), shortened\n", content)
    if quoted:  # what is shown is what the file says
        whole = OmegaConf.to_container(OmegaConf.load(REPOSITORY / "configs" / quoted[1]))
        assert isinstance(whole, dict)
        for key, shown in OmegaConf.to_container(OmegaConf.create(content)).items():
            assert all(item in whole[key] for item in shown), key
            assert not isinstance(shown, dict) or all(whole[key][name] == value for name, value in shown.items()), key
        return
    base = re.match(r"# with (.+)\n", content)
    assert base, "its head names the file, or says `# with WORDS` of the command that it belongs to"
    words = base[1].split()
    command = words.pop(0) if words[0] == "sysid" else "optimize"
    composed = compose_config(command, words)
    OmegaConf.set_struct(composed, False)  # terms are added
    check(OmegaConf.merge(composed, OmegaConf.create(content)))  # type: ignore[arg-type]


def test_every_kind_and_option_is_described() -> None:
    text = "".join((REPOSITORY / "docs" / page).read_text() for page in ("configs.md", "sysid.md"))
    for kinds in TERMS.values():
        for kind in kinds:
            assert f"`{kind}`" in text, kind
    for _, folder, options in groups():
        assert f"`{folder}/`" in text
        if folder == "tasks":
            assert all(f"`{option}`" in text for option in options)

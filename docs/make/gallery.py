"""Run every shipped task and system, and write docs/gallery.md with its picture, replay, YAML and time.

python docs/make/gallery.py                        # all; about five minutes on two cores
python docs/make/gallery.py reach trot             # these again, the others as they are
python docs/make/gallery.py --data so101=/logs     # recordings that do not ship with the project
python docs/make/gallery.py --page                 # only the page anew, from docs/gallery/results.json

Pictures and results.json are kept with the project. Replays (docs/gallery/NAME.html) are not, being large: whoever builds the site runs this
first, and the site links to those that it finds.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

DOCS = Path(__file__).resolve().parents[1]
CONFIGS = DOCS.parent / "configs"
SIZE, INSTANTS = (640, 400), 5  # of a picture [pixels]; moments of the motion that it shows
#: What comes first, since it shows most.
FIRST = ("reach", "trot", "simple_pendulum", "swing_up_double", "hop", "walk", "push", "throw_bin")
#: Tasks that are driven in closed loop.
DRIVEN = ("follow", "trot_on")
HEAD = """# Gallery

Every task and system that ships with the project, as its config says, run by `python docs/make/gallery.py`. Pictures show several moments of
the motion that was found; times are those of the search in a new process whose kernels have been compiled before, on {machine}. To see
one move: run its command, and open `replay.html` in the run folder.
"""


def offered() -> dict[str, str]:
    """Command of each task and system by its name, those that show most first."""
    found = {"optimize": "tasks", "sysid": "systems"}
    names = {path.stem: command for command, folder in found.items() for path in sorted((CONFIGS / folder).glob("*.yaml"))}
    names |= dict.fromkeys(DRIVEN, "control")
    return {name: names[name] for name in [*FIRST, *(name for name in names if name not in FIRST)]}


def told(name: str, command: str) -> str:
    """What the YAML says of itself in its first comment, up to the first full stop."""
    lines = yaml_of(name, command).read_text().splitlines()
    comment = []
    for line in lines[1:]:
        if not line.startswith("# "):
            break
        comment.append(line.removeprefix("# "))
    return " ".join(comment).partition(". ")[0].rstrip(".") + "."


def yaml_of(name: str, command: str) -> Path:
    """The file that chooses everything."""
    return CONFIGS / ("systems" if command == "sysid" else "tasks") / f"{name}.yaml"


def command_line(name: str, command: str) -> list[str]:
    """The words of its command."""
    return [command, f"{'system' if command == 'sysid' else 'task'}={name}"]


def run(name: str, command: str, out: Path, folder: str | None) -> dict[str, Any]:
    """Run it for an iteration to compile, then to be timed; its picture and replay are kept. What the page says of it."""
    from genesis.replay.render import write_png
    from genesis.replay.replay import FILE, Replay

    words = [*command_line(name, command), "logging.progress=false"] + ([f"observation.folder={folder}"] if folder else [])
    with tempfile.TemporaryDirectory() as made:
        run_folder = Path(made) / "run"
        for more in (["logging=quiet", "stop.iterations=1"], []):
            shutil.rmtree(run_folder, ignore_errors=True)
            started = [sys.executable, "-m", "genesis_cli", *words, *more, f"hydra.run.dir={run_folder}"]
            done = subprocess.run(started, cwd=made, capture_output=True, text=True)
            if not (run_folder / "result.json").is_file():
                raise SystemExit(f"{name}: {(done.stdout + done.stderr).strip().splitlines()[-1]}")
        result = json.loads((run_folder / "result.json").read_text())
        (out / "gallery").mkdir(parents=True, exist_ok=True)
        write_png(Replay.load(run_folder / FILE), out / "gallery" / f"{name}.png", size=SIZE, instants=INSTANTS)
        shutil.copy(run_folder / "replay.html", out / "gallery" / f"{name}.html")
    if command == "control":
        return {"status": result["status"], "steps": result["steps"], "seconds": round(result["seconds"]["rollout"], 2)}
    return {"status": result["status"], "iterations": result["iterations"], "seconds": round(result["seconds"]["loop"], 2)}


def needs_data(name: str) -> bool:
    """Whether the recordings of a system lie elsewhere."""
    files = OmegaConf.load(CONFIGS / "observations" / f"{name}.yaml").get("files", [])
    paths = [entry if isinstance(entry, str) else entry.path for entry in files]
    return not all(list((CONFIGS / "observations").glob(path)) for path in paths)


def page(results: dict[str, Any]) -> str:
    """The text of docs/gallery.md."""
    parts = [HEAD.format(machine=results["machine"]), '<div class="cards" markdown>\n']
    for name, command in offered().items():
        said = results["runs"].get(name)
        words = f"genesis {' '.join(command_line(name, command))}"
        link = f"[{yaml_of(name, command).name}](../{yaml_of(name, command).relative_to(DOCS.parent)})"
        parts.append(f'<div class="card" markdown>\n\n### {name}\n')
        if said is not None:
            parts.append(f"![{name}: {told(name, command)}](gallery/{name}.png)\n")
        parts.append(f"{told(name, command)}\n")
        if said is None and command == "sysid" and needs_data(name):
            parts.append(f"`{words} observation.folder=PATH`\n\nIts recordings do not ship with the project · {link}\n")
        elif said is None:
            parts.append(f"`{words}`\n\nNot run yet · {link}\n")
        else:
            count = f"{said['steps']} steps in closed loop" if "steps" in said else f"{said['iterations']} iterations"
            count = "1 iteration" if said.get("iterations") == 1 else count
            verdict = f"{said['status'].replace('_', ' ')} after {count}, {said['seconds']:.2g} s"
            parts.append(f"`{words}`\n\n{verdict} · {link}<!-- replay {name} -->\n")
        parts.append("</div>\n")
    return "\n".join([*parts, "</div>"]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="tasks and systems; none: all")
    parser.add_argument("--out", type=Path, default=DOCS, help="folder of the page")
    parser.add_argument("--data", action="append", default=[], metavar="SYSTEM=FOLDER", help="recordings of a system")
    parser.add_argument("--machine", default="two cores", help="what the page says of the machine")
    parser.add_argument("--page", action="store_true", help="only write the page")
    given = parser.parse_args()
    commands, folders = offered(), dict(word.split("=", 1) for word in given.data)
    unknown = [name for name in [*given.names, *folders] if name not in commands]
    if unknown:
        parser.error(f"{unknown[0]}: no such task or system; known: {', '.join(commands)}")
    stored = given.out / "gallery" / "results.json"
    results = json.loads(stored.read_text()) if stored.exists() else {"machine": given.machine, "runs": {}}
    for name in [] if given.page else given.names or list(commands):
        if commands[name] == "sysid" and name not in folders and needs_data(name):
            print(f"{name}: without recordings, left out")
            continue
        results["runs"][name] = run(name, commands[name], given.out, folders.get(name))
        print(name, results["runs"][name])
        results["machine"] = given.machine
        stored.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n")
    (given.out / "gallery.md").write_text(page(results))


if __name__ == "__main__":
    main()

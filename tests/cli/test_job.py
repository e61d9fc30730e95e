"""What passes between the command line, Hydra, sweeps and commands."""

from genesis_cli.job import Command, Flags, Job, Outcome


def test_flags_as_hydra_spells_them() -> None:
    assert Flags().argv() == []
    flags = Flags(
        multirun=True, cfg="job", resolve=True, package="task", info="all", config_dir="mine", config_name="other", resume="run"
    )
    assert flags.argv() == [
        "--multirun",
        "--resolve",
        "--cfg",
        "job",
        "--package",
        "task",
        "--info",
        "all",
        "--config-dir",
        "mine",
    ]


def test_only_shows() -> None:
    assert Flags(cfg="job").only_shows and Flags(info="all").only_shows
    assert not Flags(resolve=True, package="task", multirun=True).only_shows


def test_a_command_gives_its_options_to_each_job(tmp_path) -> None:
    told = []

    def execute(job: Job, solution: str | None = None) -> Outcome:
        told.append((job.command, solution))
        return Outcome(0, 1.5)

    job = Job("simulate", {}, tmp_path, [], {}, [], resume=False)
    assert (
        Command("simulate", execute, options={"solution": "run"})(job).value == 1.5
        and Command("simulate", execute)(job).value == 1.5
    )
    assert told == [("simulate", "run"), ("simulate", None)] and job.observers() == []

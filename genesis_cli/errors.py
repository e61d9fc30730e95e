"""Errors of the command line itself, each with its exit code: 2 for wrong input, 1 for a run that failed."""

OK, FAILED, WRONG_INPUT = 0, 1, 2


class CommandError(Exception):
    """A message of one or two lines for the user, and the exit code."""

    def __init__(self, message: str, exit_code: int = WRONG_INPUT) -> None:
        super().__init__(message)
        self.exit_code = exit_code

"""The logger "genesis": warnings only, unless `gs.init(logging_level=...)` says otherwise."""

import logging
import sys

LEVELS = ("debug", "info", "warning", "error", "critical")
THEMES = {"dark": "\033[93m", "light": "\033[33m", "dumb": ""}  # colour of warnings and errors on a terminal

logger = logging.getLogger("genesis")


class _Handler(logging.StreamHandler):
    """Writes to stderr unless the application has its own handlers, which then get every record."""

    def emit(self, record: logging.LogRecord) -> None:
        if not logging.getLogger().handlers:
            self.stream = sys.stderr
            super().emit(record)


class _Formatter(logging.Formatter):
    def __init__(self, colour: str, milliseconds: bool) -> None:
        super().__init__(
            "[genesis] %(levelname)s %(message)s"
            if not milliseconds
            else "[genesis] %(asctime)s.%(msecs)03d %(levelname)s %(message)s",
            "%H:%M:%S",
        )
        self.colour = colour

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        if self.colour and record.levelno >= logging.WARNING and sys.stderr.isatty():
            return f"{self.colour}{line}\033[0m"
        return line


def configure(level: int = logging.WARNING, theme: str = "dark", milliseconds: bool = False) -> None:
    """Set level, colours (a key of `THEMES`) and time stamps of the logger."""
    for handler in [h for h in logger.handlers if isinstance(h, _Handler)]:
        logger.removeHandler(handler)
    handler = _Handler()
    handler.setFormatter(_Formatter(THEMES[theme], milliseconds))
    logger.addHandler(handler)
    logger.setLevel(level)

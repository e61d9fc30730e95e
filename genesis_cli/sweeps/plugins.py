"""Our sweepers and launcher made known to Hydra."""

from genesis_cli.schema.sweeps import PACKAGE


def register_plugins() -> None:
    """Tell Hydra of our classes, where it has not found them itself (an installation in place hides namespace packages)."""
    from hydra.core.plugins import Plugins

    plugins = Plugins.instance()
    known = {f"{c.__module__}.{c.__name__}" for c in plugins.discover()}
    if f"{PACKAGE}.GridSweeper" in known:
        return
    from hydra_plugins import genesis_sweeps

    for name in genesis_sweeps.__all__:
        plugins.register(getattr(genesis_sweeps, name))

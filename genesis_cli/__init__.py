"""Command line of genesis-optimize: Typer for commands, Hydra for composition, Rich for the terminal."""

"""Composable YAML groups of the command line; shipped as package `genesis_cli.configs`."""

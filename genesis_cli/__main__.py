"""`python -m genesis_cli`, the same as `genesis`."""

from genesis_cli.app import main

main()

"""``python -m sim`` is the command ``borderport``."""

from sim.cli import main

main()

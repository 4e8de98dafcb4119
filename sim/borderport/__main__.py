"""``python -m borderport`` is the command ``borderport``."""

from borderport.cli import main

main()

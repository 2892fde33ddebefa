"""``python -m ascribe`` is the command ``ascribe``."""

from ascribe.cli import main

main(prog_name="ascribe")

"""`python -m ml` is the `ml` command."""

from ml.cli import main

main()

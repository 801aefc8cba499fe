"""`python -m local` is `groundwork local`."""

from local.cli import main

main()

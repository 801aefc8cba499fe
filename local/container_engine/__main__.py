"""`python -m local.container_engine`, which builds find as `docker`."""

import sys

from local.container_engine.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

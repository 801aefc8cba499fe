"""`python -m ml.serving`."""

import sys

from ml.serving.cli import main

if __name__ == "__main__":
    sys.exit(main())

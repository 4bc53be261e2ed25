"""``python -m slotsolver``."""

import sys

from slotsolver.cli import main

if __name__ == "__main__":
    sys.exit(main())

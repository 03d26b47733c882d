"""``python -m calotype`` is the ``calotype`` command."""

import sys

from calotype.cli.app import main

if __name__ == "__main__":
    sys.exit(main())

"""``python -m calotype`` is the ``calotype`` command."""

import sys

from calotype.cli.app import main

sys.exit(main())

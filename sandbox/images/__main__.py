"""Entry point of `python -m sandbox.images`."""

import sys

from sandbox.images.command import main

if __name__ == "__main__":
    sys.exit(main())

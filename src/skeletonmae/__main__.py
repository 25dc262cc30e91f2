"""`python -m skeletonmae`."""

import sys

from skeletonmae.cli import main

if __name__ == "__main__":
    sys.exit(main())

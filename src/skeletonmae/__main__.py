"""The entry point: `skeletonmae`, and `python -m skeletonmae`."""

import sys


def run() -> int:
    """Run the command line, and return its exit status."""
    try:
        from skeletonmae.cli import main

        return main()
    except KeyboardInterrupt:  # while modules were being loaded
        sys.stderr.write("interrupted before the command started\n")
        return 130


if __name__ == "__main__":
    sys.exit(run())

"""The command line."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence

import tyro

from skeletonmae import __version__
from skeletonmae.cli import commands
from skeletonmae.cli.console import MISTAKE, OK, answer, say
from skeletonmae.cli.memory import keep_memory
from skeletonmae.cli.prepare import prepare
from skeletonmae.cli.validate import validate
from skeletonmae.errors import InputError

DESCRIPTION = """Self-supervised learning on skeletons: pre-train on motion, recognise actions with few labels.

Start with `skeletonmae demo`. For your own recordings: validate, prepare, pretrain, evaluate, predict.
Exit status: 0 done; 1 a mistake in what was given; 2 a mistake in the command; 3 done, something was left out."""

COMMANDS: dict[str, Callable[..., int]] = {
    "demo": commands.demo,
    "validate": validate,
    "prepare": prepare,
    "pretrain": commands.pretrain,
    "evaluate": commands.evaluate,
    "predict": commands.predict,
}
TRAINING = ("demo", "pretrain", "evaluate")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status; a mistake of the user's is a line, not a traceback."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if list(arguments) == ["--version"]:
        answer(f"skeletonmae {__version__}")
        return OK
    if arguments and arguments[0] in TRAINING:
        keep_memory()  # most of a large step is else spent on page faults (benchmarks/graph.md)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill is the same as Ctrl-C
    try:
        status: int = tyro.extras.subcommand_cli_from_dict(
            COMMANDS, prog="skeletonmae", description=DESCRIPTION, args=list(arguments)
        )
    except BrokenPipeError:  # whoever read our answers has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (InputError, OSError) as error:
        say(f"error: {error}")
        return MISTAKE
    except KeyboardInterrupt:
        say("stopped; `prepare`, `pretrain` and `demo` go on from where they were, other commands begin anew")
        return 130
    return status

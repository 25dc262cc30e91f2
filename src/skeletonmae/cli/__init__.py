"""The command line."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence

import tyro
from tyro.conf import DisallowNone

from skeletonmae import __version__
from skeletonmae.cli import commands
from skeletonmae.cli.compare import compare, ensemble
from skeletonmae.cli.console import OK, USER_ERROR, print_output, print_status
from skeletonmae.cli.embed import embed
from skeletonmae.cli.export import export
from skeletonmae.cli.fit import fit
from skeletonmae.cli.help_text import unwrap_docstring
from skeletonmae.cli.info import info
from skeletonmae.cli.live import live
from skeletonmae.cli.predict import predict
from skeletonmae.cli.prepare import prepare
from skeletonmae.cli.processes import remember_arguments
from skeletonmae.cli.render import render
from skeletonmae.cli.repro import repro
from skeletonmae.cli.segment import segment
from skeletonmae.cli.streams import streams
from skeletonmae.cli.validate import validate
from skeletonmae.errors import InputError
from skeletonmae.memory import retain_freed_memory
from skeletonmae.processes import follow_main_process, is_main_process

DESCRIPTION = """Self-supervised learning on skeletons: pre-train on motion, recognize actions with few labels.

Start with `skeletonmae demo`. For your own labeled recordings: fit, then predict, with a shipped encoder
(`skeletonmae info` lists them). To train your own: validate, prepare, pretrain, evaluate.
Exit status: 0 success; 1 invalid input; 2 invalid command line; 3 success, but something was left out;
4 a result was not reproduced; 130 interrupted."""

COMMANDS: dict[str, Callable[..., int]] = {
    "demo": commands.demo,
    "validate": validate,
    "prepare": prepare,
    "pretrain": commands.pretrain,
    "evaluate": commands.evaluate,
    "compare": compare,
    "ensemble": ensemble,
    "streams": streams,
    "repro": repro,
    "fit": fit,
    "predict": predict,
    "segment": segment,
    "render": render,
    "live": live,
    "embed": embed,
    "export": export,
    "info": info,
}
for _command in COMMANDS.values():
    _command.__doc__ = unwrap_docstring(_command.__doc__ or "")
TRAINING_COMMANDS = ("demo", "pretrain", "evaluate", "streams", "repro")
USAGE_ERROR, INTERRUPTED = 2, 130
RESUMABLE_COMMANDS = ("demo", "prepare", "pretrain", "evaluate", "streams", "repro")
RENAMED_FLAGS = {
    "--cut": "--split-actions",
    "--no-cut": "--no-split-actions",
    "--clean": "--ntu-cleanup",
    "--each-person": "--per-person",
    "--recordings": "--num-recordings",
}
"""Flags of earlier versions -> their new names."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status. Invalid input gives one line on stderr, not a traceback."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if list(arguments) == ["--version"]:
        print_output(f"skeletonmae {__version__}")
        return OK
    for argument in arguments:
        flag = argument.partition("=")[0].replace("_", "-")
        if flag in RENAMED_FLAGS:
            print_status(f"error: {flag} has been renamed to {RENAMED_FLAGS[flag]}")
            return USAGE_ERROR
    if arguments and arguments[0] in TRAINING_COMMANDS:
        retain_freed_memory()  # page faults would take most of the time of a large step (benchmarks/graph.md)
    remember_arguments(arguments)
    follow_main_process()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # SIGTERM stops a command as Ctrl-C does
    try:
        status: int = tyro.extras.subcommand_cli_from_dict(
            COMMANDS, prog="skeletonmae", description=DESCRIPTION, args=list(arguments), config=[DisallowNone]
        )
    except BrokenPipeError:  # the reader of stdout has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (InputError, OSError) as error:
        print_status(f"error: {_describe_error(error)}")
        return USER_ERROR
    except KeyboardInterrupt as interrupt:
        if is_main_process():  # one line, also with `torchrun`
            print_status(_describe_interrupt(arguments[0], interrupt))
        return INTERRUPTED
    return status


def _describe_error(error: InputError | OSError) -> str:
    """The message of an error; of one of the operating system, without its number."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


def _describe_interrupt(command: str, interrupt: KeyboardInterrupt) -> str:
    """What was interrupted, in one line: where a training run stopped, and what happens to the rest."""
    done = f"interrupted: {interrupt}" if str(interrupt) else "interrupted"
    if command in RESUMABLE_COMMANDS:
        return f"{done}; run the same command again to resume"
    return f"{done}; nothing was written, and the same command starts over"

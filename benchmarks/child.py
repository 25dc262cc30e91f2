"""A process that ends with the one that started it, even if that one is killed."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from typing import Any


def json_of_child(command: Sequence[str], environment: Mapping[str, str]) -> Any:
    """Run a command that calls `exit_with_parent`, and return the JSON that it prints.

    Raises:
        subprocess.CalledProcessError: The command failed.
    """
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        printed = process.stdout.read()  # communicate() would close stdin
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return json.loads(printed)


def exit_with_parent() -> None:
    """End this process as soon as its standard input is closed, as it is when the parent ends for any reason."""

    def wait() -> None:
        while os.read(0, 1):
            continue
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from skeletonmae.cli import console


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize(
    "write",
    [
        lambda: console.print_output("text"),
        lambda: console.print_output_json('{"a": 1}'),
        lambda: console.print_output_table(["a"], [["1"]]),
    ],
)
def test_a_full_disk_is_that_of_standard_output(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with Path("/dev/full").open("wb", buffering=0) as device:

        class Full:
            encoding = "utf-8"

            def write(self, text: str) -> int:
                return device.write(text.encode())

            def flush(self) -> None:
                pass

            def isatty(self) -> bool:
                return False

        monkeypatch.setattr("sys.stdout", Full())
        with pytest.raises(OSError, match="No space left on device: 'standard output'"):
            write()

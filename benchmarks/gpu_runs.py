"""Runs of `gpu.py` at different times, in one file."""

from __future__ import annotations

from typing import Any

IDENTITY = ("section", "name", "batch", "compiled", "attention")
"""What identifies a case."""


def add_run(earlier: dict[str, Any], run: dict[str, Any]) -> dict[str, Any]:
    """Return earlier measurements with those of a run.

    Cases that the run has measured replace the earlier ones. Cases that it could not measure are only added if no
    earlier run has measured them.

    Args:
        earlier: What gpu.json contains; empty if there is none.
        run: The facts of the new run, with its cases.
    """
    cases = {_key(case): case for case in earlier.get("cases", [])}
    for case in run["cases"]:
        before = cases.get(_key(case))
        if is_measured(case) or before is None or not is_measured(before):
            cases[_key(case)] = case | {"run": len(earlier.get("runs", [])) + 1}
    facts = {name: value for name, value in run.items() if name != "cases"}
    return {"runs": [*earlier.get("runs", []), facts], "cases": list(cases.values())}


def is_measured(case: dict[str, Any]) -> bool:
    """Return whether a case was measured: it ran to its end."""
    return not {"error", "skipped", "out_of_memory"} & case.keys()


def _key(case: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(case.get(name) for name in IDENTITY)

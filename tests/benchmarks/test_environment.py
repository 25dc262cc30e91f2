"""Every benchmark can be imported, and says when, where and with what it measured."""

from __future__ import annotations

import datetime
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))


@pytest.fixture
def fresh_imports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Import the benchmarks anew, and leave no trace: other tests import them with smaller sizes."""
    monkeypatch.syspath_prepend(str(FOLDER))
    before = {name: sys.modules.pop(name) for name in NAMES if name in sys.modules}
    yield
    for name in NAMES:
        sys.modules.pop(name, None)
    sys.modules.update(before)


@pytest.mark.usefixtures("fresh_imports")
@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_finds_what_it_imports(name: str) -> None:
    importlib.import_module(name)


@pytest.mark.usefixtures("fresh_imports")
def test_the_facts_of_a_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = importlib.import_module("environment")
    monkeypatch.setattr(sys, "argv", ["/somewhere/growth.py", "--repeats", "3"])
    monkeypatch.setenv("COMMIT", "abc")
    facts = environment.environment(2, 3)
    assert facts["command"] == "OMP_NUM_THREADS=2 python benchmarks/growth.py --repeats 3"
    assert (facts["commit"], facts["threads"], facts["repeats"]) == ("abc", 2, 3)
    assert datetime.date.fromisoformat(facts["date"])
    monkeypatch.delenv("COMMIT")
    answers = {"status": " M src/x.py", "rev-parse": "123"}
    monkeypatch.setattr(environment, "git", lambda *words: answers[words[0]])
    assert environment.commit() == "123 with changes in src"
    answers["status"] = ""
    assert environment.commit() == "123"

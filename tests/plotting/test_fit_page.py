from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from skeletonmae.inference import FitConfig, FitReport, fit_classifier
from skeletonmae.plotting.fit_page import make_fit_page
from skeletonmae.sequences import SequenceStore


@pytest.fixture(scope="module")
def report(tiny_store: Path) -> FitReport:
    store = SequenceStore.open(tiny_store)
    names = ["<b>", "other"]
    recordings = [
        replace(store[index], label=names[index % 2], tags={"subject": str(index % 3)}) for index in range(60)
    ]
    return fit_classifier(recordings, FitConfig(encoder="none", folds=2, inner_folds=2))[1]


def test_the_page_begins_with_what_to_expect(report: FitReport, tmp_path: Path) -> None:
    make_fit_page(report, "my <clips>").write(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    lead = page.index("Expect about")
    assert page.index("<h1>A classifier of my &lt;clips&gt;</h1>") < lead < page.index("<dl>")
    assert "<b>" not in page
    for heading in ("Every class", "What is taken for what", "Every subject, held out", "Can the probabilities"):
        assert f"<h2>{heading}" in page
    assert page.count("data:image/png;base64,") == 3  # confusion, wrong predictions, reliability
    assert "http" not in page.replace("http-equiv", "")


def test_a_page_without_tested_clips(report: FitReport) -> None:
    page = make_fit_page(replace(report, tested=()), "clips").html()
    assert "is not known" in page
    assert "Every class" not in page

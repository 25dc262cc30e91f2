from __future__ import annotations

from typing import Any

import pytest
import torch

from skeletonmae.evaluation import Result
from skeletonmae.evaluation.result import accuracy_metrics
from skeletonmae.plotting.result_table import RESULT_COLUMNS, result_rows


@pytest.mark.parametrize(("num_classes", "top5"), [(3, "-"), (5, "-"), (6, "100.0")])
def test_a_row(num_classes: int, top5: str) -> None:
    scores = torch.eye(num_classes)[[0, 1, 2, 0]] - 0.01 * torch.arange(num_classes)
    metrics: dict[str, Any] = accuracy_metrics(scores, torch.tensor([0, 1, 2, 1]), tuple("abcdef"[:num_classes]))
    result = Result(
        protocol="knn", setting="k=1", pretrained=False, label_fraction=0.5, num_train=9, seconds=0.0, **metrics
    )
    (row,) = result_rows([result])
    assert dict(zip(RESULT_COLUMNS, row, strict=True)) == {
        "protocol": "knn k=1",
        "encoder": "not pre-trained",
        "labels": "50%",
        "seed": "0",
        "training clips": "9",
        "test clips": "4",
        "top-1 %": "75.0",
        "95 % interval": "30.1 to 95.4",
        "top-5 %": top5,
    }


def test_test_clips_that_were_left_out_are_shown() -> None:
    metrics: dict[str, Any] = accuracy_metrics(torch.eye(3), torch.tensor([0, 1, 1]), ("a", "b", "c"))
    result = Result(protocol="linear", pretrained=True, num_train=9, num_test_left_out=2, seconds=0.0, **metrics)
    (row,) = result_rows([result])
    assert row[RESULT_COLUMNS.index("test clips")] == "3 of 5"

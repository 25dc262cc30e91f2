from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import torch

from skeletonmae.errors import InputError
from skeletonmae.export import onnx_file
from skeletonmae.export.onnx_file import write_onnx


class Spread(torch.nn.Module):
    def forward(
        self, positions: torch.Tensor, observed: torch.Tensor, num_frames: torch.Tensor, fps: torch.Tensor
    ) -> torch.Tensor:
        return positions.sum((1, 2, 3, 4)) + observed.flatten(1).sum(1) + num_frames / fps


@pytest.mark.slow
def test_a_graph_is_free_in_batch_persons_and_frames_and_names_no_file(tmp_path: Path) -> None:
    def inputs(batch: int, persons: int, frames: int) -> list[torch.Tensor]:
        seen = torch.ones(batch, persons, frames, 4, dtype=torch.bool)
        return [torch.rand(*seen.shape, 3), seen, torch.full((batch,), frames), torch.full((batch,), 30.0)]

    path = tmp_path / "sum.onnx"
    write_onnx(Spread(), inputs(2, 2, 9), ("sum",), path)
    onnx.checker.check_model(path)
    assert str(Path(onnx_file.__file__).parent).encode() not in path.read_bytes()
    assert Path(__file__).name.encode() not in path.read_bytes()
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    for shape in ((1, 1, 1), (3, 4, 100)):
        arrays = inputs(*shape)
        feed = {one.name: array.numpy() for one, array in zip(session.get_inputs(), arrays, strict=True)}
        expected = Spread()(*arrays)
        torch.testing.assert_close(torch.from_numpy(session.run(None, feed)[0]), expected)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)
    with pytest.raises(InputError, match=r"needs onnxscript: pip install skeletonmae\[export\]"):
        onnx_file.check_onnx_installed()

"""The graph of an exported model, run by onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from skeletonmae.errors import InputError
from skeletonmae.runtime.inputs import Arrays, make_batches
from skeletonmae.sequences import SkeletonSequence


class GraphSession:
    """Runs the graph on batches of recordings.

    Args:
        model: The ONNX file.
        num_threads: Number of threads; None for one per core.

    Raises:
        InputError: onnxruntime is not installed, or the file is damaged.
    """

    def __init__(self, model: Path, num_threads: int | None = None) -> None:
        onnxruntime = import_onnxruntime()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = num_threads or 0
        options.log_severity_level = 3  # errors
        try:
            self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises its own types, which have no common base
            reason = str(error).splitlines()[0][:300]
            raise InputError(f"not an ONNX model that can be run ({reason})", where=model) from error
        self.input_names = {one.name for one in self.session.get_inputs()}
        self.output_names = [one.name for one in self.session.get_outputs()]
        self.width = self.session.get_outputs()[0].shape[1]
        """Number of probabilities or features."""

    def __call__(self, recordings: Sequence[SkeletonSequence], batch_size: int = 16) -> Arrays:
        """Return every output of the graph, with a row for each recording.

        Args:
            recordings: Recordings with the layout of the model.
            batch_size: Recordings per batch.
        """
        rows: dict[str, list[np.ndarray | None]] = {name: [None] * len(recordings) for name in self.output_names}
        for indices, arrays in make_batches(recordings, batch_size):
            for name, values in self.run(arrays).items():
                for index, row in zip(indices, values, strict=True):
                    rows[name][index] = row
        return {name: np.array(values) for name, values in rows.items()}

    def run(self, arrays: Arrays) -> Arrays:
        """Run the graph on one batch.

        Args:
            arrays: All inputs; those that the graph does not use are left out.
        """
        used = {name: values for name, values in arrays.items() if name in self.input_names}
        return dict(zip(self.output_names, self.session.run(None, used), strict=True))


def import_onnxruntime() -> Any:
    """Return the module onnxruntime.

    Raises:
        InputError: It is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        problem = "exported models are run by onnxruntime: pip install skeletonmae[export]"
        raise InputError(problem) from error
    return onnxruntime

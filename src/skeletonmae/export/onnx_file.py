"""Write a graph as an ONNX file."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from skeletonmae.errors import InputError
from skeletonmae.export.graph import INPUT_NAMES

NOISY_LOGGERS = ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")


def write_onnx(graph: nn.Module, example: Sequence[Tensor], output_names: Sequence[str], path: Path) -> None:
    """Write a graph as one ONNX file, for any number of recordings, persons and frames.

    Args:
        graph: Takes the inputs `INPUT_NAMES`.
        example: The inputs, of at least two recordings with two persons each: a length of 1 would be fixed.
        output_names: Names of its outputs.
        path: The file.

    Raises:
        InputError: onnx or onnxscript is not installed.
    """
    check_onnx_installed()
    any_length = torch.export.Dim.DYNAMIC
    lengths = [dict.fromkeys(range(min(3, tensor.dim())), any_length) for tensor in example]
    with _quiet(), torch.inference_mode(False), torch.no_grad():
        graph(*example)  # fills the caches of constants, which must not see a traced tensor
        program = torch.onnx.export(
            graph,
            tuple(example),
            dynamo=True,
            input_names=list(INPUT_NAMES),
            output_names=list(output_names),
            dynamic_shapes=tuple(lengths),
            external_data=False,
            verbose=False,
        )
        assert program is not None
        proto = program.model_proto
    _forget_sources(proto.graph)
    path.write_bytes(proto.SerializeToString())


def check_onnx_installed() -> None:
    """Check that the packages of the extra `export` are there.

    Raises:
        InputError: One of them is not installed.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        problem = f"exporting needs {error.name}: pip install skeletonmae[export]"
        raise InputError(problem) from error


def _forget_sources(graph: Any) -> None:
    """Remove what torch notes at each node: lines and paths of the code, nine tenths of a small file."""
    del graph.value_info[:], graph.metadata_props[:]
    graph.doc_string = ""
    for entry in (*graph.node, *graph.input, *graph.output, *graph.initializer):
        del entry.metadata_props[:]
        entry.doc_string = ""


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what torch says about packages that are not needed and about its own future."""
    loggers = [logging.getLogger(name) for name in NOISY_LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)

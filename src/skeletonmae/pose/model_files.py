"""The networks in the folder `models`, each with its checksum, and how ONNX files are run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skeletonmae.errors import InputError, how_to_install

FOLDER = Path(__file__).parent / "models"


@dataclass(frozen=True)
class ModelFile:
    """A network that is shipped in the package.

    Args:
        file: Name of the file in the folder `models`.
        sha256: Checksum of the file.
    """

    file: str
    sha256: str

    @property
    def path(self) -> Path:
        """Where the file is."""
        return FOLDER / self.file

    def load(self, threads: int = 1) -> Any:
        """Return an `onnxruntime.InferenceSession` of the network.

        Args:
            threads: Number of threads that run it.

        Raises:
            InputError: The file is missing or is not the one that was shipped, or onnxruntime is not installed.
        """
        if not self.path.is_file():
            raise InputError("the pose network is missing; install skeletonmae again", where=self.path)
        digest = hashlib.sha256(self.path.read_bytes()).hexdigest()
        if digest != self.sha256:
            problem = "the file is not the pose network that was shipped; install skeletonmae again"
            raise InputError(problem, where=self.path, expected=f"SHA-256 {self.sha256}", got=digest)
        return open_session(self.path, threads)


BLAZEPOSE_DETECTOR = ModelFile(
    "blazepose_detector.onnx", "c4cfa6e38a2489b5952ae949a6515aeaa7fedfe4be1663d41dd244e06f915b39"
)
BLAZEPOSE_FULL = ModelFile(
    "blazepose_full.onnx", "390b396d4425f1db960e791dd3e3407c98ad59f66b1ddc4349e7d767928e9c6c"
)
MOVENET_MULTIPOSE = ModelFile(
    "movenet_multipose.onnx", "548974da5d390f1fb313b4a585fb4056ef4acdabd9c61fa0f6e735ec369f9f0d"
)
MODEL_FILES = (BLAZEPOSE_DETECTOR, BLAZEPOSE_FULL, MOVENET_MULTIPOSE)
"""All networks that are shipped."""


def open_session(path: Path, threads: int = 1) -> Any:
    """Return an `onnxruntime.InferenceSession` of an ONNX file.

    Args:
        path: The file.
        threads: Number of threads that run it.

    Raises:
        InputError: The file is no ONNX model that can be run, or onnxruntime is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise InputError(f"pose estimation needs onnxruntime: {how_to_install('video')}") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises its own types, which have no common base
        reason = str(error).splitlines()[0][:300]
        raise InputError(f"not an ONNX model that can be run ({reason})", where=path) from error

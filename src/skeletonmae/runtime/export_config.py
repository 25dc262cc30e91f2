"""What an exported model is: the file `config.json` beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, ValidationError, model_validator

from skeletonmae import __version__
from skeletonmae.config import Config
from skeletonmae.errors import InputError
from skeletonmae.files import write_text
from skeletonmae.limits import MAX_JOINTS
from skeletonmae.sequences.sequence import UNITS
from skeletonmae.skeletons import Skeleton

FORMAT: Final = 1
MODEL, CONFIG, LABELS, CARD = "model.onnx", "config.json", "labels.json", "README.md"
"""The files of an exported model."""


class ExportConfig(Config):
    """What the graph expects and returns, and where each step of the computation takes place."""

    format: Literal[1] = FORMAT
    """Version of the format of the folder."""
    version: str = __version__
    """Version of the package that wrote it; informational."""
    kind: Literal["classifier", "encoder"]
    """Whether the graph returns probabilities or features."""
    is_fitted: bool = False
    """Whether it is a classifier of `fit`, which has doubts and warnings."""
    model: str
    """Name of the file that was exported."""
    layout: dict[str, Any]
    """The joint layout of the input, with the joints in their order; see `Skeleton.to_dict`."""
    axes: Literal[2, 3]
    """Number of coordinates of a joint."""
    unit: str | None = Field(pattern=f"^({'|'.join(UNITS)})$")
    """Unit of the coordinates; null for any."""
    frames: int = Field(ge=1)
    """Number of frames of a clip, to which recordings of any length are resampled in the graph."""
    max_persons: int = Field(ge=1)
    """Number of persons that are used, from the first that is observed."""
    outputs: dict[str, str]
    """What each output of the graph is."""
    in_graph: tuple[str, ...]
    """What happens in the graph, in this order."""
    in_runtime: tuple[str, ...]
    """What `skeletonmae.runtime` does around it, with numpy."""
    license: str = ""
    """Terms of the model; empty if they are not stated."""
    num_compared: int = Field(ge=0)
    """Number of recordings for which the outputs were compared with those of PyTorch."""
    max_difference: float = Field(ge=0)
    """Largest difference between the two."""

    @model_validator(mode="after")
    def _check_layout(self) -> ExportConfig:
        num_joints = Skeleton.from_dict(self.layout).num_joints
        if num_joints > MAX_JOINTS:
            raise ValueError(f"too many joints: {num_joints}")
        return self

    @property
    def skeleton(self) -> Skeleton:
        """The joint layout of the input."""
        return Skeleton.from_dict(self.layout)

    def save(self, folder: Path) -> None:
        """Write the file of an exported model."""
        write_text(folder / CONFIG, self.model_dump_json(indent=1) + "\n")

    @classmethod
    def load(cls, folder: Path) -> ExportConfig:
        """Read the file of an exported model.

        Raises:
            InputError: The folder holds no exported model, or the file is invalid.
        """
        path = folder / CONFIG
        if not path.is_file() or not (folder / MODEL).is_file():
            expected = f"a folder with {MODEL} and {CONFIG} that `skeletonmae export` wrote"
            raise InputError("this is no exported model", where=folder, expected=expected)
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
            raise InputError(f"the description of the model is invalid ({reason})", where=path) from error

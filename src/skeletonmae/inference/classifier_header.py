"""Everything about a saved classifier that is not an array."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError, model_validator

from skeletonmae import __version__
from skeletonmae.checkpoint import MAX_CLASSES, MAX_REASON
from skeletonmae.config import Config
from skeletonmae.errors import InputError
from skeletonmae.evaluation.action_timing import ActionTiming
from skeletonmae.limits import MAX_JOINTS
from skeletonmae.methods import Pooling
from skeletonmae.predictions.class_names import class_name_problem
from skeletonmae.predictions.clip_warnings import TrainingRange
from skeletonmae.predictions.coordinates import CoordinateConfig
from skeletonmae.predictions.doubt import Doubt
from skeletonmae.sequences.sequence import UNITS
from skeletonmae.skeletons import Skeleton

METADATA_KEY = "skeletonmae_classifier"
FORMAT: Final = 1
ENCODER_PREFIX = "encoder/"
"""Beginning of the names of the encoder's weights."""
MIN_TEMPERATURE, MAX_TEMPERATURE = 1e-4, 1e6
"""Beyond these, probabilities are 0, 1 or all the same; `fit` stays far within."""
Count = Annotated[int, Field(ge=1)]


class ClassifierHeader(Config):
    """Everything about a classifier that is not an array."""

    format: Literal[1] = FORMAT
    """Version of the file format."""
    version: str = __version__
    """Version of the package that wrote the file; informational."""
    classes: tuple[str, ...] = Field(min_length=1, max_length=MAX_CLASSES)
    """Names of the classes, in the order of the probabilities."""
    features: Literal["encoder", "fine-tuned", "coordinates", "encoder and coordinates"]
    """What is classified."""
    num_features: Count
    """Number of features."""
    head: Literal["linear", "neighbors"]
    """Kind of the head."""
    unit_length: bool = False
    """Whether standardized features are scaled to length 1, in a linear head."""
    num_neighbors: Count = 1
    """Number of neighbors that vote."""
    temperature: float = Field(ge=MIN_TEMPERATURE, le=MAX_TEMPERATURE)
    """Divides the scores before the softmax."""
    num_training_clips: Count = 1
    """Number of clips whose features a head of nearest neighbors holds; 1 for a linear head."""
    num_doubt_clips: Annotated[int, Field(ge=0)] = 0
    """Number of training clips that doubts compare a recording with; 0 in earlier files, and for many clips."""
    training: TrainingRange
    """What the training clips were like."""
    reference_joints: tuple[str, ...] = Field(max_length=MAX_JOINTS)
    """Joints of the mean pose."""
    axes: Literal[2, 3]
    """Number of coordinates of a joint."""
    encoder: str = ""
    """Name of the encoder."""
    encoder_sha256: str = ""
    """Checksum of the encoder's file that was used; the weights are in this file."""
    encoder_header: str = ""
    """Header of the checkpoint of the encoder, or of the fine-tuned classifier, in JSON."""
    pooling: Pooling = "joints"
    """What the encoder's features are the mean of."""
    time_parts: Annotated[int, Field(ge=1, le=1000)] = 1
    """Number of parts of the clip whose means are concatenated."""
    coordinates: CoordinateConfig | None = None
    """How recordings become rows of coordinates, where these are classified."""
    unit: str = Field(pattern=f"^({'|'.join(UNITS)})$")
    """Unit of the coordinates."""
    license: str = ""
    """Terms of the encoder, which hold for the classifier too; empty if there are none that are known."""
    summary: dict[str, str | int | float | None] = Field(default_factory=dict)
    """How the classifier was fitted and how good it was, for people to read."""
    timing: ActionTiming | None = None
    """How long the actions of the training clips take."""
    layout: dict[str, Any] | None = None
    """Joint layout of the training clips; see `Skeleton.to_dict`."""

    @property
    def skeleton(self) -> Skeleton | None:
        """The joint layout of the training clips."""
        return Skeleton.from_dict(self.layout, "layout") if self.layout is not None else None

    @property
    def num_coordinates(self) -> int:
        """Number of features that are coordinates."""
        return self.coordinates.num_features if self.coordinates else 0

    @model_validator(mode="after")
    def _check_features(self) -> ClassifierHeader:
        if problem := class_name_problem(self.classes):
            raise ValueError(problem)
        if "coordinates" in self.features and self.coordinates is None:
            raise ValueError(f"features {self.features} needs the settings coordinates")
        if "coordinates" not in self.features and self.coordinates is not None:
            raise ValueError(f"features {self.features} has no settings coordinates")
        if (skeleton := self.skeleton) and skeleton.num_joints > MAX_JOINTS:
            raise ValueError(f"too many joints: {skeleton.num_joints}")
        if self.features == "coordinates" and self.num_features != self.num_coordinates:
            raise ValueError("num_features is not that of the coordinates")
        if self.num_features < self.num_coordinates:
            raise ValueError("num_features is smaller than that of the coordinates")
        return self

    def array_shapes(self) -> dict[str, tuple[int | str, ...]]:
        """Return the shape of every array but those of the encoder; a name stands for any length."""
        features, clips, classes = self.num_features, self.num_training_clips, len(self.classes)
        head: dict[str, tuple[int | str, ...]] = {"mean": (features,), "deviation": (features,)}
        if self.head == "linear":
            head |= {"weight": (features, classes), "bias": (classes,)}
        else:
            head |= {"rows": (clips, features), "labels": (clips,)}
        doubt = Doubt.array_shapes(features, classes, self.num_doubt_clips)
        return {
            **{f"head.{name}": shape for name, shape in head.items()},
            **{f"doubt.{name}": shape for name, shape in doubt.items()},
            "reference": (len(self.reference_joints), self.axes),
        }


def read_header(text: str, path: Path) -> ClassifierHeader:
    """Read the header of a file.

    Raises:
        InputError: It is no JSON, of a newer format, or has settings that cannot be.
    """
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError("the header is not JSON", where=path) from error
    number = fields.get("format") if isinstance(fields, dict) else None
    if type(number) is int and number > FORMAT:
        problem = "the classifier has a newer format than this version of skeletonmae can read; upgrade it"
        raise InputError(problem, where=path, expected=f"format {FORMAT}", got=number)
    try:
        return ClassifierHeader.model_validate(fields)
    except (ValidationError, RecursionError) as error:
        reason = str(error)
        if isinstance(error, ValidationError):
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise InputError(f"the header is invalid ({reason[:MAX_REASON]})", where=path) from error

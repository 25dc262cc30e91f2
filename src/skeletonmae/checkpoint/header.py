"""The header of a checkpoint: all that the model in the file depends on, besides its weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator

from skeletonmae import __version__
from skeletonmae.config import Config
from skeletonmae.errors import InputError
from skeletonmae.limits import MAX_JOINTS
from skeletonmae.methods import AnyClassifier, InputSpec
from skeletonmae.predictions.class_names import class_name_problem
from skeletonmae.recipe import AnyMasking, AnyMethod
from skeletonmae.renames import add_missing_settings, migrate_header
from skeletonmae.skeletons import VOCABULARY, Skeleton
from skeletonmae.transforms import ClipConfig

FORMAT: Final = 2
READABLE_FORMATS = (1, FORMAT)
MAX_CLASSES = 100_000
MAX_VERSION = 100
MAX_REASON = 300
"""Characters of a reason that a message quotes."""


class Header(Config):
    """Everything that is needed to rebuild the model of a checkpoint."""

    format: Literal[2] = FORMAT
    """Version of the file format; it alone decides whether a file can be read."""
    version: str = __version__
    """Version of the package that wrote the file; informational, and named in messages about newer files."""
    role: Literal["method", "classifier", "encoder"]
    """What the file contains: a method, a classifier, or the encoder of a method alone, in half precision."""
    clips: ClipConfig
    """How recordings become clips for this model."""
    masking: AnyMasking | None
    method: AnyMethod
    axes: Literal[2, 3]
    unit: str
    joints: tuple[str, ...] = Field(max_length=MAX_JOINTS)
    """Names of the joints that the model knows."""
    classes: tuple[str, ...] = Field((), max_length=MAX_CLASSES)
    """Classes of a classifier, in the order of its logits."""
    classifier: AnyClassifier | None = None
    """Settings of a classifier; None for the defaults of its method."""
    recipe: dict[str, Any] = Field(default_factory=dict)
    """The complete recipe of the pre-training, for people to read; it is not needed to rebuild the model."""
    store_fingerprints: tuple[str, ...] = ()
    """Fingerprints of the stores that the model was pre-trained on."""
    weights: Literal["model", "ema"] = "model"
    """Whether the pre-trained weights are those of the last step, or their moving average."""
    num_recordings: int | None = Field(None, ge=0)
    """Number of recordings that the model was pre-trained on; None in files of earlier versions."""
    license: str = ""
    """The terms under which the weights may be used, in a sentence; empty if they are not stated. A model that is
    trained from a shipped encoder has its terms."""
    bones: tuple[tuple[str, str], ...] = Field((), max_length=MAX_JOINTS)
    """(joint, parent) of every bone of the model's layout; empty in files of earlier versions."""

    @model_validator(mode="after")
    def _check_encoder(self) -> Self:
        if self.role == "encoder" and (self.method.kind != "joint_patch" or self.method.target == "teacher"):
            raise ValueError("role encoder needs method joint_patch, with another target than teacher")
        if problem := class_name_problem(self.classes):
            raise ValueError(problem)
        return self

    @property
    def spec(self) -> InputSpec:
        """The shape of the model's clips."""
        clips = self.clips
        return InputSpec(clips.frames, self.axes, self.joints, self.num_recordings, clips.max_persons, self.bones)

    def used_joints(self, skeleton: Skeleton) -> tuple[str, ...]:
        """Return which joints of a layout the model uses: all, or those that it knows by name."""
        if self.method.reads_any_layout:
            return skeleton.joints
        return tuple(joint for joint in skeleton.joints if joint in self.joints)

    @property
    def custom_layout(self) -> Skeleton | None:
        """A layout of the model's joints, to find them in files.

        None if all of them are in the vocabulary, and for a method that reads any layout.
        """
        if self.method.reads_any_layout or set(self.joints) <= VOCABULARY.keys():
            return None
        root = self.joints[0]
        return Skeleton("model", self.joints, {joint: root for joint in self.joints if joint != root})


def read_header(text: str, path: Path) -> tuple[Header, bool]:
    """Return the header of a checkpoint, and whether the file has format 1.

    Args:
        text: The header in JSON.
        path: The file, for messages.

    Raises:
        InputError: The header is damaged, invalid, or of a format that this version cannot read.
    """
    fields = _read_fields(text, path)
    is_old = fields["format"] == 1
    try:
        return Header.model_validate(add_missing_settings(migrate_header(fields) if is_old else fields)), is_old
    except ValidationError as error:
        first, *others = error.errors(include_url=False, include_context=False, include_input=False)
        reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"[:MAX_REASON]
        more = f", and {len(others)} more" if others else ""
        raise InputError(f"the header is invalid ({reason}{more}){_written_by(fields)}", where=path) from error
    except RecursionError as error:
        raise InputError(
            f"the header is invalid (it is nested too deeply){_written_by(fields)}", where=path
        ) from error


def _read_fields(text: str, path: Path) -> dict[str, Any]:
    """Return the fields of a header whose format this version can read."""
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the header is not JSON ({error})", where=path) from error
    if not isinstance(fields, dict):
        raise InputError("the header is invalid", where=path, expected="a mapping", got=type(fields).__name__)
    number = fields.get("format")
    if type(number) is int and number in READABLE_FORMATS:
        return fields
    expected = f"format {' or '.join(map(str, READABLE_FORMATS))}"
    if type(number) is int and number > FORMAT:
        problem = (
            f"the checkpoint has a newer format than this version of skeletonmae can read{_written_by(fields)}"
        )
        raise InputError(
            f"{problem}; upgrade skeletonmae to use it", where=path, expected=expected, got=str(number)[:40]
        )
    raise InputError("the checkpoint has an unknown format", where=path, expected=expected, got=str(number)[:40])


def _written_by(fields: dict[str, Any]) -> str:
    """Name the version that wrote a file, if it is another than this one."""
    version = fields.get("version")
    if not isinstance(version, str) or version == __version__ or len(version) > MAX_VERSION:
        return ""
    return f"; it was written by skeletonmae {version}, and this is {__version__}"

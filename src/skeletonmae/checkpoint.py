"""A model in one file: safetensors, with its recipe and everything else it depends on in the header."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import torch
from pydantic import Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from skeletonmae import __version__
from skeletonmae.config import Config
from skeletonmae.errors import InputError
from skeletonmae.evaluation.finetune import AnyClassifier
from skeletonmae.files import atomic_file
from skeletonmae.methods import Classifier, InputSpec, Method
from skeletonmae.recipe import AnyMasking, AnyMethod
from skeletonmae.renames import add_missing_settings, migrate_header, migrate_weights
from skeletonmae.skeletons import VOCABULARY, Skeleton
from skeletonmae.transforms import ClipConfig

METADATA_KEY = "skeletonmae"
FORMAT: Final = 2
READABLE_FORMATS = (1, FORMAT)


class Header(Config):
    """Everything that is needed to rebuild the model of a checkpoint."""

    format: Literal[2] = FORMAT
    """Version of the file format; it alone decides whether a file can be read."""
    version: str = __version__
    """Version of the package that wrote the file; informational, and named in messages about newer files."""
    role: Literal["method", "classifier"]
    clips: ClipConfig
    """How recordings become clips for this model."""
    masking: AnyMasking | None
    method: AnyMethod
    axes: Literal[2, 3]
    unit: str
    joints: tuple[str, ...]
    """Names of the joints that the model knows."""
    classes: tuple[str, ...] = ()
    """Classes of a classifier, in the order of its logits."""
    classifier: AnyClassifier | None = None
    """Settings of a classifier; None for the defaults of its method."""
    recipe: dict[str, Any] = Field(default_factory=dict)
    """The complete recipe of the pre-training, for people to read; it is not needed to rebuild the model."""
    store_fingerprints: tuple[str, ...] = ()
    """Fingerprints of the stores that the model was pre-trained on."""

    @property
    def spec(self) -> InputSpec:
        """The shape of the model's clips."""
        return InputSpec(self.clips.frames, self.axes, self.joints)

    @property
    def custom_layout(self) -> Skeleton | None:
        """A layout of the model's joints, to find them in files; None if all of them are in the vocabulary."""
        if set(self.joints) <= VOCABULARY.keys():
            return None
        root = self.joints[0]
        return Skeleton("model", self.joints, {joint: root for joint in self.joints if joint != root})


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A model with its header, as read from a file."""

    header: Header
    model: Method | Classifier

    @property
    def method(self) -> Method:
        """The pre-trained method.

        Raises:
            InputError: the checkpoint holds a classifier.
        """
        if not isinstance(self.model, Method):
            problem = "this is a fine-tuned classifier, but a pre-trained model is needed"
            raise InputError(problem, expected="a model.safetensors that `pretrain` wrote")
        return self.model

    @property
    def classifier(self) -> Classifier:
        """The fine-tuned classifier.

        Raises:
            InputError: the checkpoint holds a pre-trained method, which has no classes.
        """
        if not isinstance(self.model, Classifier):
            problem = "this is a pre-trained model without classes; fine-tune it first"
            raise InputError(problem, expected="a finetune-*.safetensors that `evaluate` wrote")
        return self.model


def save_checkpoint(path: Path, model: Method | Classifier, header: Header) -> None:
    """Write a model to a file atomically."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    with atomic_file(path) as file:
        file.write_bytes(save(tensors, {METADATA_KEY: header.model_dump_json()}))


def load_checkpoint(path: Path, device: torch.device | str = "cpu") -> Checkpoint:
    """Read the model in a file, or in the `model.safetensors` of a run's folder, ready for use.

    No code from the file is run. Files of format 1 are converted while they are read.

    Raises:
        InputError: the file does not exist, is damaged, is not a checkpoint of this package, has a format that
            this version cannot read, or holds weights that do not fit its header.
    """
    path = path / "model.safetensors" if path.is_dir() else path
    if not path.is_file():
        raise InputError(
            "there is no such checkpoint", where=path, expected="a file that `pretrain` or `evaluate` wrote"
        )
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except SafetensorError as error:
        raise InputError(f"damaged, or not safetensors ({error})", where=path) from error
    if METADATA_KEY not in metadata:
        raise InputError("safetensors, but not a checkpoint of skeletonmae", where=path)
    fields = _read_header(metadata[METADATA_KEY], path)
    is_old = fields["format"] == 1
    try:
        header = Header.model_validate(add_missing_settings(migrate_header(fields) if is_old else fields))
    except (ValidationError, RecursionError) as error:
        problem = f"the header is invalid ({error}){_written_by(fields)}"
        raise InputError(problem, where=path) from error
    if is_old:
        tensors = migrate_weights(tensors, header.method.kind)
    try:
        model: Method | Classifier = header.method.build(header.spec, header.masking)
        if header.role == "classifier" and isinstance(model, Method):
            model = model.classifier(len(header.classes), header.classifier)
    except (ValueError, RuntimeError, MemoryError) as error:
        raise InputError(f"the header is invalid ({error})", where=path) from error
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise InputError(f"the weights do not fit the header ({error})", where=path) from error
    if not all(bool(tensor.isfinite().all()) for tensor in tensors.values()):
        raise InputError("some weights are not finite", where=path)
    return Checkpoint(header, model.to(device).eval())


def _read_header(text: str, path: Path) -> dict[str, Any]:
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
        raise InputError(f"{problem}; upgrade skeletonmae to use it", where=path, expected=expected, got=number)
    raise InputError("the checkpoint has an unknown format", where=path, expected=expected, got=number)


def _written_by(fields: dict[str, Any]) -> str:
    """Name the version that wrote a file, if it is another than this one."""
    version = fields.get("version")
    if not isinstance(version, str) or version == __version__:
        return ""
    return f"; it was written by skeletonmae {version}, and this is {__version__}"

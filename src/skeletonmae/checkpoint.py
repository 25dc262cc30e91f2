"""One file that rebuilds a model: safetensors, with the recipe and all else it depends on in the header."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from skeletonmae import __version__
from skeletonmae.config import Config
from skeletonmae.errors import InputError
from skeletonmae.evaluation.finetune import AnyClassifier
from skeletonmae.files import whole_file
from skeletonmae.methods import Classifier, InputSpec, Method
from skeletonmae.recipe import AnyMasking, AnyMethod
from skeletonmae.skeletons import VOCABULARY, Skeleton
from skeletonmae.transforms import ClipConfig

HEADER = "skeletonmae"


class Header(Config):
    """What a checkpoint says of itself."""

    format: Literal[1] = 1
    version: str = __version__
    """Of the package that wrote it."""
    role: Literal["method", "classifier"]
    clips: ClipConfig
    """How recordings become clips for it."""
    masking: AnyMasking | None
    method: AnyMethod
    axes: Literal[2, 3]
    unit: str
    joints: tuple[str, ...]
    """Names of the joints it knows."""
    classes: tuple[str, ...] = ()
    """Of a classifier, in the order of its scores."""
    classifier: AnyClassifier | None = None
    """Its settings; the defaults of its method if None."""
    recipe: dict[str, Any] = Field(default_factory=dict)
    """The whole recipe it was pre-trained by, for people; nothing here is needed to rebuild it."""
    data: tuple[str, ...] = ()
    """Fingerprints of the stores it was pre-trained on."""

    @property
    def spec(self) -> InputSpec:
        """What its clips look like."""
        return InputSpec(self.clips.frames, self.axes, self.joints)

    @property
    def own_layout(self) -> Skeleton | None:
        """The model's joints as a layout to find them in files by, if some are not the vocabulary's."""
        if set(self.joints) <= VOCABULARY.keys():
            return None
        first = self.joints[0]
        return Skeleton("model", self.joints, {joint: first for joint in self.joints if joint != first})


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A model as it was read."""

    header: Header
    model: Method | Classifier

    @property
    def method(self) -> Method:
        """The pre-trained method.

        Raises:
            InputError: it is a classifier.
        """
        if not isinstance(self.model, Method):
            problem = "this is a fine-tuned classifier; a pre-trained model is needed here"
            raise InputError(problem, expected="a model.safetensors that `pretrain` wrote")
        return self.model

    @property
    def classifier(self) -> Classifier:
        """The fine-tuned classifier.

        Raises:
            InputError: it is a method that was pre-trained and knows no actions yet.
        """
        if not isinstance(self.model, Classifier):
            problem = "this model was pre-trained and knows no actions yet; fine-tune it first"
            raise InputError(problem, expected="a finetune-*.safetensors that `evaluate` wrote")
        return self.model


def save_checkpoint(path: Path, model: Method | Classifier, header: Header) -> None:
    """Write a model, whole or not at all."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    with whole_file(path) as file:
        file.write_bytes(save(tensors, {HEADER: header.model_dump_json()}))


def load_checkpoint(path: Path, device: torch.device | str = "cpu") -> Checkpoint:
    """The model in a file, or in the `model.safetensors` of a run's folder; ready for use, no code is run.

    Raises:
        InputError: no such file, damaged, not written by this package, or its weights do not fit its header.
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
    if HEADER not in metadata:
        raise InputError("safetensors, but not a checkpoint of skeletonmae", where=path)
    try:
        header = Header.model_validate(json.loads(metadata[HEADER]))
    except (ValidationError, json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"the header is not sound ({error})", where=path) from error
    try:
        model: Method | Classifier = header.method.build(header.spec, header.masking)
        if header.role == "classifier" and isinstance(model, Method):
            model = model.classifier(len(header.classes), header.classifier)
    except (ValueError, RuntimeError, MemoryError) as error:
        raise InputError(f"the header is not sound ({error})", where=path) from error
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise InputError(f"the weights do not fit the header ({error})", where=path) from error
    if not all(bool(t.isfinite().all()) for t in tensors.values()):
        raise InputError("some weights are not finite", where=path)
    return Checkpoint(header, model.to(device).eval())

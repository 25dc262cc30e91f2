"""Write models to files and read them, with checks that no file can get around."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from torch.overrides import TorchFunctionMode

from skeletonmae.checkpoint.header import MAX_REASON, Header, read_header
from skeletonmae.errors import InputError
from skeletonmae.files import WEIGHTS, atomic_file, weights_file
from skeletonmae.masking import RandomTokens
from skeletonmae.methods import Classifier, Method
from skeletonmae.methods.joint_patch_classifier import encoder_of
from skeletonmae.methods.joint_patch_config import ENCODER_SETTINGS, settings_of_encoder
from skeletonmae.renames import migrate_weights
from skeletonmae.training import saved_step

METADATA_KEY = "skeletonmae"
ENCODER_PREFIX = "encoder."
"""Beginning of the names of an encoder's weights among those of its method."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A model with its header, as read from a file."""

    header: Header
    model: Method | Classifier
    path: Path | None = None
    """The file."""

    @property
    def method(self) -> Method:
        """The pre-trained method.

        Raises:
            InputError: The checkpoint holds a classifier.
        """
        if not isinstance(self.model, Method):
            problem = "this is a fine-tuned classifier, but a pre-trained model is needed"
            expected = "a model.safetensors that `pretrain` wrote"
            raise InputError(problem, where=self.path, expected=expected)
        return self.model

    @property
    def classifier(self) -> Classifier:
        """The fine-tuned classifier.

        Raises:
            InputError: The checkpoint holds a pre-trained method, which has no classes.
        """
        if not isinstance(self.model, Classifier):
            problem = "this is a pre-trained model without classes; fine-tune it first"
            expected = "a finetune-*.safetensors that `evaluate` wrote"
            raise InputError(problem, where=self.path, expected=expected)
        return self.model


def save_checkpoint(path: Path, model: Method | Classifier, header: Header) -> None:
    """Write a model to a file atomically."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    with atomic_file(path) as file:
        file.write_bytes(save(tensors, {METADATA_KEY: header.model_dump_json()}))


def save_encoder(path: Path, checkpoint: Checkpoint, license: str = "") -> None:
    """Write the encoder of a pre-trained model to a file atomically, in half precision.

    Args:
        path: The file to write.
        checkpoint: The pre-trained model.
        license: The terms under which the weights may be used, in a sentence.

    Raises:
        InputError: The model has another encoder than that of `joint_patch`, or a weight that half precision
            cannot hold.
    """
    header, tensors = encoder_tensors(checkpoint, license)
    with atomic_file(path) as file:
        file.write_bytes(save(tensors, {METADATA_KEY: header.model_dump_json()}))


def encoder_tensors(checkpoint: Checkpoint, license: str = "") -> tuple[Header, dict[str, Tensor]]:
    """Return the encoder of a pre-trained model, in half precision, and a header for it.

    It is the encoder that evaluation uses. The header is that of a `joint_patch`, also if the method was another
    one on this encoder or had a teacher.

    Args:
        checkpoint: The pre-trained model.
        license: The terms under which the weights may be used, in a sentence.

    Raises:
        InputError: The model has another encoder than that of `joint_patch`, or a weight that half precision
            cannot hold.
    """
    about = {"role": "encoder", "license": license}
    try:
        weights = encoder_of(checkpoint.method).state_dict()
        about |= _plain_settings(checkpoint.header)
        header = Header.model_validate(checkpoint.header.model_dump() | about)
    except (ValidationError, InputError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise InputError(f"the encoder cannot be saved alone ({reason})", where=checkpoint.path) from error
    tensors = {
        ENCODER_PREFIX + name: tensor.detach().cpu().half().contiguous() for name, tensor in weights.items()
    }
    if too_large := [name for name, tensor in tensors.items() if not tensor.isfinite().all()]:
        raise InputError("a weight is too large for half precision", where=f"{checkpoint.path}, {too_large[0]}")
    return header, tensors


def _plain_settings(header: Header) -> dict[str, Any]:
    """The method and the mask of a header for an encoder alone, if those of the model are not of `joint_patch`."""
    if header.method.kind == "joint_patch" and header.method.target != "teacher":
        return {}
    found = settings_of_encoder(header.method, None)
    kept = (*ENCODER_SETTINGS, "description", "decoder", "decoder_width", "decoder_depth")
    settings = found.model_dump(mode="json", include=set(kept))
    return {"method": {"kind": "joint_patch"} | settings, "masking": RandomTokens()}


def checkpoint_from_tensors(
    header: str, tensors: dict[str, Tensor], path: Path, device: torch.device | str = "cpu"
) -> Checkpoint:
    """Build a model from its header and its weights, with the checks of `load_checkpoint`.

    Args:
        header: The header in JSON, of the present format.
        tensors: The weights.
        path: The file that they come from, for messages.
        device: Where to put the weights.

    Raises:
        InputError: The header is invalid, or the weights do not fit it or cannot be weights.
    """
    parsed, is_old = read_header(header, path)
    if is_old:
        raise InputError("the encoder has format 1, which is only read from a file of its own", where=path)
    model = _build_model(parsed, {name: tuple(tensor.shape) for name, tensor in tensors.items()}, path)
    return _load_weights(parsed, model, tensors, path, device)


def load_checkpoint(path: Path, device: torch.device | str = "cpu") -> Checkpoint:
    """Read the model in a file, or in the `model.safetensors` of a run's folder, ready for use.

    No code from the file is run. Files of format 1 are converted while they are read. The model that the header
    describes is compared with the shapes of the weights in the file before it takes any memory. Of an encoder that
    was saved alone, weights are converted to float32, and the rest of the method is the same at every call, but
    untrained.

    Raises:
        InputError: The file does not exist, is damaged, is not a checkpoint of this package, has a format that
            this version cannot read, or holds weights that do not fit its header or cannot be weights.
    """
    path = weights_file(path)
    if not path.is_file():  # a named pipe would be waited for
        is_model = path.name == WEIGHTS
        if is_model and (step := saved_step(path.parent)) is not None:
            problem = f"the run has no model yet: it stopped at step {step}, or is still running"
            raise InputError(problem, where=path.parent, expected="a finished run; `pretrain` again resumes it")
        problem = "this is not a regular file" if path.exists() else "there is no such checkpoint"
        raise InputError(problem, where=path, expected="a file that `pretrain` or `evaluate` wrote")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if METADATA_KEY not in metadata:
                raise InputError("safetensors, but not a checkpoint of skeletonmae", where=path)
            header, is_old = read_header(metadata[METADATA_KEY], path)
            names = list(file.keys())
            new_names = migrate_weights({name: name for name in names}, header.method.kind) if is_old else {}
            old_names = new_names or {name: name for name in names}
            shapes = {name: tuple(file.get_slice(old).get_shape()) for name, old in old_names.items()}
            model = _build_model(header, shapes, path)
            tensors = {name: file.get_tensor(old) for name, old in old_names.items()}
    except (SafetensorError, OSError) as error:
        raise InputError(f"damaged, or not safetensors ({error})", where=path) from error
    return _load_weights(header, model, tensors, path, device)


def _load_weights(
    header: Header,
    model: Method | Classifier,
    tensors: dict[str, Tensor],
    path: Path,
    device: torch.device | str,
) -> Checkpoint:
    """Put weights whose shapes have been checked into a model, after a check of their types and values."""
    is_encoder = header.role == "encoder"
    _check_weights(tensors, model.state_dict(), path, torch.float16 if is_encoder else None)
    model.load_state_dict(tensors, strict=not is_encoder)  # copies float16 to float32
    return Checkpoint(header, model.to(device).eval(), path)


class _ShapesOnly(TorchFunctionMode):
    """Neither draw nor scale initial weights: on the device `meta`, torch would load its compiler to do so."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in (Tensor.mul, Tensor.__mul__) and isinstance(args[1], float):
            return args[0]
        return (torch.empty if func is torch.randn else func)(*args, **(kwargs or {}))


def _build_model(header: Header, shapes: dict[str, tuple[int, ...]], path: Path) -> Method | Classifier:
    """Build the model of a header whose weights have the given shapes.

    The model is first built without memory, because a header of a few bytes may describe one of terabytes.
    """

    def build() -> Method | Classifier:
        method: Method = header.method.build(header.spec, header.masking)
        return method.classifier(len(header.classes), header.classifier) if header.role == "classifier" else method

    try:
        with torch.device("meta"), _ShapesOnly():
            expected = {name: tuple(tensor.shape) for name, tensor in build().state_dict().items()}
        if header.role == "encoder":
            expected = {name: shape for name, shape in expected.items() if name.startswith(ENCODER_PREFIX)}
    except (ValueError, RuntimeError, OverflowError, TypeError) as error:  # torch raises all of them for a shape
        raise InputError(f"the header is invalid ({str(error)[:MAX_REASON]})", where=path) from error
    problems = {
        "Missing": [name for name in expected if name not in shapes],
        "Unexpected": [name for name in shapes if name not in expected],
        "size mismatch": [
            f"{name} {shapes[name]} instead of {shape}"
            for name, shape in expected.items()
            if shapes.get(name, shape) != shape
        ],
    }
    if found := [
        f"{problem}: {names[0][:MAX_REASON]}{_and_more(names)}" for problem, names in problems.items() if names
    ]:
        raise InputError(f"the weights do not fit the header ({'; '.join(found)})", where=path)
    if header.role != "encoder":
        return build()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build()


def _check_weights(
    tensors: dict[str, Tensor], model: dict[str, Tensor], path: Path, dtype: torch.dtype | None = None
) -> None:
    """Check the types and the values of weights whose shapes have been checked.

    Args:
        tensors: The weights in the file.
        model: Those of the model.
        path: The file.
        dtype: Type of the weights in the file; by default that of the model's.
    """
    for name, tensor in tensors.items():
        where = f"{path}, {name}"
        expected = dtype or model[name].dtype
        if tensor.dtype != expected:
            raise InputError("wrong data type", where=where, expected=expected, got=tensor.dtype)
        if not tensor.isfinite().all():
            raise InputError("some weights are not finite", where=where)
        if name.endswith(("running_var", "num_batches_tracked")) and (tensor < 0).any():
            raise InputError("a variance or a count is negative", where=where)


def _and_more(names: list[str]) -> str:
    return f" and {len(names) - 1} more" if len(names) > 1 else ""

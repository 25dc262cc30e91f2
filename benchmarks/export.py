"""An exported classifier beside PyTorch: CPU time for a recording, size and accuracy.

    OMP_NUM_THREADS=1 python benchmarks/export.py --store stores/nw_ucla --out benchmarks

A classifier is fitted to the training side of the store with `fit_classifier`, exported, and asked for the
probabilities of test recordings that are in memory. `eager` is `RecordingClassifier.predict_proba`. The other
rows run the same graph: as a module of PyTorch, compiled by `torch.compile`, and as an ONNX file by onnxruntime,
in float32 and with the weights of linear layers in int8 (`onnxruntime.quantization.quantize_dynamic`). The graph
computes all tokens and masks those that were not observed, so that its time does not depend on lost joints.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from environment import environment

from skeletonmae.datasets import DATASETS
from skeletonmae.export import export_model
from skeletonmae.export.fitted import fitted_to_export
from skeletonmae.export.graph import INPUT_NAMES
from skeletonmae.inference import FitConfig, RecordingClassifier, fit_classifier
from skeletonmae.runtime import Runtime
from skeletonmae.runtime.export_config import MODEL
from skeletonmae.runtime.inputs import make_batches, pad_recordings
from skeletonmae.runtime.session import GraphSession
from skeletonmae.sequences import SequenceStore, SkeletonSequence

BATCHES = (1, 16)
Probabilities = Callable[[Sequence[SkeletonSequence]], np.ndarray]


@dataclass(frozen=True)
class Row:
    """One way to compute the probabilities of recordings that have the layout of the exported model.

    Args:
        name: What it is called in the table.
        call: Computes the probabilities of up to 16 recordings.
        megabytes: Size of its file; None where it is that of another row.
    """

    name: str
    call: Probabilities
    megabytes: float | None = None


def measure(rows: Sequence[Row], recordings: Sequence[SkeletonSequence], repeats: int) -> dict[str, list[float]]:
    """Return the median CPU milliseconds of a recording for each size of a batch, with the rows in alternation."""
    found: dict[str, list[float]] = {row.name: [] for row in rows}
    for size in BATCHES:
        times: dict[str, list[float]] = {row.name: [] for row in rows}
        for turn in range(repeats + 1):
            part = [recordings[(turn * size + number) % len(recordings)] for number in range(size)]
            for row in rows:
                started = time.process_time()
                row.call(part)
                if turn:  # the first is a warm-up
                    times[row.name].append((time.process_time() - started) / size)
        for name, seconds in times.items():
            found[name].append(1000 * float(np.median(seconds)))
    return found


def module_call(graph: Callable[..., Any]) -> Probabilities:
    """Return a function that runs the graph as a module of PyTorch."""

    def call(recordings: Sequence[SkeletonSequence]) -> np.ndarray:
        arrays = pad_recordings(recordings)
        with torch.inference_mode():
            probabilities: np.ndarray = graph(*(torch.from_numpy(arrays[name]) for name in INPUT_NAMES))[0].numpy()
        return probabilities

    return call


def session_call(session: GraphSession) -> Probabilities:
    """Return a function that runs an ONNX file on one batch."""
    return lambda recordings: session.run(pad_recordings(recordings))["probabilities"]


def all_probabilities(call: Probabilities, recordings: Sequence[SkeletonSequence]) -> np.ndarray:
    """Return the probabilities of all recordings, `(recording, class)`."""
    rows: list[np.ndarray | None] = [None] * len(recordings)
    for indices, _ in make_batches(recordings, BATCHES[-1]):
        for index, row in zip(indices, call([recordings[index] for index in indices]), strict=True):
            rows[index] = row
    return np.array(rows)


def quantize(model: Path, folder: Path) -> Path:
    """Write the model with the weights of its linear layers in int8."""
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared, quantized = folder / "prepared.onnx", folder / "int8.onnx"
    logging.getLogger().setLevel(logging.ERROR)  # it names every tensor that stays in float64
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quant_pre_process(str(model), str(prepared), skip_symbolic_shape=True)
        quantize_dynamic(str(prepared), str(quantized), weight_type=QuantType.QInt8)
    return quantized


class TooSlowError(Exception):
    """Compiling took more CPU time than it may."""


def compiled_call(
    graph: torch.nn.Module, example: Sequence[SkeletonSequence], limit: float
) -> tuple[Probabilities | None, str]:
    """Return the compiled graph and what compiling took, or None and the reason.

    Args:
        graph: The module.
        example: Recordings.
        limit: CPU seconds that compiling may take.
    """
    if not limit:
        return None, "not measured"
    call = module_call(torch.compile(graph, dynamic=True))

    def stop(*_: object) -> None:
        raise TooSlowError

    before, started = signal.signal(signal.SIGPROF, stop), time.process_time()
    signal.setitimer(signal.ITIMER_PROF, limit)
    try:
        for size in BATCHES:
            call(list(example[:size]))
    except Exception as error:  # noqa: BLE001 - whatever the compiler raises is the result
        if time.process_time() - started >= limit:
            return None, f"left out: it was not compiled after {limit:.0f} s of a core"
        return None, f"left out: `torch.compile` raised {type(error).__name__}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    return call, f"compiling took {time.process_time() - started:.0f} s of a core, once in each process"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, required=True, help="store of labeled recordings, such as NW-UCLA")
    parser.add_argument("--classifier", type=Path, help="classifier of `fit`; by default one is fitted")
    parser.add_argument("--exported", type=Path, help="exported folder of it; by default it is exported")
    parser.add_argument("--compile-seconds", type=float, default=120.0, help="limit of compiling; 0 leaves it out")
    parser.add_argument("--repeats", type=int, default=15, help="repeats of each")
    parser.add_argument("--out", type=Path, help="folder for export.json and .md; by default it is printed")
    arguments = parser.parse_args()
    threads = int(os.environ.get("OMP_NUM_THREADS", 1))
    torch.set_num_threads(threads)
    facts = environment(threads, arguments.repeats)
    store = SequenceStore.open(arguments.store)
    dataset = DATASETS[next(iter(store.datasets))]
    split = dataset.splits[dataset.default_split](store)
    if arguments.classifier:
        classifier = RecordingClassifier.load(arguments.classifier)
    else:
        classifier, _ = fit_classifier([store[index] for index in split.train], FitConfig())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        classifier.save(folder / "classifier.safetensors")
        classifier = RecordingClassifier.load(folder / "classifier.safetensors")
        exported = arguments.exported or folder / "exported"
        if not arguments.exported:
            export_model(folder / "classifier.safetensors", exported)
        runtime = Runtime(exported, num_threads=threads)
        tested = [runtime.adapt(store[index]) for index in split.test]
        labels = [store[index].label for index in split.test]
        graph = (
            fitted_to_export(classifier, "classifier").graph(runtime.adapt.skeleton, runtime.config.axes).eval()
        )
        model, int8 = exported / MODEL, quantize(exported / MODEL, folder)
        compiled, compile_note = compiled_call(graph, tested, arguments.compile_seconds)
        rows = [
            Row("eager", classifier.predict_proba, (folder / "classifier.safetensors").stat().st_size / 1e6),
            Row("graph, PyTorch", module_call(graph)),
            *([Row("graph, compiled", compiled)] if compiled else []),
            Row("ONNX, float32", session_call(runtime.session), model.stat().st_size / 1e6),
            Row("ONNX, int8", session_call(GraphSession(int8, threads)), int8.stat().st_size / 1e6),
        ]
        milliseconds = measure(rows, tested, arguments.repeats)
        answers = {row.name: all_probabilities(row.call, tested) for row in rows}
    eager = answers[rows[0].name]
    truth = np.array([classifier.classes.index(str(one)) if one in classifier.classes else -1 for one in labels])
    result = {
        **facts,
        "repeats": arguments.repeats,
        "store": arguments.store.name,
        "num_test": len(labels),
        "head": classifier.head.kind,
        "compiling": compile_note,
        "max_difference": runtime.config.max_difference,
        "rows": [
            {
                "name": row.name,
                "ms": milliseconds[row.name],
                "accuracy": float((answers[row.name].argmax(1) == truth).mean()),
                "same_class": float((answers[row.name].argmax(1) == eager.argmax(1)).mean()),
                "difference": float(np.abs(answers[row.name] - eager).max()),
                "megabytes": row.megabytes,
            }
            for row in rows
        ],
    }
    print(page(result))
    if arguments.out:
        text = json.dumps(result, indent=1) + "\n"
        (arguments.out / "export.json").write_text(text, encoding="utf-8")
        (arguments.out / "export.md").write_text(page(result), encoding="utf-8")


def page(result: dict[str, Any]) -> str:
    """Return the page with the table."""
    rows = result["rows"]
    lines = []
    for row in rows:
        times = " | ".join(f"{value:.1f}" for value in row["ms"])
        ratios = " | ".join(f"**{eager / own:.1f}**" for eager, own in zip(rows[0]["ms"], row["ms"], strict=True))
        size = "" if row["megabytes"] is None else f"{row['megabytes']:.1f}"
        lines.append(
            f"| {row['name']} | {times} | {ratios} | {row['accuracy']:.1%} | {row['same_class']:.1%} |"
            f" {row['difference']:.0e} | {size} |"
        )
    first, _, *about = (__doc__ or "").strip().split("\n\n")
    return "\n".join(
        [
            "# Exported models",
            "",
            first,
            "",
            *about,
            "",
            f"    {result['command']}",
            "",
            f"{result['date']}, commit {result['commit']}; {result['processor']}, {result['threads']} thread, CPU"
            f" time; Python {result['python']}, torch {result['torch']}; medians of {result['repeats']} repeats in"
            f" alternation. {result['num_test']} test recordings of {result['store']}; head: {result['head']}."
            " Columns `1` and `16`: recordings per call.",
            "",
            "| | ms a recording, 1 | 16 | faster than eager, 1 | 16 | accuracy | same class as eager |"
            " largest difference of a probability | MB |",
            "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
            *lines,
            "",
            f"The graph compiled: {result['compiling']}. The largest difference of a probability that the export"
            f" found on made recordings was {result['max_difference']:.0e}.",
            "",
        ]
    )


if __name__ == "__main__":
    main()

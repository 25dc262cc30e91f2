"""Could better features of single frames help the graph SkeletonMAE more? Two comparisons on validation parts.

    OMP_NUM_THREADS=1 python benchmarks/graph_features.py RESULTS > benchmarks/graph_features.md

`teacher`: the target of a hidden joint is its feature from a moving average of the encoder, which sees the whole
pose, minus the mean of that joint in the batch and divided by its spread, in place of its coordinates.
`oracle`: the encoder is taken from an STRL that was trained with all labels of the part to fit on, which says what
this encoder can carry. Everything else is as in benchmarks/graph_proof.py, with the
setting that was chosen there; both are compared with it on the validation parts, from one pre-training and four
draws of a tenth of the labels. Nothing is chosen by them, and no test side is used.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, product
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import graph_cells
import torch
from graph_ablations import DEPTH, ENCODER_LR, MIN_STEPS, SETTING
from graph_cells import ONE_PROCESS, Side, build, finetune, pretraining_loader, side, weights_file
from graph_page import key, read_lines
from graph_plan import DRAWS_TO_SELECT, SELECTION_SETS, Cell, pretrain_cell
from torch import Tensor, nn

from skeletonmae.batches import Batch
from skeletonmae.evaluation import EvaluationTask, Finetune, leave_out_empty_clips
from skeletonmae.files import atomic_file
from skeletonmae.methods import Classifier, GraphMAE, MethodOutput
from skeletonmae.methods.frame_graph import FrameGraph
from skeletonmae.methods.method import zero_loss
from skeletonmae.methods.moving_average import MovingAverage, MovingAverageConfig
from skeletonmae.training import train

ROWS = ("from scratch", "coordinates", "teacher", "oracle")
EPSILON = 1e-6
PROOF = Path(__file__).with_name("graph_proof.jsonl")
TITLE = """# Other features of single frames for the graph SkeletonMAE

Made by `python benchmarks/graph_features.py RESULTS`, from the cells in
[graph_features.jsonl](graph_features.jsonl) and [graph_proof.jsonl](graph_proof.jsonl);
[what the rows are](graph_features.py). Accuracy in percent with a tenth of the labels of what remains of the
training side, on its validation part: one pre-training, mean and standard deviation over four draws of the labels,
one layer of STRL, the encoder at a tenth of the rate.
"""


class Encoder(nn.Module):
    """What fine-tuning takes of a method: the joint embedding, the identity of joints and the encoder."""

    def __init__(self, method: GraphMAE) -> None:
        super().__init__()
        self.embedding, self.encoder, self.joint_identity = method.embedding, method.encoder, method.joint_identity

    def forward(self, frames: FrameGraph, axes: int) -> Tensor:
        """Return the features of all observed joints."""
        x = self.embedding(frames.inputs(axes))
        if self.joint_identity:
            x = x + self.joint_identity(frames.graph)
        features: Tensor = self.encoder(x, frames.graph)
        return features


class FeatureTarget(nn.Module):
    """A method whose targets are the features of a moving average of its encoder.

    Args:
        method: The graph masked autoencoder.
    """

    def __init__(self, method: GraphMAE) -> None:
        super().__init__()
        self.couples_batch = False
        self.method = method
        self.head = nn.Linear(method.config.width, method.config.width)
        self.teacher = MovingAverage(Encoder(method), MovingAverageConfig())

    def forward(self, batch: Batch) -> MethodOutput:
        """Squared error of the features of the hidden joints; predicting the mean of each joint has error 1."""
        method, frames = self.method, FrameGraph(batch.tracks)
        graph, axes = frames.graph, method.spec.axes
        hidden = method.draw_mask(batch, frames)
        query = hidden & (frames.observed & ~hidden).any(0) & frames.measured
        nodes = graph.to_nodes(query).nonzero().squeeze(1)
        if len(nodes) == 0:
            return MethodOutput(zero_loss(self), batch.positions.new_zeros(()), {})
        with torch.no_grad():
            features = self.teacher.module(frames, axes).float().index_select(0, nodes)
            target, share = standardized(features, graph.joint_of(nodes), len(hidden))
        predicted = method.predict(frames.inputs(axes), graph.to_nodes(hidden), graph, nodes)
        error = (self.head(predicted).float() - target).square().mean(1)
        return MethodOutput(error.mean(), error.new_full((), len(nodes)), {"varying_share": share})

    def after_step(self, step: int, num_steps: int) -> None:
        """Move the weights of the teacher; the statistics of its batch norms are those of the encoder."""
        encoder = Encoder(self.method)
        self.teacher.update(encoder, step, num_steps)
        for own, followed in zip(self.teacher.module.buffers(), encoder.buffers(), strict=True):
            own.copy_(followed)

    def check_logs(self, logs: Mapping[str, float]) -> None:
        """Accept all values: whether the features have collapsed stands in the results."""


def standardized(features: Tensor, joint: Tensor, num_joints: int) -> tuple[Tensor, Tensor]:
    """Return features minus the mean of their joint, over their spread, and the share of them that varies."""
    count = features.new_zeros(num_joints).index_add_(0, joint, torch.ones_like(joint, dtype=features.dtype))
    total = features.new_zeros(num_joints, features.shape[1]).index_add_(0, joint, features)
    centered = features - (total / count.clamp(min=1)[:, None])[joint]
    variance = centered.square().mean(0)
    share = variance.sum() / features.square().mean(0).sum()
    return centered / (variance + EPSILON).sqrt(), share


def pretrain(cell: Cell, folder: Path) -> dict[str, float]:
    """Pre-train with the features of a teacher as target, and save the weights that fine-tuning takes."""
    of = side(cell["dataset"], cell["part"])
    training = of.recipe.training.model_copy(update={**cell["training"], "seed": cell["seed"]})
    method = build(of, cell["settings"], cell["dataset"], cell["seed"])
    module = FeatureTarget(method)
    loader = pretraining_loader(of, cell["settings"], cell["dataset"], training)
    losses: list[float] = []
    shares: list[float] = []

    def on_progress(progress: Any) -> None:
        losses.append(progress.loss)

    train(module, loader, training, ONE_PROCESS, on_progress=on_progress)
    with torch.no_grad():
        module.eval()
        for batch in loader.epoch(0):
            shares.append(float(module(batch).logs["varying_share"]))
    save(method, cell, folder)
    return {"steps": len(losses), "loss": fmean(losses[-len(loader) :]), "varying_share": fmean(shares)}


def oracle(cell: Cell, folder: Path) -> dict[str, float]:
    """Train STRL with all labels of the part to fit on, and save its encoder."""
    of = side(cell["dataset"], cell["part"])
    trained: list[Classifier] = []

    def keep(file: Path, model: Classifier, config: Any) -> None:
        del file, config
        trained.append(model)

    protocol = next(each for each in of.recipe.evaluation if isinstance(each, Finetune))
    training = protocol.training.model_copy(update={"encoder_lr": 1.0})
    classifier = protocol.classifier.model_copy(update={"depth": DEPTH})
    changes = {"label_fraction": 1.0, "seeds": (cell["seed"],), "classifier": classifier, "training": training}
    (result,) = protocol.model_copy(update=changes).run(new_task(of, cell, folder / "oracle", keep))
    (model,) = trained
    method = build(of, cell["settings"], cell["dataset"], cell["seed"])
    method.embedding.load_state_dict(model.strl.embed.state_dict())
    method.encoder.load_state_dict(model.strl.layers[0].encoder.state_dict())
    method.joint_identity.load_state_dict(model.strl.joint_identity.state_dict())
    save(method, cell, folder)
    return {"top1": result.top1}


def new_task(of: Side, cell: Cell, folder: Path, keep: Any) -> EvaluationTask:
    """Return the task of training from scratch on the part to fit on."""

    def new_method(seed: int) -> GraphMAE:
        return build(of, cell["settings"], cell["dataset"], seed)

    task = EvaluationTask(
        method=new_method(cell["seed"]),
        pretrained=False,
        clips=of.recipe.data.clips,
        store=of.store,
        split=of.split,
        validation_group=of.recipe.data.validation_group,
        distributed=ONE_PROCESS,
        init_method=new_method,
        folder=folder,
        save=keep,
    )
    return leave_out_empty_clips(task)[0]


def save(method: GraphMAE, cell: Cell, folder: Path) -> None:
    """Keep the weights of a method where `finetune` looks for them."""
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_file(weights_file(cell, folder)) as temporary:
        torch.save(method.state_dict(), temporary)


def start_cell(row: str, dataset: str) -> Cell | None:
    """Return where the fine-tunings of a row start; None from scratch."""
    if row == "from scratch":
        return None
    start = pretrain_cell(dataset, "selection", SETTING, 0, min_steps=MIN_STEPS)
    return start if row == "coordinates" else start | {"kind": row}


def finetunings(row: str, dataset: str) -> list[Cell]:
    """Return the fine-tunings of a row, one for each draw, as they are in the selection of graph_proof."""
    names = {"kind": "finetune", "dataset": dataset, "part": "selection", "start": start_cell(row, dataset)}
    names["settings"] = list(SETTING) if names["start"] else list(SETTING[:-1])
    names |= {"fraction": 0.1, "depth": DEPTH, "training": {"encoder_lr": ENCODER_LR}}
    return [names | {"draw": draw} for draw in range(DRAWS_TO_SELECT)]


STARTS: dict[str, Callable[[Cell, Path], dict[str, float]]] = {
    "pretrain": graph_cells.pretrain,
    "teacher": pretrain,
    "oracle": oracle,
}


def run(folder: Path) -> dict[str, Any]:
    """Run the cells that are missing and return all; those that graph_proof has are taken from its results."""
    from environment import facts

    about = {name: facts()[name] for name in ("commit", "date", "processor", "torch")}
    lines = {key(line["cell"]): line for line in map(json.loads, PROOF.read_text("utf-8").splitlines())}
    lines |= read_lines(folder)
    for dataset, row in product(SELECTION_SETS, ROWS):
        start, tunings = start_cell(row, dataset), finetunings(row, dataset)
        missing = [cell for cell in tunings if key(cell) not in lines]
        if start and missing and not weights_file(start, folder).exists():
            missing.insert(0, start)
        for cell in missing:
            result = STARTS.get(cell["kind"], finetune)(cell, folder)
            lines[key(cell)] = line = {"cell": cell, "result": result} | about
            with (folder / "cells.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            print(cell["kind"], cell["dataset"], result, file=sys.stderr, flush=True)
    return lines


def page(lines: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the page."""
    tunings = {(row, dataset): finetunings(row, dataset) for row in ROWS for dataset in SELECTION_SETS}
    starts = [start_cell(row, dataset) for row, dataset in tunings]
    used = [lines[key(cell)] for cell in (*chain(*tunings.values()), *filter(None, starts))]
    yield TITLE
    for name in ("date", "processor", "torch", "commit"):
        yield f"- {name}: {', '.join(sorted({line[name] for line in used}))}"
    yield f"\n| start | {' | '.join(SELECTION_SETS)} |"
    yield "|---" * (1 + len(SELECTION_SETS)) + "|"
    for row in ROWS:
        values = [
            [100 * lines[key(cell)]["result"]["top1"] for cell in tunings[row, name]] for name in SELECTION_SETS
        ]
        yield f"| {row} | {' | '.join(f'{fmean(each):.1f} ± {stdev(each):.1f}' for each in values)} |"
    yield ""
    for (row, dataset), start in zip(tunings, starts, strict=True):
        if start:
            result = lines[key(start)]["result"]
            yield f"- {row}, {dataset}: {', '.join(f'{name} {value:.4g}' for name, value in result.items())}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="folder of the results")
    folder = parser.parse_args().results
    folder.mkdir(parents=True, exist_ok=True)
    print("\n".join(page(run(folder))))


if __name__ == "__main__":
    main()

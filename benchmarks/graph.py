"""Time a pre-training step of method B against what the machine can do, and against a plain per-edge network.

    OMP_NUM_THREADS=1 python benchmarks/graph.py --out benchmarks

Clips of 64 frames x 17 joints x 2 axes of one person, everything observed; the paper's network: GIN, width 64,
three layers and one. Times are processor seconds.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from cases import SPEC, Case, Step
from cases import method as joint_patch
from run import PRECISIONS, about, measure
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from skeletonmae.batches import Batch, sample_keys
from skeletonmae.cli.memory import keep_memory
from skeletonmae.methods import InputSpec
from skeletonmae.methods.frame_graph import FrameGraph
from skeletonmae.methods.graph_mae import GraphMAE, GraphMAEConfig
from skeletonmae.models.gnn import GIN, GNN
from skeletonmae.models.node_layers import FastPReLU
from skeletonmae.skeletons import COCO17, NTU25, Skeleton

DTYPES = {"float32": torch.float32, "bf16": torch.bfloat16}
MEMORY = {"as it is": {}, "huge pages": {"THP_MEM_ALLOC_ENABLE": "1"}, "kept": {}}
A1_CLIPS = 64


def clips(num: int, skeleton: Skeleton = COCO17, axes: int = 2) -> Batch:
    dice = torch.Generator().manual_seed(0)
    positions = torch.randn(num, 1, 64, skeleton.num_joints, axes, generator=dice)
    index = torch.arange(num)
    observed = torch.ones(positions.shape[:4], dtype=torch.bool)
    return Batch(positions, observed, index, sample_keys(0, 0, index), skeleton)


def method() -> GraphMAE:
    torch.manual_seed(0)
    return GraphMAEConfig().build(InputSpec(64, 2, COCO17.joints)).train()


class PerEdge(nn.Module):
    """Method B with the same weights as a graph library has it: nodes pose by pose, messages edge by edge."""

    def __init__(self, ours: GraphMAE) -> None:
        super().__init__()
        self.ours = ours

    def forward(self, batch: Batch) -> Tensor:
        """The loss of clips of which everything was observed."""
        its, tracks = self.ours, batch.tracks
        of_clip = its.joint_masking(tracks.skeleton, tracks.observed.any(1), batch.track_rng("mask"))
        hidden = of_clip[:, None].expand_as(tracks.observed).flatten()
        edges = edges_of(tracks.skeleton, len(hidden) // tracks.skeleton.num_joints)
        embedded = its.embedding(tracks.positions.flatten(0, 2))
        masked = torch.where(hidden[:, None], its.mask_token.to(embedded.dtype), embedded)
        latent = its.encoder_to_decoder(self.layers(masked, its.encoder, edges)).masked_fill(hidden[:, None], 0.0)
        prediction = self.layers(latent, its.decoder, edges)
        target = embedded.detach()[hidden].float()
        cosine = (normalize(prediction[hidden].float()) * normalize(target)).sum(1)
        return ((1.0 - cosine) ** its.config.beta).mean()

    def layers(self, x: Tensor, layers: GNN, edges: Tensor) -> Tensor:
        for number, gin in enumerate(layers.layers):
            assert isinstance(gin, GIN)
            linear, norm, prelu, last = gin.mlp
            x = linear((1.0 + gin.epsilon) * x + neighbors(x, edges))
            x = last(torch.prelu(norm(x), prelu.weight))
            if number < len(layers.norms):
                norm, prelu = layers.norms[number].children()
                x = torch.prelu(norm(x), prelu.weight)
        return x


def edges_of(skeleton: Skeleton, num_poses: int) -> Tensor:
    """(2, edge): source and destination node, in (pose, joint) order."""
    one = torch.as_tensor(skeleton.adjacency).nonzero().T
    first = skeleton.num_joints * torch.arange(num_poses)
    return (one[:, None] + first[:, None]).flatten(1)


def neighbors(x: Tensor, edges: Tensor) -> Tensor:
    """The sum of each node's neighbors, edge by edge."""
    return torch.zeros_like(x).index_add(0, edges[1], x.index_select(0, edges[0]))


class Counted(TorchDispatchMode):
    """What every operation computes and moves: `ops` has (FLOPs, bytes) of each.

    Bytes are those of the tensors that it reads and of those that it writes, once each.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ops: list[tuple[int, int]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if not func.is_view:
            name = func.overloadpacket.__name__
            read, written = size((args, kwargs)), size(out)
            if name.startswith(("new_", "empty")) or name.endswith("_like"):
                read = 0
            elif name == "index_select":  # does not read the rows that are not selected
                read = size(args[2]) + written
            count = flop_registry.get(func.overloadpacket)
            flops = int(count(*args, **(kwargs or {}), out_val=out)) if count else 0
            self.ops.append((flops, read + written))
        return out


def size(tree: Any) -> int:
    """Bytes of the tensors; what is repeated along an axis counts once."""
    return sum(
        min(one.numel() * one.element_size(), one.untyped_storage().nbytes())
        for one in tree_leaves(tree)
        if isinstance(one, Tensor)
    )


def best(call: Callable[[], object], turns: int = 7) -> float:
    """Processor seconds of the fastest call."""
    spent = []
    for _ in range(turns):
        started = time.process_time()
        call()
        spent.append(time.process_time() - started)
    return min(spent)


def ceilings(precision: str, rows: int, side: int) -> dict[str, float]:
    """GFLOP/s of products and GB/s of memory, with memory that is there unless `fresh`."""
    dtype = DTYPES[precision]
    square, x, w = (torch.randn(n, m).to(dtype) for n, m in ((side, side), (rows, 64), (64, 64)))
    y, z, own = torch.empty_like(x), torch.empty_like(x), torch.empty_like(w)
    big, long = 2 * side**3 / 1e9, 2 * rows * 64 * 64 / 1e9
    found = {
        f"({side}, {side}) x ({side}, {side})": big / best(lambda: torch.mm(square, square)),
        "(n, 64) x (64, 64)": long / best(lambda: torch.mm(x, w, out=y)),
        "(64, n) x (n, 64)": long / best(lambda: torch.mm(x.T, y, out=own)),
    }
    if precision == "float32" and hasattr(torch.ops.mkldnn, "_linear_pointwise"):  # torch.mm asks MKL
        linear = torch.ops.mkldnn._linear_pointwise
        found |= {
            f"({side}, {side}) x ({side}, {side}), oneDNN": big
            / best(lambda: linear(square, square, None, "none", [], "")),
            "(n, 64) x (64, 64), oneDNN": long / best(lambda: linear(x, w, None, "none", [], "")),
        }
    one = size(x) / 1e9

    def fresh() -> None:
        torch.frombuffer(mmap.mmap(-1, size(x)), dtype=dtype).copy_(x.flatten())

    memory = {
        "copy": 2 * one / best(lambda: y.copy_(x)),
        "triad": 3 * one / best(lambda: torch.add(x, y, alpha=0.5, out=z)),
        "add in place": 3 * one / best(lambda: z.add_(x)),
        "copy, fresh": 2 * one / best(fresh),
    }
    return {f"{name}, GFLOP/s": value for name, value in found.items()} | {
        f"{name}, GB/s": value for name, value in memory.items()
    }


def peak() -> float:
    """GiB that this process has had in memory at most."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) / 2**20


def alone(network: str, num: int, precision: str, memory: str, turns: int) -> dict[str, Any]:
    """Seconds, memory and operations of a step, in this process."""
    if memory == "kept":
        keep_memory()
    batch = clips(num) if network == "B" else clips(num, NTU25, SPEC.axes)
    model = method() if network == "B" else joint_patch(decoder="cross", predict_ratio=0.25)
    step = Step(model, lambda model: model(batch).loss, precision)
    before, spent = peak(), []
    with Counted() as counted:
        step()
    for _ in range(turns + 1):  # one more that warms up
        started = time.process_time()
        step()
        spent.append(time.process_time() - started)
    names = {"network": network, "clips": num, "precision": precision, "memory": memory}
    its = {"seconds": statistics.median(spent[1:]), "gigabytes": peak() - before}
    return names | its | {"ops": counted.ops}


def in_its_process(network: str, num: int, precision: str, memory: str, turns: int) -> dict[str, Any]:
    """The same, in a process of its own."""
    asked = [network, str(num), precision, memory, str(turns)]
    done = subprocess.run(
        [sys.executable, __file__, "--alone", *asked],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | MEMORY[memory],
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def shares(step: dict[str, Any], ceiling: dict[str, float]) -> dict[str, float]:
    """Seconds that a step would take at the machine's best, and the share of its time that they are."""
    compute = max(value for name, value in ceiling.items() if "GFLOP" in name) * 1e9
    memory = max(value for name, value in ceiling.items() if "GB/s" in name) * 1e9
    ops = step["ops"]
    flops, moved = (sum(column) for column in zip(*ops, strict=True))
    least = {
        "matmul": flops / compute,
        "memory": moved / memory,
        "either": sum(max(flops / compute, moved / memory) for flops, moved in ops),
    }
    prediction = {"gigaflops": flops / 1e9, "moved gigabytes": moved / 1e9}
    return prediction | {f"{name} share": seconds / step["seconds"] for name, seconds in least.items()}


def cases(num: int) -> list[Case]:
    """The plain network against ours, whole and in parts; also checks that both say the same."""
    batch, ours = clips(num), method()
    plain = PerEdge(method())
    apart = abs(float(plain(batch).detach()) - float(ours(batch).loss.detach()))
    if apart > 1e-4:
        raise SystemExit(f"the losses are not the same: {apart}")
    made = []
    frames = FrameGraph(batch.tracks)
    graph, edges = frames.graph, edges_of(COCO17, frames.graph.num_poses)
    for precision, dtype in DTYPES.items():
        its = Step(plain, lambda model: model(batch), precision)
        step = Step(ours, lambda model: model(batch).loss, precision)
        made.append(Case(f"step, {precision}", "", num, its, {"dense": step}))
        x = torch.randn(frames.observed.numel(), 64).to(dtype).requires_grad_()
        grad = torch.randn_like(x)
        forms: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
            "messages": (lambda x: x + neighbors(x, edges), lambda x: graph.aggregate(x, 1.0)),
            "PReLU": (nn.PReLU().to(dtype), FastPReLU().to(dtype)),
        }
        for name, pair in forms.items():
            calls = [gradient(form, x, grad) for form in pair]
            made.append(Case(f"{name}, {precision}", "", num, calls[0], {"ours": calls[1]}))
    return made


def gradient(form: Callable[[Tensor], Tensor], x: Tensor, grad: Tensor) -> Callable[[], object]:
    """Forward and backward, with the gradient of its parameters if it has any."""
    inputs = [x, *(form.parameters() if isinstance(form, nn.Module) else ())]
    return lambda: torch.autograd.grad(form(x), inputs, grad)


def markdown(facts: dict[str, Any]) -> str:
    """The page `graph.md`."""
    lines = [
        "# A pre-training step of method B",
        "",
        *(__doc__ or "").strip().split("\n\n")[-1].splitlines(),
        "Rerun to rewrite this page:",
        "",
        f"    {facts['command']}",
        "",
        f"{facts['date']}, commit {facts['commit']}; {facts['processor']}, {facts['cores']} cores of which"
        f" {facts['threads']} used, load of the machine {facts['load'][0]} to {facts['load'][1]};"
        f" {facts['system']}; Python {facts['python']}, torch {facts['torch']}; {facts['repeats']} turns.",
        "",
        "## What the machine can do",
        "",
        f"n is {facts['rows']:,}. `fresh` memory was never touched before: every page is a fault. torch",
        "multiplies float32 by MKL, and bfloat16 by oneDNN.",
        "",
        "| what | " + " | ".join(PRECISIONS) + " |",
        "|---|" + "---:|" * len(PRECISIONS),
    ]
    for name in facts["ceilings"]["float32"]:
        cells = [facts["ceilings"][p].get(name) for p in PRECISIONS]
        lines.append(f"| {name} | {' | '.join('' if v is None else f'{v:,.0f}' for v in cells)} |")
    lines += [
        "",
        "## The step, and how near it comes",
        "",
        "Forward, backward, clip, Adam, in a process of its own that keeps its memory, as the commands that train",
        "do. FLOPs and bytes are those of every operation that was run; bytes are what it reads and writes. A",
        "share is the least time, at the best rates above, of the time taken: if only the products took time, if",
        "only memory did, and if each operation took the longer of its two, one after the other.",
        "",
        "| precision | clips | seconds | clips/s | peak memory | TFLOP | GB moved | products | memory | either |"
        " binds |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for step in facts["steps"]:
        its = step["shares"]
        binds = "memory" if its["memory share"] > its["matmul share"] else "products"
        lines.append(
            f"| {step['precision']} | {step['clips']} | {step['seconds']:.2f} |"
            f" {step['clips'] / step['seconds']:,.0f} | {step['gigabytes']:.1f} GiB |"
            f" {its['gigaflops'] / 1e3:.3f} | {its['moved gigabytes']:.1f} | {its['matmul share']:.0%} |"
            f" {its['memory share']:.0%} | {its['either share']:.0%} | {binds} |"
        )
    lines += [
        "",
        "## Against a plain per-edge network",
        "",
        "The same weights and the same loss (to 1e-4, checked in the same run), nodes body by body: gather by",
        "edge, `index_add`, batch norm, `nn.PReLU`. `messages` are those of one layer with their gradient: edge",
        "by edge, or a product with the adjacency. `PReLU` is `nn.PReLU`, or ours.",
        f"{facts['ratio_clips']} clips, so that both fit in one process; turn by turn, medians; the brackets hold",
        "the quartiles of the ratio.",
        "",
        "| what | plain, ms | ours, ms | ratio |",
        "|---|---:|---:|---:|",
    ]
    for row in facts["rows_of_ratios"]:
        low, high = row["ratio_quartiles"]
        plain, ours = 1e3 * row["plain_seconds"], 1e3 * row["ours_seconds"]
        ratio = f"**{row['ratio']:.1f}** ({low:.1f} to {high:.1f})"
        lines.append(f"| {row['what']} | {plain:,.1f} | {ours:,.1f} | {ratio} |")
    lines += [
        "",
        "## What becomes of memory that is freed",
        "",
        "`as it is`: glibc gives large blocks back, and takes a page fault for every 4 KiB when it needs them",
        "again. `huge pages`: the same with `THP_MEM_ALLOC_ENABLE=1`, 2 MiB a fault. `kept`: kept for the next",
        "step, and what lies unused is given back four times a minute, as `pretrain`, `evaluate` and `demo` do.",
        "bf16, each in a process of its own; peak memory",
        "beyond what is there before the first step. A1 is that of [results.md](results.md), decoder cross.",
        "",
        "| network | clips | " + " | ".join(f"{name}, s" for name in MEMORY) + " | "
        + " | ".join(f"{name}, GiB" for name in MEMORY)
        + " |",
        "|---|---:|" + "---:|" * 2 * len(MEMORY),
    ]  # fmt: skip
    rows: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for one in facts["memory"]:
        rows.setdefault((one["network"], one["clips"]), []).append(one)
    for (network, num), found in rows.items():
        cells = [f"{one['seconds']:.2f}" for one in found] + [f"{one['gigabytes']:.1f}" for one in found]
        lines.append(f"| {network} | {num} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="turns of each")
    parser.add_argument("--clips", type=int, default=1024, help="of the step")
    parser.add_argument("--quick", action="store_true", help="a few clips, one turn, one process: to see it run")
    parser.add_argument("--out", type=Path, help="folder for graph.md and graph.json; else they are only printed")
    parser.add_argument("--alone", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    threads = int(os.environ.get("OMP_NUM_THREADS", 1))
    torch.set_num_threads(threads)
    if arguments.alone:
        network, num, precision, memory, turns = arguments.alone
        return print(json.dumps(alone(network, int(num), precision, memory, int(turns))))
    if arguments.quick:
        arguments.clips, arguments.repeats = 8, 1
    keep_memory()
    few, turns = max(arguments.clips // 4, 1), arguments.repeats
    rows, side = (4096, 128) if arguments.quick else (2**19, 2048)
    facts = about(threads, arguments) | {"rows": rows, "ratio_clips": few}
    loads = [os.getloadavg()[0]]
    facts["ceilings"] = {precision: ceilings(precision, rows, side) for precision in PRECISIONS}
    run = alone if arguments.quick else in_its_process
    facts["steps"], facts["memory"] = [], []
    for precision in PRECISIONS:
        step = run("B", arguments.clips, precision, "kept", min(turns, 3))
        facts["steps"].append(step | {"shares": shares(step, facts["ceilings"][precision])})
        loads.append(os.getloadavg()[0])
    for network, num in (("B", few), ("B", arguments.clips), ("A1", min(A1_CLIPS, arguments.clips))):
        for memory in MEMORY:
            facts["memory"].append(run(network, num, "bf16", memory, min(turns, 2)))
            loads.append(os.getloadavg()[0])
    facts["rows_of_ratios"] = [row for case in cases(few) for row in measure(case, turns)]
    for step in [*facts["steps"], *facts["memory"]]:
        del step["ops"]
    facts["load"] = [round(min(loads), 1), round(max(loads), 1)]
    page = markdown(facts)
    print(page)
    if arguments.out:
        (arguments.out / "graph.md").write_text(page, encoding="utf-8")
        (arguments.out / "graph.json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()

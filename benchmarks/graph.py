"""Time a pre-training step of method B against the limits of the machine, and against a plain per-edge network.

    OMP_NUM_THREADS=1 python benchmarks/graph.py --out benchmarks

Clips of 64 frames x 17 joints x 2 axes with one person, all observed. The network of the paper: GIN of width 64,
three encoder layers and one decoder layer. Times are CPU seconds.
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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from cases import SPEC
from cases import method as joint_patch
from environment import environment
from measuring import DTYPES, PRECISIONS, Case, Step, measure
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, leaky_relu, normalize
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from skeletonmae.batches import Batch, sample_keys
from skeletonmae.memory import retain_freed_memory
from skeletonmae.methods import InputSpec, MethodOutput
from skeletonmae.methods.frame_graph import FrameGraph
from skeletonmae.methods.graph_mae import GraphMAE, GraphMAEConfig
from skeletonmae.models.gnn import GIN, GNN
from skeletonmae.models.node_layers import FastPReLU
from skeletonmae.skeletons import COCO17, NTU25, Skeleton

PAPER: dict[str, Any] = {"target": "embedding", "joint_identity": "none", "remask": True, "frame_context": False}
"""Settings of the paper that are not the defaults."""
MEMORY = {"default": {}, "huge pages": {"THP_MEM_ALLOC_ENABLE": "1"}, "retained": {}}
A1_CLIPS = 64
CACHED_ROWS = 2048
GOAL = 0.6  # share of the time that memory alone would take, layer by layer
LAYER_BY_LAYER = "B, layer by layer"


def clips(num: int, skeleton: Skeleton = COCO17, axes: int = 2, frames: int = 64) -> Batch:
    generator = torch.Generator().manual_seed(0)
    positions = torch.randn(num, 1, frames, skeleton.num_joints, axes, generator=generator)
    index = torch.arange(num)
    observed = torch.ones(positions.shape[:4], dtype=torch.bool)
    return Batch(positions, observed, index, sample_keys(0, 0, index), skeleton)


def method() -> GraphMAE:
    torch.manual_seed(0)
    return GraphMAEConfig(**PAPER).build(InputSpec(64, 2, COCO17.joints)).train()


class PerEdge(nn.Module):
    """Method B as graph libraries compute it: nodes in (pose, joint) order, messages per edge."""

    def __init__(self, ours: GraphMAE) -> None:
        super().__init__()
        self.ours = ours

    def forward(self, batch: Batch) -> Tensor:
        """Compute the loss of clips in which all joints are observed."""
        ours, tracks = self.ours, batch.tracks
        hidden_joints = ours.joint_masking(tracks.skeleton, tracks.observed.any(1), batch.track_rng("mask"))
        hidden = hidden_joints[:, None].expand_as(tracks.observed).flatten()
        edges = frame_edges(tracks.skeleton, len(hidden) // tracks.skeleton.num_joints)
        embedded = ours.embedding(tracks.positions.flatten(0, 2))
        masked = torch.where(hidden[:, None], ours.mask_token.to(embedded.dtype), embedded)
        latent = ours.encoder_to_decoder(self.layers(masked, ours.encoder, edges)).masked_fill(
            hidden[:, None], 0.0
        )
        prediction = self.layers(latent, ours.decoder, edges)
        target = embedded.detach()[hidden].float()
        cosine = (normalize(prediction[hidden].float()) * normalize(target)).sum(1)
        return ((1.0 - cosine) ** ours.config.beta).mean()

    def layers(self, x: Tensor, layers: GNN, edges: Tensor) -> Tensor:
        for index, gin in enumerate(layers.layers):
            assert isinstance(gin, GIN)
            linear, norm, prelu, last = gin.mlp
            x = linear(x + neighbors(x, edges))
            x = last(torch.prelu(norm(x), prelu.weight))
            if index < len(layers.norms):
                norm, prelu = layers.norms[index].children()
                x = torch.prelu(norm(x), prelu.weight)
        return x


class LayerByLayer(nn.Module):
    """Method B one layer after the other, as its formulas are written.

    Every joint is embedded, passes the linear layer between encoder and decoder, and is predicted.
    """

    def __init__(self, ours: GraphMAE) -> None:
        super().__init__()
        self.ours = ours

    def forward(self, batch: Batch) -> MethodOutput:
        """Compute the loss of clips in which all joints are observed."""
        ours, frames = self.ours, FrameGraph(batch.tracks)
        hidden = frames.graph.to_nodes(ours.draw_mask(batch, frames))
        queries = hidden.nonzero().squeeze(1)
        embedded = ours.embedding(frames.positions(ours.spec.axes))
        masked = torch.where(hidden[:, None], ours.mask_token.to(embedded.dtype), embedded)
        latent = ours.encoder_to_decoder(ours.encoder(masked, frames.graph)) * ~hidden[:, None]
        prediction = ours.decoder(latent, frames.graph).index_select(0, queries)
        target = embedded.detach().index_select(0, queries)
        error = (1.0 - cosine_similarity(prediction.float(), target.float())).clamp(min=0) ** ours.config.beta
        return MethodOutput(error.mean(), error.new_tensor(len(queries)))


def frame_edges(skeleton: Skeleton, num_poses: int) -> Tensor:
    """Return the source and the destination node of each edge, `(2, edge)`, with nodes in (pose, joint) order."""
    edges_of_pose = torch.as_tensor(skeleton.adjacency).nonzero().T
    first_node = skeleton.num_joints * torch.arange(num_poses)
    return (edges_of_pose[:, None] + first_node[:, None]).flatten(1)


def neighbors(x: Tensor, edges: Tensor) -> Tensor:
    """Sum the neighbors of each node, edge by edge."""
    return torch.zeros_like(x).index_add(0, edges[1], x.index_select(0, edges[0]))


class OpCounter(TorchDispatchMode):
    """Records (FLOPs, bytes) of every operation in `ops`.

    The bytes are those of the tensors that it reads and of those that it writes, once each.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ops: list[tuple[int, int]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if not func.is_view:
            name = func.overloadpacket.__name__
            read, written = num_bytes((args, kwargs)), num_bytes(out)
            if name.startswith(("new_", "empty")) or name.endswith("_like"):
                read = 0
            elif name == "index_select":  # does not read the rows that are not selected
                read = num_bytes(args[2]) + written
            count = flop_registry.get(func.overloadpacket)
            flops = int(count(*args, **(kwargs or {}), out_val=out)) if count else 0
            self.ops.append((flops, read + written))
        return out


def num_bytes(tree: Any) -> int:
    """Return the bytes of all tensors of a tree; an expanded axis counts once."""
    return sum(
        min(leaf.numel() * leaf.element_size(), leaf.untyped_storage().nbytes())
        for leaf in tree_leaves(tree)
        if isinstance(leaf, Tensor)
    )


def fastest(call: Callable[[], object], repeats: int = 7) -> float:
    """Return the CPU seconds of the fastest call."""
    seconds = []
    for _ in range(repeats):
        started = time.process_time()
        call()
        seconds.append(time.process_time() - started)
    return min(seconds)


def ceilings(precision: str, rows: int, side: int) -> dict[str, float]:
    """Measure GFLOP/s of matrix products and GB/s of memory; `fresh` memory was never touched before."""
    dtype = DTYPES[precision]
    square, x, w = (torch.randn(n, m).to(dtype) for n, m in ((side, side), (rows, 64), (64, 64)))
    y, z, small = torch.empty_like(x), torch.empty_like(x), torch.empty_like(w)
    square_gigaflops, tall_gigaflops = 2 * side**3 / 1e9, 2 * rows * 64 * 64 / 1e9
    found = {
        f"({side}, {side}) x ({side}, {side})": square_gigaflops / fastest(lambda: torch.mm(square, square)),
        "(n, 64) x (64, 64)": tall_gigaflops / fastest(lambda: torch.mm(x, w, out=y)),
        "(64, n) x (n, 64)": tall_gigaflops / fastest(lambda: torch.mm(x.T, y, out=small)),
    }
    if precision == "float32" and hasattr(torch.ops.mkldnn, "_linear_pointwise"):  # torch.mm uses MKL
        linear = torch.ops.mkldnn._linear_pointwise
        found |= {
            f"({side}, {side}) x ({side}, {side}), oneDNN": square_gigaflops
            / fastest(lambda: linear(square, square, None, "none", [], "")),
            "(n, 64) x (64, 64), oneDNN": tall_gigaflops / fastest(lambda: linear(x, w, None, "none", [], "")),
        }
    gigabytes = num_bytes(x) / 1e9

    def copy_to_fresh() -> None:
        torch.frombuffer(mmap.mmap(-1, num_bytes(x)), dtype=dtype).copy_(x.flatten())

    memory = {
        "copy": 2 * gigabytes / fastest(lambda: y.copy_(x)),
        "triad": 3 * gigabytes / fastest(lambda: torch.add(x, y, alpha=0.5, out=z)),
        "add in place": 3 * gigabytes / fastest(lambda: z.add_(x)),
        "copy, fresh": 2 * gigabytes / fastest(copy_to_fresh),
    }
    block = x[:CACHED_ROWS]  # an operation on one element after the other, from memory and from the cache
    elements = {
        "leaky ReLU": x.numel() / 1e9 / fastest(lambda: leaky_relu(x, 0.25)),
        "leaky ReLU in the cache": block.numel() / 1e9 / fastest(lambda: leaky_relu(block, 0.25), repeats=200),
    }
    return (
        {f"{name}, GFLOP/s": value for name, value in found.items()}
        | {f"{name}, GB/s": value for name, value in memory.items()}
        | {f"{name}, billion values/s": value for name, value in elements.items()}
    )


def peak_memory() -> float:
    """Return the peak memory of this process, in GiB."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) / 2**20


def measure_step(network: str, num: int, precision: str, memory: str, repeats: int) -> dict[str, Any]:
    """Measure time, memory and operations of a step, in this process."""
    if memory == "retained":
        retain_freed_memory()
    batch = clips(num, NTU25, SPEC.axes, SPEC.frames) if network == "A1" else clips(num)
    model: nn.Module = joint_patch(decoder="cross", predict_ratio=0.25) if network == "A1" else method()
    if network == LAYER_BY_LAYER:
        model = LayerByLayer(model)  # type: ignore[arg-type]
    step = Step(model, lambda model: model(batch).loss, precision)
    before, seconds = peak_memory(), []
    with OpCounter() as counter:
        step()
    for _ in range(repeats + 1):  # the first is a warm-up
        started = time.process_time()
        step()
        seconds.append(time.process_time() - started)
    names = {"network": network, "clips": num, "precision": precision, "memory": memory}
    measured = {"seconds": statistics.median(seconds[1:]), "gigabytes": peak_memory() - before}
    return names | measured | {"ops": counter.ops}


def measure_step_in_new_process(
    network: str, num: int, precision: str, memory: str, repeats: int
) -> dict[str, Any]:
    """Measure the same in a new process."""
    arguments = [network, str(num), precision, memory, str(repeats)]
    done = subprocess.run(
        [sys.executable, __file__, "--step", *arguments],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | MEMORY[memory],
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def shares(step: dict[str, Any], ceiling: dict[str, float]) -> dict[str, float]:
    """Return the share of a step's time that it would take at the machine's limits."""
    compute = max(value for name, value in ceiling.items() if "GFLOP" in name) * 1e9
    memory = max(value for name, value in ceiling.items() if "GB/s" in name) * 1e9
    ops = step["ops"]
    flops, moved = (sum(column) for column in zip(*ops, strict=True))
    minimum = {
        "matmul": flops / compute,
        "memory": moved / memory,
        "either": sum(max(flops / compute, moved / memory) for flops, moved in ops),
    }
    totals = {"gigaflops": flops / 1e9, "moved gigabytes": moved / 1e9}
    return totals | {f"{name} share": seconds / step["seconds"] for name, seconds in minimum.items()}


def cases(num: int) -> list[Case]:
    """Return the cases of the step and of its parts, after a check that both networks have the same loss."""
    batch, ours = clips(num), method()
    plain = PerEdge(method())
    difference = abs(float(plain(batch).detach()) - float(ours(batch).loss.detach()))
    if difference > 1e-4:
        raise SystemExit(f"the losses differ by {difference}")
    all_cases = []
    frames = FrameGraph(batch.tracks)
    graph, edges = frames.graph, frame_edges(COCO17, frames.graph.num_poses)
    for precision, dtype in DTYPES.items():
        plain_step = Step(plain, lambda model: model(batch), precision)
        step = Step(ours, lambda model: model(batch).loss, precision)
        all_cases.append(Case(f"step, {precision}", "", num, plain_step, {"dense": step}))
        x = torch.randn(frames.observed.numel(), 64).to(dtype).requires_grad_()
        grad = torch.randn_like(x)
        forms: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
            "messages": (lambda x: x + neighbors(x, edges), lambda x: graph.aggregate(x)),
            "PReLU": (nn.PReLU().to(dtype), FastPReLU().to(dtype)),
        }
        for name, pair in forms.items():
            calls = [forward_backward(form, x, grad) for form in pair]
            all_cases.append(Case(f"{name}, {precision}", "", num, calls[0], {"ours": calls[1]}))
    return all_cases


def forward_backward(form: Callable[[Tensor], Tensor], x: Tensor, grad: Tensor) -> Callable[[], object]:
    """Return a function that runs forward and backward, with the gradient of the parameters if there are any."""
    inputs = [x, *(form.parameters() if isinstance(form, nn.Module) else ())]
    return lambda: torch.autograd.grad(form(x), inputs, grad)


def markdown(facts: dict[str, Any]) -> str:
    """Return the page `graph.md`."""
    lines = [
        "# A pre-training step of method B",
        "",
        *(__doc__ or "").strip().split("\n\n")[-1].splitlines(),
        "Rerun to rewrite this page:",
        "",
        f"    {facts['command']}",
        "",
        f"{facts['date']}, commit {facts['commit']}; {facts['processor']}, {facts['cores']} cores,"
        f" {facts['threads']} used, load of the machine {facts['load'][0]} to {facts['load'][1]};"
        f" {facts['system']}; Python {facts['python']}, torch {facts['torch']}; {facts['repeats']} repeats.",
        "",
        "## Limits of the machine",
        "",
        f"n is {facts['rows']:,}. `fresh` memory was never touched before, so every page causes a fault. torch",
        "uses MKL for float32 and oneDNN for bfloat16.",
        "",
        "| what | " + " | ".join(PRECISIONS) + " |",
        "|---|" + "---:|" * len(PRECISIONS),
    ]
    for name in facts["ceilings"]["float32"]:
        cells = [facts["ceilings"][p].get(name) for p in PRECISIONS]
        digits = 1 if "values" in name else 0
        lines.append(f"| {name} | {' | '.join('' if v is None else f'{v:,.{digits}f}' for v in cells)} |")
    lines += [
        "",
        "## The step relative to the limits",
        "",
        "Forward, backward, gradient clipping and Adam in a new process that retains freed memory, as the",
        "training commands do. FLOPs and bytes are summed over all operations; bytes are those read and",
        "written. A share is the minimum time, at the best rates above, relative to the time measured: if",
        "only products took time, if only memory did, and if each operation took the longer of the two.",
        "`layer by layer`: as the formulas are written. B computes the same with less: the embedding and the",
        "linear layer before the decoder are part of the products that follow, and only the hidden joints",
        "are predicted.",
        "",
        "| network | precision | clips | seconds | clips/s | peak memory | TFLOP | GB moved | products | memory |"
        " either | limit |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for step in facts["steps"]:
        share = step["shares"]
        limit = "memory" if share["memory share"] > share["matmul share"] else "products"
        lines.append(
            f"| {step['network']} | {step['precision']} | {step['clips']} | {step['seconds']:.2f} |"
            f" {step['clips'] / step['seconds']:,.0f} | {step['gigabytes']:.1f} GiB |"
            f" {share['gigaflops'] / 1e3:.3f} | {share['moved gigabytes']:.1f} | {share['matmul share']:.0%} |"
            f" {share['memory share']:.0%} | {share['either share']:.0%} | {limit} |"
        )
    lines += ["", *against_memory(facts["steps"])]
    lines += [
        "",
        "## Against a plain per-edge network",
        "",
        "The same weights and the same loss (to 1e-4, checked in the same run), with nodes in (pose, joint)",
        "order, `index_select` and `index_add` per edge, batch norm and `nn.PReLU`. `messages`: message",
        "passing of one layer with its gradient, per edge or as a product with the adjacency matrix. `PReLU`:",
        "`nn.PReLU` or ours.",
        f"{facts['ratio_clips']} clips, so that both fit in one process; in alternation; medians, with the",
        "quartiles of the ratio in parentheses.",
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
        "## What happens to freed memory",
        "",
        "`default`: glibc returns large blocks to the system, and causes a page fault for every 4 KiB when it",
        "needs them again. `huge pages`: the same with `THP_MEM_ALLOC_ENABLE=1`, 2 MiB per fault. `retained`:",
        "freed memory is retained for the next step, and unused memory is returned once a minute, as in",
        "`pretrain`, `evaluate` and `demo`. bf16, each in a new process; peak memory relative to before the",
        "first step. A1 is that of [results.md](results.md) with decoder cross.",
        "",
        "| network | clips | " + " | ".join(f"{name}, s" for name in MEMORY) + " | "
        + " | ".join(f"{name}, GiB" for name in MEMORY)
        + " |",
        "|---|---:|" + "---:|" * 2 * len(MEMORY),
    ]  # fmt: skip
    rows: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for row in facts["memory"]:
        rows.setdefault((row["network"], row["clips"]), []).append(row)
    for (network, num), group in rows.items():
        cells = [f"{row['seconds']:.2f}" for row in group] + [f"{row['gigabytes']:.1f}" for row in group]
        lines.append(f"| {network} | {num} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def against_memory(steps: list[dict[str, Any]]) -> Iterator[str]:
    """Compare the time of B with the time that memory alone would take layer by layer."""
    for precision in PRECISIONS:
        plain, ours = (
            next(step for step in steps if (step["network"], step["precision"]) == (network, precision))
            for network in (LAYER_BY_LAYER, "B")
        )
        memory_seconds = plain["shares"]["memory share"] * plain["seconds"]
        share, ratio = memory_seconds / ours["seconds"], plain["seconds"] / ours["seconds"]
        yield f"- {precision}: at the rate of memory, what is moved layer by layer takes {memory_seconds:.2f} s."
        yield f"  That is {share:.0%} of the time of B (goal in bf16: {GOAL:.0%}). B is {ratio:.2f} times as fast"
        yield "  as layer by layer."
    yield ""
    yield "Blocks that stay in the cache would help little in bfloat16: an operation on single values is about as"
    yield "fast from memory (`leaky ReLU` above), because it is limited by its conversions to float32 and back."
    yield "The gradient of every weight, the product (64, n) x (n, 64), is slower than the other products."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="repeats of each")
    parser.add_argument("--clips", type=int, default=1024, help="clips per step")
    parser.add_argument("--quick", action="store_true", help="a few clips, one repeat, one process: a smoke test")
    parser.add_argument(
        "--out", type=Path, help="folder for graph.md and graph.json; if not given, they are printed"
    )
    parser.add_argument("--step", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    threads = int(os.environ.get("OMP_NUM_THREADS", 1))
    torch.set_num_threads(threads)
    if arguments.step:
        network, num, precision, memory, repeats = arguments.step
        return print(json.dumps(measure_step(network, int(num), precision, memory, int(repeats))))
    if arguments.quick:
        arguments.clips, arguments.repeats = 8, 1
    retain_freed_memory()
    num_clips, repeats = max(arguments.clips // 4, 1), arguments.repeats
    rows, side = (4096, 128) if arguments.quick else (2**19, 2048)
    facts = environment(threads, arguments.repeats) | {"rows": rows, "ratio_clips": num_clips}
    loads = [os.getloadavg()[0]]
    facts["ceilings"] = {precision: ceilings(precision, rows, side) for precision in PRECISIONS}
    run = measure_step if arguments.quick else measure_step_in_new_process
    facts["steps"], facts["memory"] = [], []
    for precision in PRECISIONS:
        for network in (LAYER_BY_LAYER, "B"):
            step = run(network, arguments.clips, precision, "retained", min(repeats, 3))
            facts["steps"].append(step | {"shares": shares(step, facts["ceilings"][precision])})
            loads.append(os.getloadavg()[0])
    for network, num in (("B", num_clips), ("B", arguments.clips), ("A1", min(A1_CLIPS, arguments.clips))):
        for memory in MEMORY:
            facts["memory"].append(run(network, num, "bf16", memory, min(repeats, 2)))
            loads.append(os.getloadavg()[0])
    facts["rows_of_ratios"] = [row for case in cases(num_clips) for row in measure(case, repeats)]
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

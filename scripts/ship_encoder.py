"""Make a shipped encoder of a pre-trained checkpoint: half-precision weights, model card, entry of the index.

    python scripts/ship_encoder.py runs/nw_ucla-mamp --name kinect20 --commit abc1234 \\
        --recipe recipes/nw_ucla/mamp.yaml --device "one core of a CPU"
    skeletonmae evaluate recipes/nw_ucla/mamp.yaml --checkpoint kinect20 --out runs/kinect20
    python scripts/ship_encoder.py ... --results runs/kinect20 --untrained runs/kinect20-scratch

The second call adds the results to the card; the file with the weights stays the same. `encoder_card.py`
writes the card again without the run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from encoder_card import TEXTS, evaluation_rows, make_card, recordings_used, training_hours
from encoder_facts import CardFacts, facts_file

from skeletonmae.checkpoint import load_checkpoint, save_encoder
from skeletonmae.encoders.identity import weights_checksum
from skeletonmae.encoders.shipped import FOLDER, INDEX, Index, ShippedEncoder
from skeletonmae.errors import InputError
from skeletonmae.evaluation.saved_results import SavedResults
from skeletonmae.files import atomic_file
from skeletonmae.recipe import Recipe

TERMS = "TERMS.md"
"""Page with the terms of all encoders, one of the license files of the wheel."""
COMMITS = "commits.txt"
"""File in the folder of a run: the commits that it was trained with, one a line, in the order of their use."""
START = "start.txt"
"""File in the folder of a run: the encoder that it started from, in words."""


def ship(
    checkpoint: Path,
    name: str,
    facts: dict[str, str],
    results: Sequence[Path] = (),
    untrained: Sequence[Path] = (),
    folder: Path = FOLDER,
    bridge_seconds: float | None = None,
) -> Path:
    """Write the files of an encoder and its entry of the index; return the file with the weights.

    All of them are written under hidden names and then renamed, so that an error leaves everything as it was.

    Args:
        checkpoint: The folder of a run, or its model.safetensors.
        name: Name of the encoder.
        facts: What the checkpoint does not know, for the card. The commit is by default that of the training.
        results: Folders of evaluations of the encoder.
        untrained: Folders of evaluations of the same network with random weights.
        folder: Where to write.
        bridge_seconds: Longest gap that the shipped encoder bridges; by default that of the pre-training.

    Raises:
        InputError: There is no text for the card, or the encoder is too large.
    """
    if name not in TEXTS:
        raise InputError("there is no text for the card of this encoder", expected=", ".join(TEXTS), got=name)
    model = load_checkpoint(checkpoint)
    if bridge_seconds is not None:
        trained = model.header.clips
        clips = trained.model_copy(update={"bridge_seconds": bridge_seconds})
        model = replace(model, header=model.header.model_copy(update={"clips": clips}))
        bridging = f"{bridge_seconds:g} s in the shipped file, {trained.bridge_seconds:g} s in the pre-training"
        facts = {**facts, "bridging of gaps": bridging}
    commits = read_commits(model.path.parent) if model.path else []
    facts = {"commit": ", then ".join(commits) or "unknown", **facts}
    hours = {"duration": training_hours(model.path.parent, model.header.recipe)} if model.path else {}
    sources = Recipe.model_validate(model.header.recipe).data.pretrain_sources
    if model.path and (start := model.path.parent / START).exists():
        facts = {"started from": start.read_text(encoding="utf-8").strip(), **facts}
    text, file = TEXTS[name], folder / f"{name}.safetensors"
    with tempfile.TemporaryDirectory() as temporary:
        draft = Path(temporary) / file.name
        save_encoder(draft, model, text.license)
        content = draft.read_bytes()
        if len(content) > text.max_bytes:
            expected = f"at most {text.max_bytes} bytes"
            raise InputError("the encoder is too large", where=file, expected=expected, got=len(content))
        known = CardFacts(
            weights=weights_checksum(draft),
            facts={**facts, **hours},
            used={source.store.name: recordings_used(source) for source in sources},
            results=evaluation_rows(
                *([SavedResults.read(path) for path in paths] for paths in (results, untrained))
            ),
        )
        card = make_card(name, load_checkpoint(draft), known)
    entry = ShippedEncoder(name=name, sha256=known.weights, license=text.license, summary=text.summary)
    index, terms = folder / INDEX, folder / TERMS
    others = Index.model_validate_json(index.read_bytes()).encoders if index.exists() else ()
    encoders = (*(one for one in others if one.name != name), entry)
    contents = {
        file: content,
        folder / f"{name}.md": card.encode(),
        facts_file(name, folder): f"{known.model_dump_json(indent=1)}\n".encode(),
        index: f"{Index(encoders=encoders).model_dump_json(indent=1)}\n".encode(),
    }
    if terms.exists():
        contents[terms] = add_terms(terms.read_text(encoding="utf-8"), name, text.license).encode()
    write_together(contents)
    return file


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Write several files: all of them, or none if one cannot be written.

    Args:
        contents: File -> its content.
    """
    with ExitStack() as stack:
        for path, content in contents.items():
            stack.enter_context(atomic_file(path)).write_bytes(content)


def read_commits(run: Path) -> list[str]:
    """Return the commits that a run was trained with; none if they were not recorded."""
    file = run / COMMITS
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def add_terms(page: str, name: str, license: str) -> str:
    """Return the page with the terms of all encoders with a row for an encoder that has none.

    Raises:
        InputError: The page has no table.
    """
    lines = page.splitlines()
    rows = [number for number, line in enumerate(lines) if line.startswith("|")]
    if not rows:
        raise InputError("the page with the terms has no table of encoders", where=TERMS)
    if not any(lines[number].startswith(f"| `{name}` |") for number in rows):
        lines.insert(rows[-1] + 1, f"| `{name}` | {license[0].upper()}{license[1:]}. |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Read the command line, and ship an encoder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--name", required=True)
    parser.add_argument(
        "--commit", help=f"commit that the encoder was trained with; by default those of {COMMITS} in its run"
    )
    parser.add_argument("--recipe", required=True, help="recipe that the encoder was trained with")
    parser.add_argument("--device", required=True, help="device that the encoder was trained on, in words")
    parser.add_argument("--results", type=Path, nargs="*", default=[])
    parser.add_argument("--untrained", type=Path, nargs="*", default=[])
    parser.add_argument(
        "--bridge-seconds", type=float, help="longest gap that is bridged, in place of the recipe's"
    )
    options = parser.parse_args()
    facts = {"recipe": f"`{options.recipe}`", "device": options.device}
    facts |= {"commit": options.commit} if options.commit else {}
    try:
        settings = {"bridge_seconds": options.bridge_seconds}
        file = ship(options.checkpoint, options.name, facts, options.results, options.untrained, **settings)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{file}: {file.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Nothing needs fork or a path without spaces: the whole way with processes that are spawned, as on Windows and macOS."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[1]


def whole_way(folder: str, encoder: str) -> dict[str, Any]:
    """Prepare and embed by command, read, load in a worker, fit in two processes, save and predict."""
    os.chdir(folder)
    from joblib import Parallel, delayed
    from sklearn.model_selection import GroupKFold, cross_val_score
    from torch.utils.data import DataLoader

    import skeletonmae
    from skeletonmae.cli import main
    from skeletonmae.transforms import ClipConfig

    statuses = [
        main(["prepare", "my recordings ä", "my stores 小/mine", "--workers", "2"]),
        main(["embed", "my recordings ä", "--encoder", encoder, "--out", "features ü.npz", "--device", "cpu"]),
    ]
    recordings = skeletonmae.read("my recordings ä")
    labels = [recording.label for recording in recordings]
    subjects = [recording.tags["subject"] for recording in recordings]
    dataset = skeletonmae.SkeletonDataset("my stores 小/mine", ClipConfig(frames=8))
    batches = list(DataLoader(dataset, batch_size=12, num_workers=1))
    classifier = skeletonmae.SkeletonClassifier(encoder="none")
    accuracy = cross_val_score(classifier, recordings, labels, groups=subjects, cv=GroupKFold(4), n_jobs=2)
    classifier.fit(recordings, labels).classifier_.save("my classifier ä.safetensors")
    loaded: Any = skeletonmae.load("my classifier ä.safetensors")
    halves = Parallel(n_jobs=2)(delayed(loaded.predict_proba)(recordings[side::2]) for side in (0, 1))
    best = [loaded.classes[row.argmax()] for row in halves[0]]
    return {
        "statuses": statuses,
        "shapes": [list(batch["positions"].shape) for batch in batches],
        "accuracy": accuracy.mean(),
        "is_right": best == labels[::2],
    }


@pytest.mark.slow
def test_with_spawned_processes(tmp_path: Path) -> None:
    from samples.motion import write_folder

    folder = tmp_path / "my work ä 動作"
    write_folder(folder / "my recordings ä")
    encoder = TESTS / "fixtures" / "frozen" / "encoder.safetensors"
    command = [sys.executable, __file__, folder, encoder]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=500, check=False)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["accuracy"] > 0.9
    assert answer == answer | {"statuses": [0, 0], "shapes": [[12, 2, 8, 20, 3]] * 2, "is_right": True}
    assert sorted(path.name for path in folder.iterdir()) == [
        "features ü.npz", "my classifier ä.safetensors", "my recordings ä", "my stores 小",
    ]  # fmt: skip


if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    print(json.dumps(whole_way(*sys.argv[1:])))

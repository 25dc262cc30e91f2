"""Makes the files beside it with the libraries that people use: `pip install pandas tables sleap-io`, then run it.

Not run by the tests, which would need those libraries. Every coordinate is `place(...)` of its indices.
Made with pandas 3.1.1, tables 3.11.1 and sleap-io 0.9.5.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import sleap_io as sio

HERE = Path(__file__).parent
PARTS = ["snout", "leftEar", "rightEar", "tail base"]
LOST = (1, 0, 2)  # person, frame, joint


def place(person: int, frame: int, joint: int) -> list[float]:
    return [100 * person + 10 * frame + joint + 0.25, 1000 + 100 * person + 10 * frame + joint + 0.5]


def pack(name: str) -> None:
    path = HERE / name
    with (HERE / f"{name}.gz").open("wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
        packed.write(path.read_bytes())
    path.unlink()


def deeplabcut() -> None:
    names = ["scorer", "individuals", "bodyparts", "coords"]
    columns = pd.MultiIndex.from_product([["net"], ["m1", "m2"], PARTS, ["x", "y", "likelihood"]], names=names)
    cells = [
        [v for person in range(2) for joint in range(4) for v in (*place(person, frame, joint), 0.9)]
        for frame in range(3)
    ]
    table = pd.DataFrame(cells, columns=columns)
    table.loc[LOST[1], ("net", "m2", PARTS[LOST[2]], "likelihood")] = 0.3
    table.to_hdf(HERE / "table.h5", key="df_with_missing", format="table", mode="w")
    table.to_hdf(HERE / "fixed.h5", key="df_with_missing", mode="w")
    single = table["net"]["m1"]
    single.columns = pd.MultiIndex.from_tuples(
        [("net", *name) for name in single.columns], names=[names[0], *names[2:]]
    )
    single.to_csv(HERE / "single.csv")


def sleap() -> None:
    edges = [("leftEar", "snout"), ("leftEar", "rightEar"), ("snout", "tail base")]
    skeleton = sio.Skeleton(PARTS, edges=edges, symmetries=[("leftEar", "rightEar")], name="mouse")
    video = sio.Video(filename="mice.mp4", open_backend=False)
    tracks = [sio.Track("m1"), sio.Track("m2")]
    frames = []
    for frame in range(3):
        animals = []
        for person, track in enumerate(tracks):
            points = np.array([place(person, frame, joint) for joint in range(4)])
            if (person, frame) == LOST[:2]:
                points[LOST[2]] = np.nan
            guess = points + 7 if (person, frame) == (0, 1) else points  # a human puts this right below
            instance = sio.PredictedInstance.from_numpy(
                guess, skeleton=skeleton, track=track, point_scores=np.full(4, 0.9), score=0.9
            )
            animals.append(instance)
            if (person, frame) == (0, 1):
                animals.append(sio.Instance.from_numpy(points, skeleton=skeleton, track=track))
                animals[-1].from_predicted = instance
        frames.append(sio.LabeledFrame(video=video, frame_idx=frame, instances=animals))
    labels = sio.Labels(frames, videos=[video], skeletons=[skeleton], tracks=tracks)
    labels.save(str(HERE / "project.slp"))
    sio.save_analysis_h5(labels, str(HERE / "analysis.h5"))
    sio.save_analysis_h5(labels, str(HERE / "frames_first.h5"), preset="standard")


if __name__ == "__main__":
    deeplabcut()
    sleap()
    for name in ("table.h5", "fixed.h5", "project.slp", "analysis.h5", "frames_first.h5"):
        pack(name)

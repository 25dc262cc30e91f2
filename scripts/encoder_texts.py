"""What the model cards of the shipped encoders say besides numbers: uses, terms, limits."""

from __future__ import annotations

from typing import NamedTuple


class Text(NamedTuple):
    """What a card says besides numbers."""

    license: str
    summary: str
    uses: str
    limits: str
    not_tested: str
    data: str = "No labels were used, and no recording of a test side."
    """What was left out of the training."""
    license_id: str = "other"
    """Identifier of the license for the hub; `other` is for research and non-commercial use."""
    max_bytes: int = 4 * 2**20
    """Largest size of the file with the weights."""


class Terms(NamedTuple):
    """Where recordings come from, and under which terms."""

    title: str
    source: str
    license: str


OTHER_SOURCES = {
    "cmu": Terms(
        "CMU Graphics Lab Motion Capture Database, subjects 01 to 03",
        "mocap.cs.cmu.edu; the database was created with funding from NSF EIA-0196217",
        "free for all uses, also commercial; the recordings themselves may not be resold",
    )
}
"""Stores that are no dataset of the package."""

UNSEEN = """Recordings show people in front of a sensor or a camera, and actors of motion capture: adults,
and in Kinder-Gator also children. The encoder was not tested on elderly people, on people with motor impairments
or who use a wheelchair, on animals, on people who lie or are partly hidden, or on long recordings. It must not be
used for decisions about a person's health, safety or rights."""

ANY_LIMITS = """- It reads a recording as one action, resampled to a fixed number of frames. Cut long ones first.
- Joints of names that it does not know are used through their place in the layout, less well than known ones.
- Features of a 2D recording and of the same motion in 3D differ; see `benchmarks/self_retrieval.md`. Fit and use a
  classifier on recordings of one kind.
- At most two persons enter the features of a recording; with `per_person`, every person has features of its own.
- Random, augmented views (`views`) can help or harm; choose by cross-validation.
- It is a single pre-training; how much results vary from seed to seed was not measured.
- The first person gives the place, size and direction of a clip: exchanging two persons changes the features.
- It is no substitute for recordings of one's own: at a quarter of the schedule of `small`, the same network,
  pre-trained on the training side of one dataset alone, was as good on that dataset or better
  (`benchmarks/encoder_ablations.md`)."""

NW_UCLA_LIMITS = (
    """- Cameras 1 and 2 of NW-UCLA, which it saw without labels, show the performances that camera 3 tests."""
)
"""Of the encoders that were trained on NW-UCLA."""

ANY_USES = """Features of short clips of one action, 2D or 3D, from which a few labeled clips make a classifier.
Any layout is read: joints are matched by name, and others are used through their side and their place in the
layout."""

ANY_DATA = """No labels were used, no recording of a test side, and no copy of one: 95 training recordings of
NW-UCLA, which its public files repeat in the test side, were left out (`recipes/encoders/left_out`). No recording
of SBU or of `pyskl_sample` was used. Of Bandai-Namco, every second take was used. Recordings of
Bandai-Namco and CMU are pieces of up to some seconds: 1,303 of 905 takes, and 143 of 28."""

RESEARCH = (
    "for research and non-commercial use only; trained on NW-UCLA, UTD-MHAD, Kinder-Gator, MSR-Action3D, Penn"
    " Action and Bandai-Namco (CC BY-NC 4.0), whose terms the model card names"
)

TEXTS = {
    "small": Text(
        license=RESEARCH,
        summary="2D and 3D skeletons of any layout, unit and frame rate; small, pre-trained by MAMP",
        uses=ANY_USES,
        limits=f"{ANY_LIMITS}\n{NW_UCLA_LIMITS}",
        not_tested=UNSEEN,
        data=ANY_DATA,
    ),
    "base": Text(
        license=RESEARCH,
        summary="2D and 3D skeletons of any layout, unit and frame rate; pre-trained by MAMP",
        uses=ANY_USES,
        limits=f"{ANY_LIMITS}\n{NW_UCLA_LIMITS}",
        not_tested=UNSEEN,
        data=ANY_DATA,
        max_bytes=16 * 2**20,
    ),
    "free": Text(
        license="Apache License 2.0; trained only on synthetic motion and on CMU, whose terms allow it",
        summary="2D and 3D skeletons of any layout, under a free license: pre-trained on synthetic motion and CMU",
        uses=ANY_USES,
        limits=ANY_LIMITS,
        not_tested=UNSEEN.replace(",\nand in Kinder-Gator also children", ""),
        data="No labels were used, and no recording of any of the datasets in the table of results.",
        license_id="apache-2.0",
    ),
    "kinect20": Text(
        license=(
            "for research and non-commercial use only; trained on NW-UCLA, UTD-MHAD, Kinder-Gator and"
            " MSR-Action3D, whose terms the model card names"
        ),
        summary="3D skeletons of one or two persons with joints of the Kinect; pre-trained without labels by MAMP",
        uses="""Features of short clips of one action in 3D, from which a few labeled clips make a classifier. The
encoder knows the 20 joints of Kinect v1 by name, so it also reads other layouts as far as they share names:
`sbu15`, `ntu25`, `azure32`, `smpl24`, or your own. It does not use other joints.""",
        limits="""- 3D coordinates in meters, y up. 2D recordings are refused, and so are those in an unknown unit.
- A clip is resampled to 64 frames, whatever its duration: the encoder does not see how fast a motion is.
- A clip is centered on the center of the body (the spine, in the layouts of the Kinect); if this joint was never
  observed, on the mean of the joints that were. The features are then others than with it.
- At most two persons enter the features of a recording; with `per_person`, every person has features of its own.
- It was trained on 20 joints. Layouts that have few of them, or that place a joint of the same name elsewhere on
  the body, give worse features.
- Bodies are not scaled to one size, so features of children and adults differ.
- Fine movements of the hands are its weakness: a hand is one joint, which the Kinect measures coarsely.
- A gap of up to 0.25 s, or of 8 frames where the frame rate is unknown, is bridged; this was not so in the
  pre-training, whose recordings have few gaps. What is not bridged harms much: interpolate longer gaps first, or
  cut the recording there.
- Random, augmented views (`views`) can help or harm; choose by cross-validation.
- It is a single pre-training; how much results vary from seed to seed was not measured.
"""
        + NW_UCLA_LIMITS,
        not_tested="""The training sets show people in front of a depth sensor, indoors: adults, and in
Kinder-Gator also children. The encoder was not tested on elderly people, on people with motor impairments or who
use a wheelchair, on people who lie or are partly hidden, on outdoor recordings, on motion capture, or on poses
estimated from video. It must not be used for decisions about a person's health, safety or rights.""",
        data="""No labels were used, and no recording of a test side; but in the public files of NW-UCLA, 95 of the
464 test recordings are copies of training recordings.""",
    ),
}

NOT_MEASURED = "- Not measured with these weights: what noise on the joints and lost frames cost, and fine-tuning."
"""What the card of weights says that have no text in `WEIGHTS_TEXTS`."""
WEIGHTS_TEXTS = {
    # small
    "45d6866c4a02f60e8cb0080b737d6c94893a1bf3b4dc7903bf9e17f8639f44f4": """\
- With the pooling `parts`, it is not better than the untrained network on UTD-MHAD with all labels, whose classes
  differ in fine movements of the hands. `statistics` is.
- White noise on the joints (training subjects of UTD-MHAD, seen without labels; `benchmarks/encoder_noise.md`):
  with the pooling `statistics` 92.1 without noise, 92.1 at 1 mm, 89.8 at 2 mm, 81.0 at 5 mm, 67.7 at 10 mm; with
  `parts` 83.1, 77.7, 66.6, 60.1 and 52.4.
- Fine-tuned with a tenth of the labels of UTD-MHAD (54 clips, three seeds), it recognizes 70.8 % (the same network
  from scratch: 65.2 %), which is no more than a discriminant analysis of its frozen features does: 71.0 % (its
  script was not kept).
- The first 9,471 steps were made by a learning rate that would have ended after 500 epochs, the rest by one that
  ends after 360; `make encoders` trains 360 from the start.""",
    # base
    "600af939a3b68416e9dcda9f5fa1633d22b998b90987dee717c090ecc4963d91": """\
- With all labels it is 0.2 to 3.1 points behind `small` on all seven datasets, which is within their intervals;
  with few clips it is level with it.
- White noise on the joints (training subjects of UTD-MHAD, seen without labels; `benchmarks/encoder_noise.md`):
  with the pooling `statistics` 92.1 without noise, 91.6 at 1 mm, 91.4 at 2 mm, 85.8 at 5 mm, 76.1 at 10 mm;
  `small` has 81.0 at 5 mm and 67.7 at 10 mm. On those of MSR-Action3D 83.2 without noise and 80.1 at 5 mm, where
  `small` has 80.8 and 81.2.
- The decoder started from random weights, because shipped encoders have none. Between the training of `small` and
  this one, the store of Kinder-Gator was prepared again: 99,787 instead of 91,346 frames of the same recordings.
- Not measured with these weights: what lost frames cost, and fine-tuning.""",
    # free
    "36eb8c9810c3a1a6633094eeab2fc373cc883b5a2ab4a82a752b34aa112d62c5": """\
- White noise on the joints (training subjects of UTD-MHAD; `benchmarks/encoder_noise.md`): with the pooling
  `statistics` 91.9 without noise, 91.4 at 1 mm, 90.5 at 2 mm, 82.1 at 5 mm, 65.9 at 10 mm.
- Not measured with these weights: what lost frames cost, and fine-tuning.""",
    # kinect20
    "3a880b89a64ebdcad4adaf29def4cd15ed7cff10a2344f1190f1b37bf5dc987c": """\
- Of the test recordings of NW-UCLA, a linear probe on `parts` (by L-BFGS) recognizes 87.1 %, with a tenth of the
  frames missing at random, which are bridged, 84.9 %, with half of them 72.2 %. With a tenth of the frames of each
  clip unobserved, which are not bridged, it is 29.3 %.
- The table of results was measured with these weights before gaps were bridged. Of its recordings, 1 of NW-UCLA
  and 15 of MSR-Action3D have gaps.
- Only the layouts `kinect20` and `sbu15` were evaluated. SBU, of which no recording was used in training, was
  evaluated on one of its five folds: 55 clips.""",
}
"""SHA-256 of the weights -> limits that are true of one training alone."""

"""What persons do in the videos of video_check.py, second by second, written down before any prediction.

An action counts if the person is in the midst of it in at least half of the frames of a second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

MULTI, DEMO, SQUATS = "pose2sim_multi_cam01.mp4", "sports2d_demo.mp4", "tfjs_squat_5fps.mp4"
VIEWS = tuple(f"pose2sim_single_cam0{number}.mp4" for number in (1, 2, 3, 4))
SIGNS = ("again", "brother", "hungry", "night", "school", "student")


class Action(NamedTuple):
    """One repetition of an action from rest to rest, in frames of the video; the end is the frame after it."""

    video: str
    person: int
    start: int
    end: int
    action: str


class Seen(NamedTuple):
    """What somebody does until a second; `action` is its name in Penn Action, empty if it has none."""

    until: float
    what: str
    action: str = ""


BEAM = (Seen(9, "walks on a beam, leans far to one side"),)

CONTENTS: dict[str, dict[str, tuple[Seen, ...]]] = {
    **{view: {"walker": BEAM} for view in VIEWS},
    MULTI: {"woman from behind": (Seen(9, "stands, raises both arms once"),), "performer": BEAM},
    DEMO: {
        "jumper": (
            Seen(1, "first jumping jack", "jumping jacks"),
            Seen(2, "end of the first, beginning of the second jumping jack", "jumping jacks"),
            Seen(3, "second jumping jack, from 2.5 s on stands", "jumping jacks"),
            Seen(4, "turns to the side, walks to the edge of a roof"),
            Seen(5, "walks to the edge, raises the arms"),
            Seen(9, "leans forward, jumps into a somersault"),
        ),
        "walker": (Seen(9, "walks"),),
        "jumper, landed": (Seen(7, "lands in a crouch, gets up"), Seen(9, "walks away")),
    },
    SQUATS: {
        "woman": (
            Seen(1, "stands, from 0.7 s on goes down"),
            Seen(2, "first squat, down", "squat"),
            Seen(3, "first squat, up", "squat"),
            Seen(4, "comes to stand"),
            Seen(5, "stands"),
            Seen(6, "stands, from 5.6 s on goes down"),
            Seen(7, "second squat, down", "squat"),
            Seen(8, "second squat, up", "squat"),
            Seen(9, "comes to stand"),
            Seen(10, "stands"),
            Seen(11, "stands, from 10.5 s on goes down"),
            Seen(12, "third squat, down", "squat"),
            Seen(14, "third squat, on the way up at the end", "squat"),
        )
    },
    **{f"intel_sign_{sign}.mkv": {"signer": (Seen(9, f"signs “{sign}”"),)} for sign in SIGNS},
}
"""Video -> person -> what the person does. Persons are in the order of the recordings, the largest first."""

ACTIONS = (
    Action(SQUATS, 0, 2, 19, "squat"),
    Action(SQUATS, 0, 25, 43, "squat"),
    Action(DEMO, 0, 0, 42, "jumping jacks"),
    Action(DEMO, 0, 42, 78, "jumping jacks"),
)
"""All repetitions of actions of Penn Action that the videos show from beginning to end."""


def seen_at(persons: Mapping[str, Sequence[Seen]], person: int, second: float) -> tuple[str, Seen]:
    """Return the name of a person of a video, and what the person does in the second that begins then.

    Args:
        persons: The entry of the video in `CONTENTS`.
        person: Index of the person in the recording.
        second: Beginning of the second.
    """
    name, seen = list(persons.items())[person]
    return name, next(one for one in seen if second < one.until)

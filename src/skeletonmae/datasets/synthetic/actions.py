"""The actions of one person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from skeletonmae.datasets.synthetic.gestures import (
    check_watch,
    clap,
    drink,
    phone_call,
    point,
    punch,
    scratch_head,
    stretch,
    throw,
    wave,
)
from skeletonmae.datasets.synthetic.stage import Stage
from skeletonmae.datasets.synthetic.whole_body import (
    bow,
    jump,
    kick,
    march,
    pick_up,
    run_in_place,
    sit_down,
    squat,
    stand_up,
    turn,
    walk,
)


@dataclass(frozen=True)
class Action:
    """How an action is performed and timed.

    Args:
        perform: Changes the pose of the stage.
        seconds: Range of the duration of one repetition, (minimum, maximum).
        repetitions: Range of the number of repetitions, (minimum, maximum).
        cyclic: Whether the action may start and end anywhere within a repetition.
        free_legs: Whether the action does not use the legs, so that the person may also sit or walk.
    """

    perform: Callable[[Stage], None]
    seconds: tuple[float, float]
    repetitions: tuple[float, float] = (1, 1)
    cyclic: bool = False
    free_legs: bool = False


ACTIONS: dict[str, Action] = {
    "walk": Action(walk, (0.95, 1.35), (2, 4), cyclic=True),
    "run in place": Action(run_in_place, (0.6, 0.9), (3, 6), cyclic=True),
    "march": Action(march, (0.8, 1.3), (2, 4), cyclic=True),
    "jump": Action(jump, (1.1, 1.5), (1, 3)),
    "squat": Action(squat, (1.5, 2.6), (1, 2)),
    "sit down": Action(sit_down, (1.2, 2.4)),
    "stand up": Action(stand_up, (1.2, 2.4)),
    "bow": Action(bow, (1.5, 3)),
    "pick up": Action(pick_up, (1.7, 3)),
    "kick": Action(kick, (1.1, 1.7), (1, 2)),
    "turn": Action(turn, (1.3, 2.6)),
    "wave": Action(wave, (0.45, 0.8), (3, 6), cyclic=True, free_legs=True),
    "clap": Action(clap, (0.35, 0.6), (4, 8), cyclic=True, free_legs=True),
    "throw": Action(throw, (1.2, 1.9), (1, 2)),
    "punch": Action(punch, (0.7, 1.2), (1, 3)),
    "drink": Action(drink, (2, 3.8), free_legs=True),
    "phone call": Action(phone_call, (2, 3.8), free_legs=True),
    "point": Action(point, (1.5, 3.2), free_legs=True),
    "scratch head": Action(scratch_head, (1.8, 3.6), free_legs=True),
    "check watch": Action(check_watch, (1.4, 3), free_legs=True),
    "stretch": Action(stretch, (2, 3.6), free_legs=True),
}
"""One-person actions by class name."""

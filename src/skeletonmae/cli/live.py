"""The command that recognizes actions in front of a camera. Slow imports are inside the functions."""

from __future__ import annotations

import json as json_module
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from rich.live import Live
from rich.text import Text
from tyro.conf import Positional, arg

from skeletonmae.cli.console import OK, escape_control, print_output, print_status, stderr
from skeletonmae.cli.output_paths import check_outputs
from skeletonmae.errors import InputError

if TYPE_CHECKING:
    from skeletonmae.inference.classifier import RecordingClassifier
    from skeletonmae.live.recognizer import LiveResult
    from skeletonmae.live.session import LiveSession, LiveSummary

ClassifierPath = Annotated[Positional[Path], arg(metavar="CLASSIFIER")]
REFRESH_SECONDS = 0.2
"""Seconds between two states of the display in a terminal."""
MANY_DROPPED = 0.2
"""Share of the frames that were dropped, from which this may be why there was no answer."""
SECONDS_BETWEEN_LINES = 15.0
"""Seconds between two lines where there is no terminal."""


def live(
    classifier: ClassifierPath,
    camera: int = 0,
    video: Path | None = None,
    every_frame: bool = False,
    page: bool = False,
    port: int = 8000,
    stage: bool = False,
    record: Path | None = None,
    persons: str = "all",
    estimator: str = "blazepose",
    pose_model: Path | None = None,
    unknown: Literal["on", "off"] = "on",
    device: str = "auto",
    json: bool = False,
) -> int:
    """Recognize what persons in front of a camera do, until Ctrl-C.

    Prints each answer with its latency: the time from when the motion began. Frames are dropped rather than
    delayed. A line says where the time of a frame goes. No image leaves the computer, and none is kept.

    For example::

        skeletonmae live classifier.safetensors
        skeletonmae live classifier.safetensors --page
        skeletonmae live classifier.safetensors --video clip.mp4 --every-frame --record session

    Args:
        classifier: Classifier that `fit` wrote, of clips of one action each.
        camera: Number of the camera.
        video: Video that is played as a camera would give it, in place of one.
        every_frame: Recognize every frame of the video, however long it takes.
        page: Show the picture with the skeletons and answers on a page in the browser, on this computer alone.
        port: Port of the page; 0 for any that is free.
        stage: Draw the skeletons on white on the page, without the picture.
        record: New folder for poses and answers: poses_2d.csv (pixels), poses_3d.csv (meters) and answers.jsonl.
        persons: Persons who are followed: all, largest, or so many of the largest ones.
        estimator: Pose estimator: blazepose, movenet or rtmpose.
        pose_model: ONNX file of the pose estimator rtmpose.
        unknown: Whether to give no answer for what resembles no training clip.
        device: Where the classifier computes: cpu, cuda, cuda:1 or mps; auto uses a GPU if there is one.
        json: Print each answer as a line of JSON, and at the end what happened.
    """
    from skeletonmae.live.page import LivePage
    from skeletonmae.live.recognizer import LiveRecognizer
    from skeletonmae.live.recorder import FPS, Recorder
    from skeletonmae.live.session import LiveSession
    from skeletonmae.live.sources import open_camera, open_file
    from skeletonmae.live.view import LiveView
    from skeletonmae.pose import make_estimator
    from skeletonmae.pose.person_choice import check_persons
    from skeletonmae.rendering.text import pillow

    if every_frame and video is None:
        raise InputError("--every-frame is for a video", expected="--video FILE")
    if stage and not page:
        raise InputError("--stage is for the page", expected="--page")
    check_outputs((record,), (classifier, video))
    if page:
        pillow()
    model = _load(classifier, device)
    if model.license:
        print_status(f"terms of {classifier}: {model.license}")
    poses = make_estimator(estimator, persons=check_persons(persons), model=pose_model)
    recognizer = LiveRecognizer(model, poses, unknown=unknown == "on")
    with ExitStack() as stack:
        if video:
            source = stack.enter_context(open_file(video, in_real_time=not every_frame))
        else:
            source = stack.enter_context(open_camera(camera))
        shown = stack.enter_context(LivePage(port)) if page else None
        recorder = None
        if record:
            fps = source.fps or FPS
            recorder = stack.enter_context(Recorder(record, poses.skeleton, poses.has_depth, fps))
        on_result = stack.enter_context(_display(json))
        view = LiveView(poses.skeleton, model.classes, stage=stage) if page else None
        session = stack.enter_context(
            LiveSession(recognizer, page=shown, view=view, recorder=recorder, on_result=on_result)
        )
        print_status(f"{video or f'camera {camera}'}: {', '.join(model.classes)}. Ctrl-C ends.")
        if shown:
            print_status(f"page: {shown.url}")
        try:
            summary = session.run(source, drop=not every_frame)
        except KeyboardInterrupt:
            summary = session.summary()
    _print_summary(summary, session, record, json)
    return OK


def _load(path: Path, device: str) -> RecordingClassifier:
    """A classifier of `fit`.

    Raises:
        InputError: It is something else.
    """
    from skeletonmae.inference.classifier import RecordingClassifier
    from skeletonmae.rendering.label_models import load_any_classifier

    model = load_any_classifier(path, device)
    if not isinstance(model, RecordingClassifier):
        problem = "a fine-tuned classifier of `evaluate` cannot answer frame by frame"
        raise InputError(problem, where=path, expected="a classifier that `skeletonmae fit` wrote")
    return model


@contextmanager
def _display(json: bool) -> Iterator[Callable[[LiveResult, LiveSession], None]]:
    """Print answers to stdout as they come; show persons and budget on a terminal, elsewhere now and then."""
    with ExitStack() as stack:
        screen = None
        if stderr.is_terminal:
            # Answers appear above the display if they go to the same terminal, and else where they are sent.
            screen = stack.enter_context(
                Live(
                    Text(),
                    console=stderr,
                    auto_refresh=False,
                    transient=True,
                    redirect_stdout=sys.stdout.isatty(),
                )
            )
        last = [time.monotonic()]

        def on_result(result: LiveResult, session: LiveSession) -> None:
            for decision in result.decisions:
                if json:
                    _print_json_line(
                        {
                            "person": decision.person,
                            "label": decision.label,
                            "probability": round(decision.probability, 4),
                            "time": round(decision.time, 3),
                            "latency": round(decision.latency, 3),
                        }
                    )
                else:
                    when = f"{decision.time:.1f} s, person {decision.person}"
                    latency = f"{decision.latency:.1f} s after it began"
                    print_output(f"{when}: {decision.label} {decision.probability:.0%}, {latency}")
            now = time.monotonic()
            if screen and now - last[0] >= REFRESH_SECONDS:
                last[0] = now
                screen.update(Text(escape_control(_describe(result, session))), refresh=True)
            elif not screen and now - last[0] >= SECONDS_BETWEEN_LINES:
                last[0] = now
                print_status(session.budget_line)

        yield on_result


def _describe(result: LiveResult, session: LiveSession) -> str:
    """What every person does, a line each, and the budget."""
    lines = []
    for person in result.persons:
        answer = person.answer
        what = f"{answer.label} {answer.probability:.0%} ({answer.latency:.1f} s)" if answer else "..."
        lines.append(f"person {person.number}: {what}")
    return "\n".join([*(lines or ["nobody is seen"]), session.budget_line])


def _why_no_answer(summary: LiveSummary, session: LiveSession) -> Iterator[str]:
    """Say what may be the reason of a session without answers, and what to do."""
    window = session.recognizer.window_seconds
    if summary.seconds < window:
        yield f"a window is {window:.1f} s long, and an answer comes after at least two of them, which overlap"
        return
    if not session.recognizer.num_persons:
        yield "nobody was seen; a person must fill about a fifth of the picture"
        return
    if summary.num_dropped > MANY_DROPPED * summary.num_read:
        needs_depth = session.recognizer.axes == 3
        faster = "`--persons 1` is" if needs_depth else "`--persons 1` and `--estimator movenet` are"
        yield (
            f"{summary.num_dropped} of {summary.num_read} frames were dropped, because this computer is slower"
            f" than the camera, and with few frames fast motion looks different; {faster} faster, and"
            " `--every-frame` takes every frame of a video"
        )
    unknown = "; `--unknown off` does not ask whether they do" if session.recognizer.unknown else ""
    yield f"no two windows in a row showed motion, were sure of one class and resembled training clips{unknown}"


def _print_json_line(values: dict[str, object]) -> None:
    sys.stdout.write(json_module.dumps(values) + "\n")
    sys.stdout.flush()


def _print_summary(summary: LiveSummary, session: LiveSession, record: Path | None, json: bool) -> None:
    if json:
        milliseconds = {stage: round(value, 2) for stage, value in session.recognizer.budget.milliseconds.items()}
        _print_json_line(
            {
                "frames": summary.num_frames,
                "dropped": summary.num_dropped,
                "seconds": round(summary.seconds, 3),
                "answers": summary.num_answers,
                "milliseconds": milliseconds,
                "record": str(record) if record else None,
            }
        )
    else:
        print_status(session.budget_line)
        answers = "1 answer" if summary.num_answers == 1 else f"{summary.num_answers} answers"
        print_status(f"{answers} in {summary.seconds:.1f} s, {summary.num_frames} frames")
        if not summary.num_answers:
            for reason in _why_no_answer(summary, session):
                print_status(f"note: {reason}")
        if record:
            print_output(f"poses and answers: {record}")

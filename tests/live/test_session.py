"""The loop shows and keeps every result."""

from __future__ import annotations

import http.client
import io
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fake_poses import FakeEstimator

from skeletonmae.live.page import LivePage
from skeletonmae.live.recognizer import LiveRecognizer
from skeletonmae.live.session import LiveSession
from skeletonmae.live.view import LiveView
from skeletonmae.rendering.colors import OVERLAY_SIDE_COLORS, SIDE_COLORS
from skeletonmae.skeletons import MEDIAPIPE33

LEFT_ANKLE = MEDIAPIPE33.index["left_ankle"]


@pytest.mark.parametrize("stage", [False, True])
def test_the_picture_has_skeletons_on_the_image_or_on_white(
    arm_classifier: Any, make_frames: Any, stage: bool
) -> None:
    pillow = pytest.importorskip("PIL.Image")
    recognizer = LiveRecognizer(arm_classifier, FakeEstimator(), unknown=False)
    result = [recognizer.update(frame) for frame in make_frames(3)][-1]
    assert result.persons[0].answer
    view = LiveView(MEDIAPIPE33, arm_classifier.classes, stage=stage)
    image = view.draw(result)
    x, y = np.rint(result.persons[0].points[LEFT_ANKLE]).astype(int)
    colors = SIDE_COLORS if stage else OVERLAY_SIDE_COLORS
    assert np.abs(image[y, x].astype(int) - colors["left"]).max() < 30
    assert image[120, 5].tolist() == ([255] * 3 if stage else [120] * 3)
    assert result.frame.image[y, x].tolist() == [120] * 3  # the frame itself is not drawn on
    with pillow.open(io.BytesIO(view.jpeg(result))) as picture:
        assert (picture.format, picture.size) == ("JPEG", (192, 128))


def test_pixels_are_those_of_the_source_and_the_picture_is_the_reduced_one(
    arm_classifier: Any, make_frames: Any
) -> None:
    recognizer = LiveRecognizer(arm_classifier, FakeEstimator())
    (frame,) = make_frames(0.05)
    result = recognizer.update(replace(frame, scale=(3.0, 2.0)))
    (pose,) = FakeEstimator().update(frame.image, 0.0)
    np.testing.assert_allclose(result.persons[0].points, pose.points * [3, 2], rtol=1e-5)
    image = LiveView(MEDIAPIPE33, arm_classifier.classes).draw(result)
    x, y = np.rint(pose.points[LEFT_ANKLE]).astype(int)
    assert np.abs(image[y, x].astype(int) - OVERLAY_SIDE_COLORS["left"]).max() < 30


def test_the_page_shows_persons_answers_and_the_end(arm_classifier: Any, make_frames: Any) -> None:
    recognizer = LiveRecognizer(arm_classifier, FakeEstimator(2), unknown=False)
    view = LiveView(MEDIAPIPE33, arm_classifier.classes)
    with LivePage(0) as page:
        page._last_request = float("inf")  # somebody looks
        session = LiveSession(recognizer, page=page, view=view)
        session.run(make_frames(3), drop=False)
        states = [_state(page)]
        session.finish()
        states.append(_state(page))
        jpeg = page._jpeg
    assert [person["label"] for person in states[0]["persons"]] == ["high", "high"]
    assert states[0]["persons"][0]["latency"] > 0
    assert {answer["person"] for answer in states[0]["answers"]} == {0, 1}
    assert "draw" in states[0]["budget"]
    assert (states[0]["ended"], states[1]["ended"]) == (False, True)
    assert jpeg.startswith(b"\xff\xd8")


def _state(page: LivePage) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=5)
    connection.request("GET", f"/{page.token}/state.json?after=-1")
    state = json.loads(connection.getresponse().read())
    connection.close()
    return state


def test_frames_are_dropped_where_the_recognizer_is_slow(arm_classifier: Any, make_frames: Any) -> None:
    seen = []
    session = LiveSession(
        LiveRecognizer(arm_classifier, FakeEstimator()), on_result=lambda result, _: seen.append(result.frame.time)
    )
    summary = session.run(make_frames(20))  # the source does not wait
    assert summary.num_frames == len(seen)
    assert seen == sorted(set(seen))
    assert summary.num_frames + summary.num_dropped == summary.num_read <= 400

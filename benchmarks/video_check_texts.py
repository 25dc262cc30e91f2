"""Paragraphs of the page of video_check.py."""

from __future__ import annotations

INTRODUCTION = """\
<!-- Written by benchmarks/video_check.py. -->
# Real videos

Thirteen short videos of people, looked at frame by frame with the skeletons drawn, and what a classifier says
of them. None is part of the project, and nobody can be recognized here: four
views of one walk over a beam of 1.7 s, and the same walk with a generated woman in front
(perfanalytics/pose2sim, BSD-3); a jumper and a walker (davidpagnon/Sports2D, BSD-3); squats
(tensorflow/tfjs-models, Apache-2.0); six signs (intel-iot-devkit/sample-videos, CC BY 4.0).

**They are not a test set.** Constants of the rules that say where a person is looked for (such as
`TRUNK_PER_WIDTH` and `TRUNK_PER_NECK`), and those of the prototype before them, were set while looking at some
of these videos. The settings of the classifier were not chosen on them.

**One take proves nothing.** The four views, and the performer of the fifth video, are one take of one man.
The squats are one take of one woman, and the jumping jacks two repetitions of one man. The numbers say what
can happen, not how often.

    OMP_NUM_THREADS=1 python benchmarks/video_check.py VIDEOS --store stores/penn_action
    OMP_NUM_THREADS=1 python benchmarks/video_check.py VIDEOS --parts memory
"""
STEADINESS = """\
## Jitter and swapped sides

What is measured, and other settings of the estimators, are on [their page](pose.md). The interval in
parentheses is that of 95 % over the frames of the video (2,000 resamples of blocks of 10 frames). Behind it
is the figure of the first implementation, a prototype with the same networks; `inside` says that it lies in
the interval.

| person | estimator | frames | ankle | wrist | swaps | first figures |
|---|---|---|---|---|---|---|"""
WORST = """
That leaves out the two other estimators of [their page](pose.md), which have the worst rows and no intervals here.
These are the rows of the jumper and the walker, ours first, then those of the first implementation:

| person | estimator | frames | ankle | wrist | swaps |
|---|---|---|---|---|---|"""
DIFFERENCES = """
What is known of the differences:

- *Absent persons.* The first implementation went on looking for a lost person in that person's last region. Here,
  only persons who were seen in the last frame are looked for like this (`pose/tracking.py`); an absent one must be
  found again. With regions of absent persons read too, the own detector had the landed jumper in 29 frames instead
  of 27, and in full resolution in 34 instead of 32. The first implementation had 41: most of it is not
  explained.
- *Resolution is not the reason.* With the frames in full resolution, the swaps of jumper, walker and landed
  jumper are 55, 41 and 3 with MoveNet alone, 49, 15 and 9 with BlazePose that MoveNet finds in every 10th frame,
  and 41, 15 and 9 with the own detector.
- *The filter that makes frames smaller counts.* With other filters of libswscale and OpenCV, MoveNet alone
  swaps sides of the jumper 43 to 68 times, instead of 65.

These figures were measured once with changed code; this script does not measure them."""
AGREEMENT = """\
## Against MoveNet alone

Median distance of twelve joints (shoulders, elbows, wrists, hips, knees and ankles) between BlazePose and
MoveNet alone, in percent of the height of the body. The first implementation had 1 to 3 % for the first three
persons, and 3 to 7 % for the other three.

| person | frames with both | distance |
|---|---|---|"""
VIEWS = """\
## Four views of one walk

3D poses of {frames} frames, each view rotated by `face_forward`, with the hips in one place. The distance is
the mean over frames and over the joints that both views observed. Frame i of one view is compared with frame
i of the other: the files have equally many frames of the same 1.7 s. If one view is shifted by up to 12
frames, the distance becomes at most {gain:.1f} cm smaller (at {lags} frames): no shift explains it. A body
size is half a meter of an average adult; by the limbs, it is {sizes} m in the four views.

The last three columns are those of the frames whose sides are not exchanged: the distance, the distance after
the one rotation of a view by which it fits best, and by how much that turns.

| cameras | cm | body sizes | cm, twelve joints | sides exchanged | cm, sides kept | cm, rotated | degrees |
|---|---|---|---|---|---|---|---|"""
VIEWS_TEXT = """
**Two views of the same pose are {low:.0f} to {high:.0f} cm apart.** Three reasons can be told apart:

- *The facing direction is wrong.* `face_forward` takes it from the depth of hips and shoulders, which is
  estimated. A turn about the vertical alone takes away about half of what a free rotation takes away; it was
  computed once from the same poses, not by this script: pairs 1 and 2 from 22 to 17 cm, 1 and 3 from 35 to 28,
  1 and 4 from 55 to 32, 2 and 3 remain at 27, 2 and 4 from 43 to 34, 3 and 4 from 29 to 16.
- *The axes are those of the camera.* Nothing in a video says where down is, so `face_forward` turns about the
  wrong vertical where a camera is tilted or rolled. After a free rotation, {kept_low:.0f} to {kept_high:.0f} cm
  remain."""
EXCHANGED = """\
- *Left and right are exchanged*, the whole body at once, in {share:.0%} of the frames of camera {camera},
  while the walker leans far over. Camera {camera} is not in the table of swaps above."""
SQUATS = """\
## Squats at {fps:g} frames a second

The person is found in all {frames} frames. Angle at the knees, mean of both, in degrees, frame by frame:
"""
SQUATS_TEXT = """\
The video shows two squats, and a third one that its end cuts off.

What the low rate does: a squat has 17 or 18 frames. From one frame to the next, the angle changes by up to
{change_2:.0f} degrees in 2D and {change_3:.0f} in 3D, so its lowest value may be missed by some. 3D poses
are not smoothed, because the Gaussian of 1/30 s is shorter than a frame. A second has 5 frames, fewer than
any training clip of the classifier below.

The same estimator on every 12th or 6th frame of two other videos, which are then 5 frames a second, beside
what it finds in these frames at the full rate:"""
LEGS = """\
## Signs of the upper body

Share of the joints that are observed, over both sides and all frames. Legs are knees, ankles, heels and toes;
all are below the picture, so none may be observed. Hips are at its lower edge, where they can only be
guessed; they count as observed all the same. Wrists leave it where the arms hang.

| sign | frames | legs | hips | wrists | elbows | shoulders |
|---|---|---|---|---|---|---|"""
WINDOWS = """\
## Seconds through a classifier

The classifier is what `fit` makes of the training side of Penn Action (1,258 clips of 15 classes in 2D, with
13 joints that people labeled): the encoder `small` and {head}. On the {num_test} test clips, its most
probable class is right in {whole_right:.1%}, and {whole_answered:.1%} are not unknown; on the middle 30
frames of each, about a second, {middle_right:.1%} and {middle_answered:.1%}. `small` has seen the training
side without labels.

Videos have 33 joints. Twelve of them are among the 13 of the training clips; the 13th, `head`, follows from
others. Each second is asked about twice: as it is, which is what `predict` does, and converted to `penn13`.
An answer is right if the class is; where no class is expected, if it is `unknown`.
"""
ACTIONS_TEXT = """
Whole repetitions, from rest to rest, cut by hand before they were asked about:
"""
SECONDS_TEXT = """
Each second. What is in it was written down before, from looking at the frames; an action counts if the person
is in the midst of it in half of the second. A rest of less than half a second is left out.
"""
NAMED = """
Most of the right answers are abstentions. Of all {number} seconds, a class was named in {given_named} with 33
joints, and it was right in {given_right}; with 13 joints in {penn13_named}, and right in {penn13_right}.
Always `unknown` would be right in {none} of {number}."""
MEMORY = """\
## A long video

The first view forwards and backwards, again and again, for an hour: {size} pixels, {fps:g} frames a second,
{frames:,} frames with {persons} person, {seconds:.0f} s of one core. Memory of the process in MB:

| minutes | peak | now |
|---|---|---|"""
MEMORY_TEXT = """
From {first:g} minutes to {last:g}, memory grows by {growth:.2f} kB a frame. The poses are {poses:.2f} kB for each
person and frame, which are {hour:.0f} MB for an hour of one person at 30 frames a second."""

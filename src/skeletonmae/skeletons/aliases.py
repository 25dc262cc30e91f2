"""What other programs and datasets call the joints of the vocabulary.

Every source is a `NamingScheme`. The same word can mean different joints in two of them: the "neck" of OpenPose is
the middle between the shoulders, the "hand" of a BVH rig is the wrist. A name is therefore resolved in one of two
ways, and otherwise keeps its own spelling:

- All names of a file belong to one scheme, or to several that agree: the name means what they say.
- The name means the same joint in every scheme that has it, and it is not a word such as "arm".
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from skeletonmae.skeletons.keypoints import MEDIAPIPE33
from skeletonmae.skeletons.vocabulary import VOCABULARY

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[\W_]+")
_RIG_PREFIX = re.compile(r"(?:.*:)?(?:mixamorig\d*+[_ :]?+|(?:bip|character)\d++[_ ]?+)(?=.)", re.IGNORECASE)
_PREFIX = re.compile(r"(?:.*:|K4ABT_JOINT_|JointType_)(?=.)", re.IGNORECASE)


@dataclass(frozen=True)
class NamingScheme:
    """The joint names of one program or dataset.

    Args:
        name: Short name.
        source: Where the names are defined.
        joints: Normalized name -> joint of the vocabulary.
        evidence: A file belongs to the scheme only if it has one of these names; empty for no such condition.
        complete: Whether a file must have all the names to belong to the scheme, as for numbered joints.
    """

    name: str
    source: str
    joints: Mapping[str, str]
    evidence: frozenset[str] = frozenset()
    complete: bool = False


def _side_forms(name: str) -> Iterator[tuple[str, str]]:
    """(side, spelling) of a sided joint: `left_hip`, `hip_left`, `l_hip` and `hip_l`."""
    for side in ("left", "right"):
        for form in (f"{side}_{name}", f"{name}_{side}", f"{side[0]}_{name}", f"{name}_{side[0]}"):
            yield side, form


def _scheme(
    name: str, source: str, middle: Mapping[str, str], sided: Mapping[str, str], evidence: Sequence[str] = ()
) -> NamingScheme:
    """A scheme from the names of the joints in the middle, and the names of sided joints without their side."""
    joints = dict(middle)
    for raw, joint in sided.items():
        joints |= {form: f"{side}_{joint}" for side, form in _side_forms(raw)}
    forms = (form for raw in evidence for _, form in _side_forms(raw))
    return NamingScheme(name, source, joints, frozenset((*evidence, *forms)))


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


_LIMBS = _same("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
_FACE = _same("eye", "ear")
_FEET = _same("big_toe", "small_toe", "heel")

# A joint of a rig is where its bone begins: the upper arm at the shoulder, the hand at the wrist.
RIG = _scheme(
    "rig",
    "Joints of BVH and ASF files: Mixamo and MotionBuilder (LeftForeArm), Bandai Namco (LowerArm_L), Biped "
    "(Bip01 L Forearm), Poser (lForeArm), Unreal (lowerarm_l), CMU's ASF (lradius), older files (LeftElbow)",
    {
        "hips": "pelvis", "hip": "pelvis", "pelvis": "pelvis",
        "spine": "spine1", "spine0": "spine1", "spine_01": "spine1", "abdomen": "spine1", "upperback": "spine1",
        "spine1": "spine2", "spine_02": "spine2", "thorax": "spine2",
        "spine2": "spine3", "spine_03": "spine3", "chest": "spine3", "lowerneck": "spine3",
        "neck": "neck", "neck_01": "neck", "upperneck": "neck",
        "head": "head_base", "head_top": "head_top", "head_top_end": "head_top", "head_end": "head_top",
    },
    {
        "collar": "collar", "collarbone": "collar", "clavicle": "collar",
        "arm": "shoulder", "upper_arm": "shoulder", "up_arm": "shoulder", "shoulder": "shoulder",
        "shldr": "shoulder", "humerus": "shoulder",
        "fore_arm": "elbow", "lower_arm": "elbow", "low_arm": "elbow", "elbow": "elbow", "radius": "elbow",
        "hand": "wrist", "wrist": "wrist",
        "up_leg": "hip", "upper_leg": "hip", "thigh": "hip", "hip": "hip", "femur": "hip",
        "leg": "knee", "lower_leg": "knee", "low_leg": "knee", "shin": "knee", "calf": "knee", "knee": "knee",
        "tibia": "knee",
        "foot": "ankle", "ankle": "ankle",
        "toe_base": "foot", "toes": "foot", "toe": "foot", "toe0": "foot", "ball": "foot",
        "toe_end": "toe", "toe_tip": "toe", "toes_end": "toe",
    },
    evidence=(
        "upper_arm", "up_arm", "shldr", "humerus", "fore_arm", "lower_arm", "low_arm", "radius",
        "up_leg", "upper_leg", "thigh", "femur", "lower_leg", "low_leg", "shin", "calf", "tibia", "toe_base",
    ),
)  # fmt: skip

SCHEMES: tuple[NamingScheme, ...] = (
    _scheme(
        "kinect_v1",
        "Kinect for Windows SDK 1.x, JointType",
        {"hip_center": "pelvis", "shoulder_center": "shoulder_center"} | _same("spine", "head"),
        _LIMBS | _same("hand", "foot"),
    ),
    _scheme(
        "kinect_v2",
        "Kinect for Windows SDK 2.0, JointType",
        _same("neck", "head")
        | {"spine_base": "pelvis", "spine_mid": "spine", "spine_shoulder": "shoulder_center"},
        _LIMBS | _same("hand", "foot", "hand_tip", "thumb"),
    ),
    _scheme(
        "azure_kinect",
        "Azure Kinect Body Tracking SDK, k4abt_joint_id_t; its documentation also writes SPINE_NAVAL",
        _same("pelvis", "neck", "head", "nose")
        | {"spine_navel": "spine1", "spine_naval": "spine1", "spine_chest": "spine3"},
        _LIMBS | _FACE | _same("hand", "foot", "thumb") | {"clavicle": "collar", "hand_tip": "hand_tip"},
    ),
    _scheme(
        "openpose",
        "OpenPose, POSE_COCO_BODY_PARTS and POSE_BODY_25_BODY_PARTS",
        {"nose": "nose", "neck": "shoulder_center", "mid_hip": "pelvis"},
        _LIMBS | _FACE | _FEET,
    ),
    _scheme(
        "openpose25b",
        "OpenPose, POSE_BODY_25B_BODY_PARTS",
        {"nose": "nose", "upper_neck": "neck", "head_top": "head_top"},
        _LIMBS | _FACE | _FEET,
    ),
    _scheme(
        "halpe",
        "Halpe full body (Fang et al., TPAMI 2022), 26 joints as MMPose, RTMLib and Pose2Sim name them",
        {"nose": "nose", "head": "head_top", "neck": "neck", "hip": "pelvis", "c_hip": "pelvis"},
        _LIMBS | _FACE | _FEET,
    ),
    _scheme(
        "mediapipe",
        "MediaPipe Pose Landmarker, PoseLandmark; a hand's three landmarks are its knuckles",
        _same("nose"),
        _LIMBS
        | _FACE
        | _same("eye_inner", "eye_outer", "mouth", "heel")
        | {"pinky": "pinky_mcp", "index": "index_mcp", "thumb": "thumb_ip", "foot_index": "toe"},
    ),
    NamingScheme(
        "mediapipe_numbered",
        "MediaPipe Pose Landmarker, its 33 landmarks by number",
        {f"pose_{number}": joint for number, joint in enumerate(MEDIAPIPE33.joints)},
        complete=True,
    ),
    _scheme(
        "h36m",
        "Human3.6M as Martinez et al. (ICCV 2017) and VideoPose3D name its 17 joints; a foot is an ankle",
        {
            "hip": "pelvis", "spine": "spine", "thorax": "shoulder_center",
            "neck_nose": "nose", "nose": "nose", "head": "head_top",
        },
        _LIMBS | {"foot": "ankle"},
    ),
    _scheme(
        "motionbert",
        "Human3.6M's 17 joints as MotionBERT abbreviates them",
        {"root": "pelvis", "belly": "spine", "neck": "shoulder_center", "nose": "nose", "head": "head_top"},
        {"hip": "hip", "kne": "knee", "ank": "ankle", "sho": "shoulder", "elb": "elbow", "wri": "wrist"},
        evidence=("belly",),
    ),
    _scheme(
        "mpii",
        "MPII Human Pose (Andriluka et al., CVPR 2014)",
        {"pelvis": "pelvis", "thorax": "shoulder_center", "upper_neck": "neck", "head_top": "head_top"},
        _LIMBS,
    ),
    _scheme(
        "smpl",
        "SMPL (Loper et al., 2015), names of the package smplx and of AMASS; its head is where the skull turns",
        _same("pelvis", "spine1", "spine2", "spine3", "neck") | {"head": "head_base"},
        _LIMBS | _same("foot", "collar", "hand"),
    ),
    _scheme(
        "joint_centers",
        "Joint centers in TRC and C3D files (Vicon Plug-in Gait, OpenSim): hip joint center and so on",
        {},
        {"hjc": "hip", "kjc": "knee", "ajc": "ankle", "sjc": "shoulder", "ejc": "elbow", "wjc": "wrist"},
    ),
    RIG,
)  # fmt: skip

_AMBIGUOUS_WORDS = (
    "arm", "leg", "toes", "ball", "kne", "ank", "sho", "elb", "wri",
    "fore_arm", "upper_arm", "lower_arm", "thigh", "shin", "calf", "upper_leg", "lower_leg",
)  # fmt: skip
_AMBIGUOUS = {"hip", "root", "belly", "chest", "abdomen"} | {
    spelling
    for word in _AMBIGUOUS_WORDS
    for _, form in _side_forms(word)
    for spelling in (form, form.replace("_", ""), form.replace(word, word.replace("_", "")))
}
"""Names that mean a joint only beside other names of their scheme. By themselves they could mean another one (a
marker on the skin, a whole limb)."""
_OTHER_WORDS = {"rear", "lear"}
"""Words that are not a side and a joint."""


def normalize_joint_name(name: str) -> str:
    """A name in the vocabulary's spelling: `LeftEar`, `left ear` and `LEFT-EAR` are `left_ear`."""
    return "_".join(word.lower() for word in _WORDS.split(name) if word) or name


def _spellings(joints: Mapping[str, str]) -> dict[str, str]:
    """Names with and without underscores; a last letter is not a side by itself (`heel` is not `hee_l`)."""
    together = {
        name.replace("_", ""): joint
        for name, joint in joints.items()
        if not name.endswith(("_l", "_r")) and name.replace("_", "") not in _OTHER_WORDS
    }
    return together | dict(joints)


_VOCABULARY_SCHEME = NamingScheme("vocabulary", "skeletonmae.skeletons.vocabulary", _same(*VOCABULARY))
_SPELLINGS: dict[str, dict[str, str]] = {
    scheme.name: _spellings(scheme.joints) for scheme in (_VOCABULARY_SCHEME, *SCHEMES)
}


def _unambiguous() -> dict[str, str]:
    """Names that mean one joint, whatever the scheme."""
    meanings: dict[str, set[str]] = defaultdict(set)
    for scheme in SCHEMES:
        if not scheme.complete:
            for name, joint in _SPELLINGS[scheme.name].items():
                meanings[name].add(joint)
    known = {name: next(iter(joints)) for name, joints in meanings.items() if len(joints) == 1}
    return {name: joint for name, joint in known.items() if name not in _AMBIGUOUS} | _SPELLINGS["vocabulary"]


ALIASES: dict[str, str] = _unambiguous()
"""Normalized name -> joint of the vocabulary, for every name that means one joint in all schemes."""


def vocabulary_joint(name: str) -> str | None:
    """The joint of the vocabulary that a name means by itself; None if it is unknown or could mean several."""
    return rig_joints([name])[0] if _RIG_PREFIX.match(name) else ALIASES.get(_key(name))


def vocabulary_joints(names: Sequence[str]) -> tuple[str | None, ...]:
    """The joint of the vocabulary that each of a file's names means, given all of them; None where unknown.

    A joint that several names mean belongs to the one that is spelled like it, or to none of them.
    """
    keys = [_key(name) for name in names]
    schemes = [scheme for scheme in (_VOCABULARY_SCHEME, *SCHEMES) if _has_all(scheme, keys)]
    if schemes == [RIG] or any(_RIG_PREFIX.match(name) for name in names):
        return rig_joints(names)
    joints: list[str | None] = []
    for name, key in zip(names, keys, strict=True):
        meanings = {_SPELLINGS[scheme.name][key] for scheme in schemes}
        joints.append(next(iter(meanings)) if len(meanings) == 1 else vocabulary_joint(name))
    return _without_duplicates(joints, keys)


def rig_joints(names: Sequence[str]) -> tuple[str | None, ...]:
    """The joint of the vocabulary at which each bone of a BVH or ASF rig begins; None where unknown.

    A shoulder beside an upper arm is the collar, and a wrist beside a hand is a joint within the forearm. A joint
    that several names mean belongs to the first of them.
    """
    keys = [_key(name) for name in names]
    joints = [_SPELLINGS[RIG.name].get(key) for key in keys]
    times = Counter(joints)
    for place, (name, key, joint) in enumerate(zip(names, keys, joints, strict=True)):
        if joint is None:
            continue
        if joint.endswith("_shoulder") and "shoulder" in key:
            collar = joint.replace("shoulder", "collar")
            if not times[collar] and (times[joint] > 1 or "mixamorig" in name.lower()):
                joints[place] = collar
        elif joint.endswith("_wrist") and "wrist" in key and times[joint] > 1:
            joints[place] = None
    return tuple(joint if joint and joints.index(joint) == place else None for place, joint in enumerate(joints))


def _without_duplicates(joints: Sequence[str | None], keys: Sequence[str]) -> tuple[str | None, ...]:
    times = Counter(joints)
    return tuple(
        joint if times[joint] == 1 or (key == joint and keys.count(key) == 1) else None
        for joint, key in zip(joints, keys, strict=True)
    )


def canonical_joint_names(names: Sequence[str]) -> tuple[str, ...]:
    """A file's joint names: the vocabulary's where it has them, otherwise their own, normalized where unique."""
    own = [normalize_joint_name(name) for name in names]
    known = vocabulary_joints(names)
    times = Counter(joint or name for joint, name in zip(known, own, strict=True))
    canonical = tuple(
        joint or (name if times[name] == 1 else raw) for joint, name, raw in zip(known, own, names, strict=True)
    )
    return canonical if len(set(canonical)) == len(canonical) else tuple(names)


def strip_prefix(name: str) -> str:
    """A joint's name without the namespace and the prefix of its rig (`mixamorig:`, `Bip01 `, `K4ABT_JOINT_`)."""
    for prefix in (_RIG_PREFIX, _PREFIX):
        if match := prefix.match(name):
            name = name[match.end() :]
    return name


def _key(name: str) -> str:
    name = normalize_joint_name(strip_prefix(name))
    joined = name.replace("_", "")
    return name if name in _ALL_SPELLINGS or joined not in _ALL_SPELLINGS else joined


def _has_all(scheme: NamingScheme, keys: Iterable[str]) -> bool:
    spellings, names = _SPELLINGS[scheme.name], set(keys)
    if not names <= spellings.keys():
        return False
    if scheme.complete:
        return len(names) == len(scheme.joints)
    evidence = _spellings(dict.fromkeys(scheme.evidence, ""))
    return not evidence or not names.isdisjoint(evidence)


_ALL_SPELLINGS = {name for spellings in _SPELLINGS.values() for name in spellings}

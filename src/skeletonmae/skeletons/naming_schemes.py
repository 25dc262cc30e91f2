"""The joint names of other programs and datasets, with their sources; `aliases` finds out what a name means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from skeletonmae.skeletons.keypoints import MEDIAPIPE33


@dataclass(frozen=True)
class NamingScheme:
    """The joint names of one program or dataset.

    Args:
        name: Short name.
        source: Where the names are defined.
        joints: Normalized name -> joint of the vocabulary.
        evidence: A file belongs to the scheme only if it has one of these names; empty for no such condition.
        complete: Whether a file must have all the names to belong to the scheme, as for numbered joints.
        in_context: Whether a name means nothing by itself, only in a file that belongs to the scheme.
    """

    name: str
    source: str
    joints: Mapping[str, str]
    evidence: frozenset[str] = frozenset()
    complete: bool = False
    in_context: bool = False


def side_forms(name: str) -> Iterator[tuple[str, str]]:
    """(side, spelling) of a sided joint: `left_hip`, `hip_left`, `l_hip` and `hip_l`."""
    for side in ("left", "right"):
        for form in (f"{side}_{name}", f"{name}_{side}", f"{side[0]}_{name}", f"{name}_{side[0]}"):
            yield side, form


def _scheme(
    name: str,
    source: str,
    middle: Mapping[str, str],
    sided: Mapping[str, str],
    evidence: Sequence[str] = (),
    in_context: bool = False,
) -> NamingScheme:
    """A scheme from the names of the joints in the middle, and the names of sided joints without their side."""
    joints = dict(middle)
    for raw, joint in sided.items():
        joints |= {form: f"{side}_{joint}" for side, form in side_forms(raw)}
    forms = (form for raw in evidence for _, form in side_forms(raw))
    return NamingScheme(name, source, joints, frozenset((*evidence, *forms)), in_context=in_context)


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


_LIMBS = _same("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
_FACE = _same("eye", "ear")
_FEET = _same("big_toe", "small_toe", "heel")

# A joint of a rig is where its bone begins: the upper arm at the shoulder, the hand at the wrist.
RIG = _scheme(
    "rig",
    "Joints of BVH and ASF files: Mixamo and MotionBuilder (LeftForeArm), Bandai Namco (LowerArm_L), Biped "
    "(Bip01 L Forearm), Poser and DAZ Genesis 3 and 8 (lForeArm, lForearmBend), Unreal (lowerarm_l), Blender's "
    "Rigify (forearm.L), MakeHuman (LoArm_L), OptiTrack Motive (LFArm), VRM (J_Bip_L_LowerArm), Reallusion "
    "Character Creator (CC_Base_L_Forearm), Second Life (mElbowLeft), CMU's ASF (lradius), older files "
    "(LeftElbow)",
    {
        "hips": "pelvis", "hip": "pelvis", "pelvis": "pelvis",
        "spine": "spine1", "spine0": "spine1", "spine_01": "spine1", "abdomen": "spine1", "upperback": "spine1",
        "ab": "spine1", "abdomen_lower": "spine1", "torso": "spine1", "c_spine": "spine1",
        "spine1": "spine2", "spine_02": "spine2", "thorax": "spine2",
        "abdomen_upper": "spine2", "c_chest": "spine2",
        "spine2": "spine3", "spine_03": "spine3", "chest": "spine3", "lowerneck": "spine3",
        "chest_lower": "spine3", "c_upper_chest": "spine3",
        "neck": "neck", "neck_01": "neck", "upperneck": "neck", "neck_lower": "neck",
        "neck_twist_01": "neck", "c_neck": "neck", "c_hips": "pelvis", "c_head": "head_base",
        "head": "head_base", "head_top": "head_top", "head_top_end": "head_top", "head_end": "head_top",
    },
    {
        "collar": "collar", "collarbone": "collar", "clavicle": "collar",
        "arm": "shoulder", "upper_arm": "shoulder", "up_arm": "shoulder", "shoulder": "shoulder",
        "shldr": "shoulder", "shldr_bend": "shoulder", "humerus": "shoulder", "u_arm": "shoulder",
        "fore_arm": "elbow", "lower_arm": "elbow", "low_arm": "elbow", "lo_arm": "elbow", "f_arm": "elbow",
        "fore_arm_bend": "elbow", "elbow": "elbow", "radius": "elbow",
        "hand": "wrist", "wrist": "wrist",
        "up_leg": "hip", "upper_leg": "hip", "thigh": "hip", "thigh_bend": "hip", "hip": "hip", "femur": "hip",
        "leg": "knee", "lower_leg": "knee", "low_leg": "knee", "lo_leg": "knee",
        "shin": "knee", "calf": "knee", "knee": "knee",
        "tibia": "knee",
        "foot": "ankle", "ankle": "ankle",
        "toe_base": "foot", "toes": "foot", "toe": "foot", "toe0": "foot", "ball": "foot",
        "toe_end": "toe", "toe_tip": "toe", "toes_end": "toe",
    },
    evidence=(
        "upper_arm", "up_arm", "shldr", "humerus", "fore_arm", "lower_arm", "low_arm", "lo_arm", "radius",
        "up_leg", "upper_leg", "thigh", "femur", "lower_leg", "low_leg", "lo_leg", "shin", "calf",
        "tibia", "toe_base", "u_arm", "f_arm",
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
    _scheme(
        "xsens",
        "Xsens MVN, segments of its Excel and MVNX files, each where it begins: Left Shoulder at the collar bone",
        {
            "pelvis": "pelvis", "l5": "spine1", "l3": "spine", "t12": "spine2", "t8": "spine3", "neck": "neck",
            "head": "head_base",
        },
        {
            "shoulder": "collar", "upper_arm": "shoulder", "fore_arm": "elbow", "hand": "wrist",
            "upper_leg": "hip", "lower_leg": "knee", "foot": "ankle", "toe": "foot",
        },
        evidence=("l5", "l3", "t12", "t8"),
        in_context=True,
    ),
    RIG,
)  # fmt: skip

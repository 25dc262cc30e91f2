"""What other programs and datasets call the joints of the vocabulary.

Every source is a `NamingScheme` (`naming_schemes`). The same word can mean different joints in two of them: the
"neck" of OpenPose is the middle between the shoulders, the "hand" of a BVH rig is the wrist. A name is therefore
resolved in one of two ways, and otherwise keeps its own spelling:

- All names of a file belong to one scheme, or to several that agree: the name means what they say.
- The name means the same joint in every scheme that has it, and it is not a word such as "arm".
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from skeletonmae.skeletons.naming_schemes import RIG, SCHEMES, NamingScheme, side_forms
from skeletonmae.skeletons.vocabulary import VOCABULARY

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[\W_]+")
_RIG_PREFIX = re.compile(r"(?:.*:)?(?:mixamorig\d*+[_ :]?+|(?:bip|character)\d++[_ ]?+)(?=.)", re.IGNORECASE)
_PREFIX = re.compile(r"(?:.*:|K4ABT_JOINT_|JointType_)(?=.)", re.IGNORECASE)


_AMBIGUOUS_WORDS = (
    "arm", "leg", "toes", "ball", "kne", "ank", "sho", "elb", "wri",
    "u_arm", "f_arm", "lo_arm", "lo_leg",
    "fore_arm", "upper_arm", "lower_arm", "thigh", "shin", "calf", "upper_leg", "lower_leg",
)  # fmt: skip
_AMBIGUOUS = {"hip", "root", "belly", "chest", "abdomen", "ab", "torso"} | {
    spelling
    for word in _AMBIGUOUS_WORDS
    for _, form in side_forms(word)
    for spelling in (form, form.replace("_", ""), form.replace(word, word.replace("_", "")))
}
"""Names that mean a joint only beside other names of their scheme. By themselves they could mean another one (a
marker on the skin, a whole limb)."""
_OTHER_WORDS = {"rear", "lear"}
"""Words that are not a side and a joint."""


MIN_SHARED, MAX_SHARED_WORDS, MAX_LENGTH = 2, 4, 200
"""Names that must be known without what all share, words that all may share, and length of a name."""
_PARTS_OF_NAMES = {
    "left", "right", "l", "r", "upper", "lower", "up", "low", "fore", "front", "hind", "inner", "outer",
    "big", "small", "index", "thumb", "middle", "ring", "pinky",
}  # fmt: skip
"""Words that are never stripped, because they tell joints apart."""
_ENDS_OF_NAMES = {*_PARTS_OF_NAMES, "base", "end", "tip", "top"}


def normalize_joint_name(name: str) -> str:
    """A name in the vocabulary's spelling: `LeftEar`, `left ear` and `LEFT-EAR` are `left_ear`."""
    return "_".join(word.lower() for word in _WORDS.split(name) if word) or name


def _spellings(joints: Mapping[str, str]) -> dict[str, str]:
    """Names with and without underscores; a last letter is not a side by itself (`heel` is not `hee_l`)."""
    together = {}
    for name, joint in joints.items():
        joined = name.replace("_", "")
        if name.endswith(("_l", "_r")):
            together[f"{joined[:-1]}_{joined[-1]}"] = joint  # `upperarm_l`
        elif joined not in _OTHER_WORDS:
            together[joined] = joint
    return together | dict(joints)


_VOCABULARY_SCHEME = NamingScheme(
    "vocabulary", "skeletonmae.skeletons.vocabulary", {name: name for name in VOCABULARY}
)
_SPELLINGS: dict[str, dict[str, str]] = {
    scheme.name: _spellings(scheme.joints) for scheme in (_VOCABULARY_SCHEME, *SCHEMES)
}


def _unambiguous() -> dict[str, str]:
    """Names that mean one joint, whatever the scheme."""
    meanings: dict[str, set[str]] = defaultdict(set)
    for scheme in SCHEMES:
        if not scheme.complete and not scheme.in_context:
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
    names = strip_shared(names)
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
    that several names mean belongs to the first of them that is spelled without a leading underscore: MakeHuman's
    `__UpLeg_L` is where `UpLeg_L` branches off.
    """
    names = strip_shared(names, RIG)
    keys = [_key(name) for name in names]
    joints = [_SPELLINGS[RIG.name].get(key) for key in keys]
    times = Counter(joints)
    for index, (name, key, joint) in enumerate(zip(names, keys, joints, strict=True)):
        if joint is None:
            continue
        if joint.endswith("_shoulder") and "shoulder" in key:
            collar = joint.replace("shoulder", "collar")
            if not times[collar] and (times[joint] > 1 or "mixamorig" in name.lower()):
                joints[index] = collar
        elif joint.endswith("_wrist") and "wrist" in key and times[joint] > 1:
            joints[index] = None
    owners: dict[str | None, int] = {}
    for index in sorted(range(len(names)), key=lambda index: strip_prefix(names[index]).startswith("_")):
        owners.setdefault(joints[index], index)
    return tuple(joint if joint and owners[joint] == index else None for index, joint in enumerate(joints))


def _without_duplicates(joints: Sequence[str | None], keys: Sequence[str]) -> tuple[str | None, ...]:
    times = Counter(joints)
    return tuple(
        joint if times[joint] == 1 or (key == joint and keys.count(key) == 1) else None
        for joint, key in zip(joints, keys, strict=True)
    )


def canonical_joint_names(names: Sequence[str]) -> tuple[str, ...]:
    """A file's joint names: the vocabulary's where it has them, otherwise their own, normalized where unique."""
    names = strip_shared(names)
    own = [normalize_joint_name(name) for name in names]
    known = vocabulary_joints(names)
    times = Counter(joint or name for joint, name in zip(known, own, strict=True))
    canonical = tuple(
        joint or (name if times[name] == 1 else raw) for joint, name, raw in zip(known, own, names, strict=True)
    )
    return canonical if len(set(canonical)) == len(canonical) else tuple(names)


def strip_shared(names: Sequence[str], scheme: NamingScheme | None = None) -> tuple[str, ...]:
    """Names without the words before and after them that all share, such as `body_nose` and `nose.position`.

    They are only stripped if more names are known then, and never if they are a side or a part of the body. A
    namespace (`Anna:LASI`) is stripped in any case.

    Args:
        names: All names of a file.
        scheme: A name is known if it is in this scheme; by default, if it is in any.
    """
    if len(names) < MIN_SHARED or any(len(name) > MAX_LENGTH or _RIG_PREFIX.match(name) for name in names):
        return tuple(names)
    if len(namespaces := {name.rpartition(":")[0] for name in names}) == 1 and namespaces != {""}:
        names = [name.rpartition(":")[2] for name in names]
    known = _SPELLINGS[scheme.name] if scheme else _ALL_SPELLINGS
    words = [normalize_joint_name(name).split("_") for name in names]
    before = _num_shared(words, _PARTS_OF_NAMES)
    after = _num_shared([list(reversed(line)) for line in words], _ENDS_OF_NAMES)
    shortest = min(map(len, words))
    best, count = tuple(names), sum(_key(name) in known for name in names)
    for first in range(before + 1):
        for last in range(after + 1):
            if 0 < first + last < shortest:
                stripped = tuple("_".join(line[first : len(line) - last]) for line in words)
                times = sum(_key(name) in known for name in stripped)
                if times > count and times >= MIN_SHARED and len(set(stripped)) == len(stripped):
                    best, count = stripped, times
    return best


def _num_shared(words: Sequence[Sequence[str]], parts: Collection[str]) -> int:
    """Number of first words that all names share, up to one that belongs to a joint."""
    number = 0
    for same in zip(*words, strict=False):
        if len(set(same)) > 1 or same[0] in parts or number == MAX_SHARED_WORDS:
            break
        number += 1
    return number


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

"""The shards of a store that several machines prepare: which files each one reads, and whether it is complete."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from skeletonmae.config import Config
from skeletonmae.datasets.jobs import ReadSettings
from skeletonmae.datasets.report import REPORT, PrepareReport, report_name
from skeletonmae.errors import InputError
from skeletonmae.formats import InputFile
from skeletonmae.sequences import SequenceStore, SkeletonSequence

SHARD_RECORD = "shard.json"


class ShardNumber(NamedTuple):
    """One of several shards.

    Args:
        number: Its number, from 1.
        total: Number of shards.
    """

    number: int
    total: int

    @classmethod
    def parse(cls, text: str) -> ShardNumber:
        """Read `3/16`, the third of sixteen shards.

        Raises:
            InputError: It is not of this form, or there is no such shard.
        """
        match = re.fullmatch(r"(\d{1,5})/(\d{1,5})", text)
        shard = cls(*map(int, match.groups())) if match else cls(0, 0)
        if not 1 <= shard.number <= shard.total:
            raise InputError("not a shard", expected="NUMBER/TOTAL, from 1/TOTAL to TOTAL/TOTAL", got=text)
        return shard

    def folder(self, out: Path) -> Path:
        """The folder of this shard of the store `out`."""
        return out / f"shard-{self.number:05d}-of-{self.total:05d}"

    def select(self, files: list[InputFile], root: Path) -> list[InputFile]:
        """Return the files of this shard: consecutive ones, and about as many as in the other shards.

        Raises:
            InputError: There are fewer files than shards.
        """
        if len(files) < self.total:
            raise InputError(
                "there are fewer files than shards",
                where=root,
                expected=f"at least {self.total} files",
                got=len(files),
            )
        begin, end = (len(files) * number // self.total for number in (self.number - 1, self.number))
        return files[begin:end]


class ShardRecord(Config):
    """Written with a shard: what it was read from."""

    source: str
    """Digest of the settings and of the names of all files, the same for all shards of a store."""
    files: str
    """Digest of the settings and of the files of this shard, which changes when one of them is modified."""
    counts: tuple[int, ...] = ()
    """Number of recordings of each file in the shard; empty until they are read."""

    @classmethod
    def of(
        cls,
        settings: ReadSettings,
        template: SkeletonSequence,
        all_files: Sequence[InputFile],
        files: list[InputFile],
    ) -> ShardRecord:
        """Describe the shard that is read from `files`."""
        names = [report_name(file.path, settings.root) for file in all_files]
        source = hashlib.sha256(json.dumps([settings.cache_key(template, []), names]).encode()).hexdigest()
        return cls(source=source, files=settings.cache_key(template, files))

    def is_of(self, other: ShardRecord) -> bool:
        """Whether the shard was read from the same files and with the same settings as `other`."""
        return (self.source, self.files) == (other.source, other.files)


def read_shard(folder: Path) -> tuple[ShardRecord, PrepareReport, SequenceStore] | None:
    """Open a shard with its record and its report; None if it is not complete.

    Raises:
        InputError: It is damaged.
    """
    if not folder.is_dir():
        return None
    try:
        record = ShardRecord.model_validate_json((folder / SHARD_RECORD).read_bytes())
        report = PrepareReport.model_validate_json((folder / REPORT).read_bytes())
    except (OSError, ValidationError) as error:
        raise InputError("not a shard that `prepare --shard` wrote; delete it", where=folder) from error
    return record, report, SequenceStore.open(folder)


def list_shards(out: Path) -> list[ShardNumber]:
    """Return the numbers of all shards of the store `out`, from the first to the last.

    Raises:
        InputError: A shard is missing, or there are shards of two different divisions.
    """
    folders = [path.name for path in out.glob("shard-*-of-*") if path.is_dir()]
    matches = [re.fullmatch(r"shard-(\d{5})-of-(\d{5})", name) for name in folders]
    found = {ShardNumber(*map(int, match.groups())) for match in matches if match}
    totals = sorted({shard.total for shard in found})
    if len(totals) != 1:
        problem = "the shards belong to different divisions; delete those of one" if totals else "no shards"
        raise InputError(problem, where=out, expected="folders that `prepare --shard` wrote", got=totals)
    shards = [ShardNumber(number, totals[0]) for number in range(1, totals[0] + 1)]
    if missing := [shard for shard in shards if shard not in found]:
        got = ", ".join(f"{shard.number}/{shard.total}" for shard in missing[:10])
        more = f" and {len(missing) - 10} more" if len(missing) > 10 else ""
        problem = "shards are missing; run `prepare --shard` for each of them"
        raise InputError(f"{problem}: {got}{more}", where=out)
    return shards

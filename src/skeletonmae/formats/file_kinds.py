"""What a file that no reader takes is, by its name and its first bytes: could it have held recordings?"""

from __future__ import annotations

import re

from skeletonmae.formats.decoders.text_numbers import is_number

VIDEOS = {
    ".mp4", ".m4v", ".mov", ".3gp", ".mkv", ".webm", ".avi", ".wmv", ".asf", ".flv", ".ogv", ".mpg", ".mpeg",
    ".mts", ".m2ts",
}  # fmt: skip
IMAGES = {
    ".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif", ".webp", ".svg", ".heic", ".ico", ".dng",
}  # fmt: skip
VIDEOS_AND_IMAGES = VIDEOS | IMAGES
VIDEO = "a video beside other recordings; to estimate its poses, read it alone"
SOURCE_VIDEO = (
    "a video beside poses of the same name, which are read in its place; to estimate its poses, read it alone"
)
SOUNDS = {".wav", ".mp3", ".flac", ".m4a", ".ogg", ".aac"}
DOCUMENTS = {
    ".md", ".rst", ".pdf", ".doc", ".docx", ".odt", ".rtf", ".ppt", ".pptx", ".htm", ".html", ".css", ".bib",
    ".tex", ".log", ".url", ".lnk", ".webloc",
}  # fmt: skip
PROGRAMS_AND_SETTINGS = {
    ".py", ".pyc", ".ipynb", ".m", ".r", ".js", ".ts", ".sh", ".bat", ".ps1", ".c", ".h", ".cpp", ".hpp",
    ".cs", ".java", ".exe", ".dll", ".so", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".xml",
    ".prototxt", ".ckpt", ".onnx", ".safetensors", ".md5", ".sha256", ".sfv", ".tmp", ".bak",
}  # fmt: skip
NOTES = re.compile(
    r"(readme|read[-_ ]me|licen[sc]e|copying|copyright|notice|authors|contributors|citation|changelog|disclaimer|"
    r"terms[-_ ]of[-_ ]use)([-_ .].*)?|news|history|changes|todo|install",
    re.IGNORECASE,
)
"""Names of the files that come with data and tell about it."""
NOTE_ENDINGS = {"", ".txt", ".cff", ".asc"}
BODY_SHAPE = "the shape of a body, without motion"
BODY_SHAPE_NAMES = re.compile(r"shape\.npz|(.*_)?stagei\.npz", re.IGNORECASE)
"""Files of AMASS beside those of the motion."""
ARCHIVES = {
    ".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".lz4", ".7z", ".rar", ".z", ".lzma", ".tbz2",
    ".txz",
}  # fmt: skip
ARCHIVE_STARTS = (
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ\x00",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!",
    b"\x28\xb5\x2f\xfd",
    b"PK\x03\x04",
)
TABLES = {
    ".csv", ".tsv", ".tab", ".txt", ".dat", ".xls", ".xlsx", ".ods", ".feather", ".arrow", ".parquet", ".sav",
}  # fmt: skip
ARRAYS = {
    ".npy", ".npz", ".mat", ".h5", ".hdf5", ".hdf", ".nc", ".pkl", ".pickle", ".pt", ".pth", ".zarr",
    ".tfrecord", ".rds", ".rdata", ".bin", ".joblib", ".msgpack",
}  # fmt: skip
ARRAY_STARTS = (b"\x93NUMPY", b"\x89HDF\r\n", b"MATLAB ", b"PAR1", b"CDF\x01", b"CDF\x02", b"SQLite", b"ARROW1")
JSONS = {".json", ".jsonl", ".ndjson", ".geojson"}
MOTIONS = {
    ".fbx", ".glb", ".gltf", ".usd", ".usdz", ".mvnx", ".mvn", ".htr", ".gtr", ".calc", ".vsk", ".asf",
    ".amc", ".mot", ".sto", ".v3d", ".c3d", ".trc", ".bvh", ".acclaim", ".dae", ".blend", ".tak", ".bag",
    ".skel", ".abc", ".vmd",
}  # fmt: skip
MIN_LETTERS = 0.6
"""Share of letters in the words of a text; numbers and JSON have fewer."""
JSON_START = re.compile(rb"\s*[\[{]\s*[\[{\"\d\-\]}tfn]")


def harmless_kind(name: str) -> str:
    """What a file is whose name tells that it holds no recordings; empty for any other file.

    Args:
        name: Name of the file, without its folders.
    """
    stem, ending = _split(name)
    if ending in VIDEOS:
        return VIDEO
    if ending in IMAGES:
        return "a picture"
    if BODY_SHAPE_NAMES.fullmatch(name):
        return BODY_SHAPE
    if ending in SOUNDS:
        return "a sound"
    if ending in DOCUMENTS or (ending in NOTE_ENDINGS and NOTES.fullmatch(stem)):
        return "a document"
    if ending in PROGRAMS_AND_SETTINGS or name.lower() in ("thumbs.db", "desktop.ini", "makefile"):
        return "a program or its settings"
    return ""


def data_kind(name: str, head: bytes) -> str:
    """What a file is that could hold recordings: an archive, an array, JSON, a table or motion; empty otherwise.

    Args:
        name: Name of the file.
        head: Its first bytes.
    """
    ending = _split(name)[1]
    is_spreadsheet = ending in (".xlsx", ".ods")
    if not is_spreadsheet and (ending in ARCHIVES or (head.startswith(ARCHIVE_STARTS) and ending not in ARRAYS)):
        return "archive"
    if head[257:262] == b"ustar":
        return "archive"
    if ending in MOTIONS:
        return "motion"
    if ending in ARRAYS or head.startswith(ARRAY_STARTS):
        return "array"
    if ending in JSONS or JSON_START.match(head):
        return "JSON"
    return "table" if ending in TABLES or is_table(head) else ""


def is_prose(head: bytes) -> bool:
    """Whether a file begins with a text of words, in which hardly any character is a digit or a bracket."""
    try:
        text = "".join(head.decode("utf-8-sig", "strict").split())
    except UnicodeDecodeError as error:
        text = "".join(head[: error.start].decode("utf-8-sig").split()) if len(head) - error.start < 4 else ""
    return len(text) > 0 and sum(map(str.isalpha, text)) > MIN_LETTERS * len(text)


def is_table(head: bytes) -> bool:
    """Whether the first lines of a text have the same number of cells, at least two, and numbers in the last."""
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(head) - error.start > 3:
            return False
        text = head[: error.start].decode("utf-8-sig")
    lines = [line for line in text.splitlines()[:20] if line.strip()]
    lines = lines[:-1] if len(lines) > 2 else lines  # the last one may be cut off
    if len(lines) < 2:
        return False
    for delimiter in (",", ";", "\t", None):
        cells = [line.split(delimiter) for line in lines]
        if len(cells[-1]) > 1 and len({len(row) for row in cells}) == 1:
            return sum(map(is_number, cells[-1])) * 2 > len(cells[-1])
    return False


def _split(name: str) -> tuple[str, str]:
    """The name without its ending, and the ending in lower case, with the dot."""
    stem, dot, ending = name.rpartition(".")
    return (stem, f".{ending.lower()}") if dot and stem else (name, "")

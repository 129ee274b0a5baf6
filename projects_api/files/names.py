"""Names for files that are safe on every system."""

import re
import unicodedata
from urllib.parse import quote

_SEPARATORS = re.compile(r'[/\\:*?"<>|]')
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\..*)?", re.IGNORECASE
)
_LONGEST_SUFFIX = 16


def safe_file_name(text: str, default: str = "project", max_bytes: int = 180) -> str:
    """Make text a file name on every system: one segment, NFC, at most `max_bytes` of UTF-8.

    A short suffix survives the cut. Text of which nothing is left becomes the default.
    """
    spaced = (" " if one.isspace() else one for one in text)
    kept = "".join(one for one in spaced if unicodedata.category(one) not in _UNSEEN)
    normal = unicodedata.normalize("NFC", _SEPARATORS.sub("_", kept))
    name = " ".join(normal.split()).lstrip(". ")
    if _RESERVED.fullmatch(name):
        name = f"_{name}"
    if len(name.encode()) > max_bytes:
        name = _shortened(name, max_bytes)
    return name.rstrip(". ") or default


def _shortened(name: str, max_bytes: int) -> str:
    stem, dot, suffix = name.rpartition(".")
    tail = dot + suffix if stem and len(suffix.encode()) <= _LONGEST_SUFFIX else ""
    head = name.removesuffix(tail).encode()[: max_bytes - len(tail.encode())]
    return head.decode(errors="ignore").rstrip(". ") + tail


def content_disposition(file_name: str) -> str:
    """Return the header's value (RFC 6266) that offers a download under a safe form of a name."""
    name = safe_file_name(file_name)
    letters = unicodedata.normalize("NFKD", name)
    unaccented = "".join(one for one in letters if not unicodedata.combining(one))
    # Compatibility forms of dots and separators are real ones by now: made safe once more.
    fallback = re.sub(r"[^ -~]|%", "_", safe_file_name(unaccented))
    encoded = quote(name, safe="!#$&+-.^_`|~")
    return f"attachment; filename=\"{fallback}\"; filename*=UTF-8''{encoded}"

"""What takes long to make and is always the same, kept on the disk between starts.

It stands in the user's own folder for such things, which nobody else can write to. What is not
what was written there is made anew, and so is everything where there is no such folder: a server
without a home, or on a disk that cannot be written, only starts more slowly.
"""

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile

MOST_FILES = 16
"""So many are kept, the newest: each version of this software makes its own."""
MOST_BYTES = 16 * 1024 * 1024
_DIGEST_BYTES = 32


def kept(name: str, make: Callable[[], bytes]) -> bytes:
    """Return what `make` makes, from the disk where it is there already.

    The name must name everything that decides what is made, by its content.
    """
    folder = _own_folder()
    if folder is None:
        return make()
    path = folder / name
    found = _read(path)
    if found is None:
        found = make()
        with suppress(OSError):
            _write(path, found)
    return found


def _own_folder() -> Path | None:
    """Return the folder, made if need be; None where it is not the user's alone."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:
        parent = Path(base) if Path(base).is_absolute() else Path.home() / ".cache"
        folder = parent / "projects-api"
        folder.mkdir(0o700, parents=True, exist_ok=True)
        state = folder.lstat()
    except (OSError, RuntimeError):
        return None
    is_own = stat.S_ISDIR(state.st_mode) and state.st_uid == os.geteuid()
    return folder if is_own and not state.st_mode & 0o077 else None


def _read(path: Path) -> bytes | None:
    try:
        if path.stat().st_size > MOST_BYTES + _DIGEST_BYTES:
            return None
        text = path.read_bytes()
    except OSError:
        return None
    digest, content = text[:_DIGEST_BYTES], text[_DIGEST_BYTES:]
    return content if sha256(content).digest() == digest else None


def _write(path: Path, content: bytes) -> None:
    """Put it there whole, so that who starts at the same time reads all or nothing."""
    if len(content) > MOST_BYTES:
        return
    with NamedTemporaryFile(dir=path.parent, prefix=".new-", delete=False) as file:
        try:
            file.write(sha256(content).digest() + content)
            file.close()
            Path(file.name).replace(path)
        except OSError:
            Path(file.name).unlink(missing_ok=True)
            raise
    others = sorted(path.parent.iterdir(), key=lambda one: one.lstat().st_mtime, reverse=True)
    for old in others[MOST_FILES:]:
        old.unlink(missing_ok=True)

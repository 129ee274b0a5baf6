"""Model files: a prepared pipeline in the format of skops, which runs no code when it is loaded.

skops stores objects as data, and builds them from classes that the reader trusts. Which those
are stands in `model_types` and nowhere else: neither the file nor skops' own list decides. Beside
the objects lies what a reader without the server must know: the member `about.json`.
"""

import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import skops.io
from sklearn.pipeline import Pipeline

from projects_api.engines import checks
from projects_api.engines.checks.model_types import LOADERS, TYPES

MEDIA_TYPE = "application/vnd.skops"
_SCHEMA = "schema.json"
_ABOUT = "about.json"
_MAX_BYTES = 4 << 30
_MAX_ABOUT_BYTES = 64 << 20
_LIBRARIES = ("projects-api", "scikit-learn", "numpy", "lightgbm", "xgboost-cpu", "skops")


class ModelRefused(Exception):
    """A file that is no model, or not one of ours; its text says why."""


def save(pipeline: Pipeline, path: Path, about: Mapping[str, Any] | None = None) -> None:
    """Write a fitted pipeline, and what is known `about` it, with the versions of the libraries.

    Raises `ModelRefused` if it could not be loaded again.
    """
    skops.io.dump(pipeline, path, compression=zipfile.ZIP_DEFLATED, compresslevel=1)
    if about is not None:
        with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(_ABOUT, json.dumps({**about, "versions": versions()}))
    _check(path)


def versions() -> dict[str, str]:
    """Tell which versions of what a model is made of are installed here."""
    found = {}
    for name in _LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def read_about(path: Path) -> dict[str, Any] | None:
    """Read what `save` was told about a pipeline; None of a file from before it was.

    Raises `ModelRefused`.
    """
    _check(path)
    with zipfile.ZipFile(path) as archive:
        if _ABOUT not in archive.namelist():
            return None
        if archive.getinfo(_ABOUT).file_size > _MAX_ABOUT_BYTES:
            raise ModelRefused("what the model file tells of the model is too large")
        try:
            about = json.loads(archive.read(_ABOUT))
        except (zipfile.BadZipFile, zlib.error, ValueError, RecursionError) as reason:
            raise ModelRefused(f"the model file is damaged: {reason}") from reason
    if not isinstance(about, dict):
        raise ModelRefused("the model file tells nothing of the model")
    return about


def load(path: Path) -> Pipeline:
    """Read a pipeline, and run nothing that the file could have brought along.

    Every class that the file names, and every way to build it, is compared with the fixed list
    before anything is built; the numbers that native code takes for indices and sizes are looked
    at before the pipeline is given away. Raises `ModelRefused`.
    """
    _check(path)
    try:
        with checks.checking_texts():
            pipeline = skops.io.load(path, trusted=sorted(TYPES))
    except Exception as reason:
        raise ModelRefused(f"the model file is damaged{_told(reason)}") from reason
    if type(pipeline) is not Pipeline:
        raise ModelRefused("the model file holds no pipeline")
    try:
        checks.check(pipeline)
    except Exception as reason:
        raise ModelRefused(f"the model file is damaged or forged{_told(reason)}") from reason
    return pipeline


def _told(reason: Exception) -> str:
    """Write what our own checks say; what a library says is about its own inside."""
    return f": {reason}" if isinstance(reason, checks.Fault) else ""


def _check(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > _MAX_BYTES:
                raise ModelRefused("the model file is too large when unpacked")
            schema = json.loads(archive.read(_SCHEMA))
    except zipfile.BadZipFile as reason:
        raise ModelRefused("the model file is damaged, or no model of this kind") from reason
    except (OSError, EOFError, zlib.error, KeyError, ValueError, RecursionError) as reason:
        raise ModelRefused(f"the model file is damaged: {reason}") from reason
    for loader, name in _named(schema):
        if loader not in LOADERS:
            raise ModelRefused(f"the model file wants {name} to be built by {loader}")
        if name not in TYPES:
            raise ModelRefused(f"the model file holds a {name}, which no model of ours is made of")


def _named(schema: Any) -> Iterator[tuple[str, str]]:
    """List how and from which classes a file is built."""
    left = [schema]
    while left:
        node = left.pop()
        if isinstance(node, dict):
            if {"__loader__", "__class__", "__module__"} & node.keys():
                yield (
                    str(node.get("__loader__")),
                    f"{node.get('__module__')}.{node.get('__class__')}",
                )
            left += node.values()
        elif isinstance(node, list):
            left += node

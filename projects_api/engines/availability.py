"""What can run here. Cheap, and loads no machine learning library."""

import ctypes
from importlib.util import find_spec
from pathlib import Path
from shutil import which

from projects_api.engines.interface import ENGINES, EXECUTION_MODES, H2OCluster
from projects_api.schemas import Cluster, ExperimentCapabilities

_NEEDED = {
    "flaml": ("flaml", "lightgbm", "pandas", "pyarrow", "sklearn", "skops", "xgboost"),
    "h2o": ("h2o", "pandas", "pyarrow", "sklearn", "skops"),
}
_EXTRA = {"flaml": "ml", "h2o": "ml,h2o"}
_joined: dict[str, H2OCluster | None] = {"h2o": None}


def join_h2o(url: str | None, user: str | None = None, password: str | None = None) -> None:
    """Let the engine `h2o` join the cluster there, in this process from now on; None is its own."""
    _joined["h2o"] = H2OCluster(url, user, password) if url else None


def h2o_cluster() -> H2OCluster | None:
    """Return which cluster the engine `h2o` joins; None where it starts one for each training."""
    return _joined["h2o"]


def capabilities(cluster: Cluster | None = None) -> ExperimentCapabilities:
    """Return which engines can train here, in which ways, and why the others cannot.

    `cluster` is what other machines have that train in the place of this one.
    """
    reasons = {engine: why_unavailable(engine) for engine in ENGINES}
    able: ExperimentCapabilities = {
        "allowed_engines": [engine for engine, reason in reasons.items() if not reason],
        "execution_modes": list(EXECUTION_MODES),
        "use_gpu": cluster["gpus"] >= 1 if cluster else _has_gpu(),
        "unavailable": [
            {"engine": engine, "reason": reason} for engine, reason in reasons.items() if reason
        ],
    }
    if cluster:
        able["cluster"] = cluster
    return able


def why_unavailable(engine: str) -> str | None:
    """Tell why an engine cannot train here; None if it can."""
    if engine not in ENGINES:
        return f"there is no engine {engine!r}, only {', '.join(ENGINES)}"
    missing = [name for name in _NEEDED[engine] if find_spec(name) is None]
    if missing:
        return (
            f"the engine {engine} needs {', '.join(missing)}: "
            f"install projects-api[{_EXTRA[engine]}]"
        )
    if engine == "flaml" and not _has_openmp():
        return "the engine flaml needs the system library libgomp.so.1: install libgomp1"
    if engine == "h2o" and h2o_cluster() is None and which("java") is None:
        return (
            "the engine h2o needs a Java runtime: install one, so that java is on the path, or "
            "name a cluster by PROJECTS_API_H2O_URL"
        )
    return None


def _has_gpu() -> bool:
    """Whether the system has a graphics processor of NVIDIA or AMD that programs may use.

    If the libraries can, each training that asks for it finds out.
    """
    return any(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/kfd").exists()


def _has_openmp() -> bool:
    """Whether the loader finds what LightGBM needs; it is small and starts nothing."""
    try:
        ctypes.CDLL("libgomp.so.1")
    except OSError:
        return False
    return True

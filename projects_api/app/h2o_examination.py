"""Whether a cluster of H2O is there and is as trainings need it, for the doctor."""

import os
import ssl
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import httpx

from projects_api.settings import Settings

SECONDS = 10.0


def examine(settings: Settings) -> tuple[str, list[str]]:
    """Tell where it is, and what is wrong with it; trainings meet the same."""
    name = f"H2O {settings.h2o_url}"
    try:
        own = version("h2o")
    except PackageNotFoundError:
        return name, ["to join it needs the extra h2o: pip install 'projects-api[h2o]'"]
    try:
        told = _ask(settings)
        has = f"{told['cloud_size']} nodes, {sum(node['num_cpus'] for node in told['nodes'])} CPUs"
    except (httpx.HTTPError, OSError, ValueError, LookupError, TypeError) as error:
        return name, [f"it does not answer as H2O does ({_reason(error)}): have it run there"]
    faults = []
    if told["version"] != own:
        faults.append(f"it has version {told['version']}, and this server {own}: have the same")
    if not told["cloud_healthy"]:
        faults.append("it says of itself that it is not healthy")
    return f"{name}: {has}", faults


def _ask(settings: Settings) -> dict[str, Any]:
    # As the library of H2O has it, which uses `requests`.
    trusted = ssl.create_default_context(cafile=os.environ.get("REQUESTS_CA_BUNDLE"))
    who = (settings.h2o_user or "", settings.h2o_password or "") if settings.h2o_user else None
    with httpx.Client(verify=trusted, timeout=SECONDS, auth=who, trust_env=False) as client:
        answer = client.get(f"{(settings.h2o_url or '').rstrip('/')}/3/Cloud")
        answer.raise_for_status()
        return dict(answer.json())


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        refused = error.response.status_code in {401, 403}
        hint = ", by PROJECTS_API_H2O_USER and PROJECTS_API_H2O_PASSWORD" if refused else ""
        return f"it answers {error.response.status_code}{hint}"
    return " ".join(str(error).split()) or type(error).__name__

"""The process that speaks with Ray: `python -m projects_api.jobs.ray`, started by `link`.

The library of Ray ends the process that it is in when its node is lost, and takes over signals. So
it is not in the server. Each line of the standard input is a question, each line of the standard
output an answer; the first line says where Ray is and what its nodes must know.
"""

import json
import logging
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import ray

from projects_api.jobs.ray.looking import look_from_nodes
from projects_api.jobs.ray.node import JobActor

NAMESPACE = "projects-api"
MAX_REASON = 500
PREFIX, GPU_PREFIX = "job-", "gpu-job-"
"""Of names; the second of those that have a place only where there is a graphics processor."""


def main() -> None:
    """Answer until nobody asks any more."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # What libraries print is no answer.
    cluster = json.loads(sys.stdin.readline())
    try:
        ray.init(
            address=cluster["address"],
            namespace=NAMESPACE,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except Exception as error:
        answers.write(json.dumps({"refused": " ".join(str(error).split())[:MAX_REASON]}) + "\n")
        raise
    for line in sys.stdin:
        question = json.loads(line)
        if content := question.get("look"):
            answers.write(json.dumps(look_from_nodes(cluster, content["sha256"])) + "\n")
            continue
        for job in question["hand_over"]:
            _hand_over(job, cluster)
        for job_id in question["withdraw"]:
            _withdraw(job_id)
        answers.write(json.dumps(_present_state(cluster["settings"]["ray_job_cpus"])) + "\n")


def _hand_over(job: Mapping[str, Any], cluster: Mapping[str, Any]) -> None:
    """Have a job done as soon as there is a place for it; nothing where that was asked before."""
    options = {
        "name": (GPU_PREFIX if job["gpus"] else PREFIX) + job["id"],
        "get_if_exists": True,
        "lifetime": "detached",
        "max_restarts": 0,
        "num_cpus": job["cpus"],
        "num_gpus": job["gpus"],
        "memory": job["memory_bytes"],
    }
    # As arguments, the secrets stand neither in names nor in environments, which Ray shows.
    ray.remote(JobActor).options(**options).remote(
        job["id"], cluster["settings"], cluster["environment"]
    )


def _withdraw(job_id: str) -> None:
    for prefix in (PREFIX, GPU_PREFIX):
        with suppress(ValueError):  # It has the other one, or has ended meanwhile.
            ray.kill(ray.get_actor(prefix + job_id))


def _present_state(cpus: float) -> dict[str, Any]:
    nodes = [one["Resources"] for one in ray.nodes() if one["Alive"]]
    names = ray.util.list_named_actors()
    return {
        "job_ids": _ids(names, PREFIX) + _ids(names, GPU_PREFIX),
        "gpu_job_ids": _ids(names, GPU_PREFIX),
        "nodes": len(nodes),
        "cpus": sum(node.get("CPU", 0) for node in nodes),
        "gpus": sum(node.get("GPU", 0) for node in nodes),
        "memory_bytes": int(sum(node.get("memory", 0) for node in nodes)),
        "largest_bytes": _largest(nodes),
        "gpu_bytes": _largest(
            [one for one in nodes if one.get("GPU", 0) >= 1 and one.get("CPU", 0) >= cpus]
        ),
    }


def _ids(names: list[str], prefix: str) -> list[str]:
    return [name.removeprefix(prefix) for name in names if name.startswith(prefix)]


def _largest(nodes: list[dict[str, float]]) -> int:
    return int(max((node.get("memory", 0) for node in nodes), default=0))


if __name__ == "__main__":
    main()

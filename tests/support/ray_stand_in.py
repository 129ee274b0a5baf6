"""In the place of the process that speaks with Ray: answers, refuses, ends, talks on, or waits."""

import json
import os
import sys
import time

if __name__ == "__main__":
    sys.stdin.readline()
    does = os.environ["STAND_IN"]
    held: list[str] = []
    while does == "talk":
        sys.stdout.write("x" * 100_000)
    if does == "refuse":
        sys.stdout.write(json.dumps({"refused": "Version mismatch"}) + "\n")
    if does == "wait":
        time.sleep(1000)
    for line in sys.stdin if does == "answer" else ():
        asked = json.loads(line)
        held = [one for one in held if one not in asked["withdraw"]]
        held += [one["id"] for one in asked["hand_over"]]
        bytes_of = {"memory_bytes": 4096, "largest_bytes": 1024, "gpu_bytes": 0}
        has = {"nodes": 4, "cpus": 4.0, "gpus": 0.0, **bytes_of}
        answer = {"job_ids": held, "gpu_job_ids": [], **has}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()

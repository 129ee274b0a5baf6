"""Graphics processors: which learners can use one here, found by a tiny fit of each.

Whether there is one, whether its driver works, and whether a library has been built for it, only a
fit tells: `python -m projects_api.engines.flaml.devices` tries, in a process that may end with it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

Device = Mapping[str, Any]
"""Settings of a library by which it learns on a graphics processor."""
CHOICES: dict[str, tuple[Device, ...]] = {
    "lgbm": ({"device_type": "cuda"}, {"device_type": "gpu"}),
    "xgb_limitdepth": ({"device": "cuda"},),
}
"""What may work, by FLAML's name of the learner, the fastest first."""
NAMES = {"lgbm": "LightGBM", "xgb_limitdepth": "XGBoost"}
TRY_SECONDS = 120.0
"""OpenCL compiles what it runs, which took half a minute on a busy machine."""
VISIBLE = "CUDA_VISIBLE_DEVICES"
"""The variable by which Ray gives a process graphics processors; empty where it has none."""
_ROWS = 200


def find(seconds: float = TRY_SECONDS) -> dict[str, Device]:
    """Find the settings that work here, for each learner that has some."""
    if os.environ.get(VISIBLE) == "":
        return {}
    try:
        done = subprocess.run(  # noqa: S603 - our own module, no shell
            [sys.executable, "-P", "-m", __spec__.name],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {}
    # A driver that ends the process says so at whichever try; what was told before is true.
    lines = [line for line in done.stdout.splitlines() if line.startswith(b"{")]
    found: dict[str, Device] = json.loads(lines[-1]) if lines else {}
    return found


def told(found: Mapping[str, Device]) -> str:
    """Say in a line of the log what was found."""
    if not found:
        return "There is no graphics processor for the training here. It does without."
    those = " and ".join(NAMES[learner] for learner in found)
    return f"Of the libraries, {those} can use the graphics processor here; the others do without."


def main() -> None:
    """Try each, and tell what has worked so far."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # What libraries print is no answer.
    found: dict[str, Device] = {}
    for learner, choices in CHOICES.items():
        for device in choices:
            if works(learner, device):
                found[learner] = device
                answers.write(json.dumps(found) + "\n")
                break


def works(learner: str, device: Device) -> bool:
    """Return whether a library learns with these settings, and not without a word on processors."""
    import lightgbm  # noqa: PLC0415 - only in the process that tries
    import numpy as np  # noqa: PLC0415
    import xgboost  # noqa: PLC0415

    values = np.random.default_rng(1).normal(size=(_ROWS, 2))
    target = values[:, 0] > 0
    try:
        if learner == "lgbm":
            lightgbm.LGBMClassifier(n_estimators=1, verbose=-1, **device).fit(values, target)
            return True
        model = xgboost.XGBClassifier(n_estimators=1, verbosity=0, **device).fit(values, target)
        used = json.loads(model.get_booster().save_config())["learner"]["generic_param"]["device"]
    except Exception:  # noqa: BLE001 - whatever keeps it from learning
        return False
    return str(used).startswith(device["device"])


if __name__ == "__main__":
    main()

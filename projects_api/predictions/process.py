"""The process that asks models, so that a hostile or heavy one can end only this process."""

import sys
from collections import OrderedDict
from hashlib import file_digest
from pathlib import Path
from typing import Any

from projects_api.engines import THRESHOLD
from projects_api.engines.availability import why_unavailable
from projects_api.engines.monitoring import answers, drift
from projects_api.processes.child import Limits, serve_copies

LIMITS = Limits(address_space_bytes=8 * 1024**3, written_file_bytes=64 * 1024**2, idle_seconds=1800)
MAX_REASON_CHARACTERS = 300
NOT_EXPLAINED = (
    "Models of this type have no SHAP values here. Ask without `explain`, or ask one of the types "
    "GBM, XGBoost or GLM."
)


class Refused(Exception):
    """The model cannot be asked; the text is a sentence for the caller."""


class HotModels:
    """Models in memory; the one that nobody asked for longest goes first.

    Their files have at most `max_bytes` together, or there is one alone.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._models: OrderedDict[str, tuple[Any, int]] = OrderedDict()

    def perform(self, task: dict[str, Any]) -> dict[str, Any]:
        """Answer with a prediction for each row, or say that the model's file is needed first.

        A task may also be to measure `drift`.
        """
        if "drift" in task:
            return {**_measure_drift(**task["drift"]), "keeps": list(self._models)}
        key = task["key"]
        try:
            if key not in self._models:
                source = task.get("source")
                if source is None:
                    return {"not_loaded": True, "keeps": list(self._models)}
                if reason := why_unavailable(source["engine"]):
                    return {"absent": reason, "keeps": list(self._models)}
                path = Path(task["path"])
                self._keep(key, _load(path, source), path.stat().st_size)
            self._models.move_to_end(key)
            predictions = _predict(self._models[key][0], task)
        except Refused as refused:
            return {"refusal": str(refused), "keeps": list(self._models)}
        return {"predictions": predictions, "keeps": list(self._models)}

    def _keep(self, key: str, model: Any, size: int) -> None:
        self._models[key] = (model, size)
        while len(self._models) > 1 and self._size() > self._max_bytes:
            self._models.popitem(last=False)

    def _size(self) -> int:
        return sum(size for _, size in self._models.values())


def _measure_drift(
    model: dict[str, Any], rows: list[dict[str, Any]], answered: list[answers.Answer]
) -> dict[str, Any]:
    signature, metrics = model["signature"], model["metrics"]
    measured = drift.measure(model["reference"], rows)
    threshold = metrics.get(THRESHOLD)
    told = answers.measure(signature, model["evaluation"], threshold, answered)
    if told:
        measured["predictions"] = told
    if signature is not None and any(one["truth"] is not None for one in answered):
        if reason := why_unavailable("flaml"):
            return {"absent": reason}
        from projects_api.engines.monitoring import feedback  # noqa: PLC0415 - slow to import

        quality = feedback.measure(signature, metrics, answered)
        if quality:
            measured["quality"] = quality
    return {"drift": measured}


def _load(path: Path, source: dict[str, Any]) -> Any:
    from projects_api.engines.prediction import ModelRefused, load  # noqa: PLC0415 - slow to import

    with path.open("rb") as file:
        if file_digest(file, "sha256").hexdigest() != source["sha256"]:
            raise Refused(
                "The model's file is not the one that was stored: its SHA-256 differs. Restore "
                "it, or train the model again."
            )
    try:
        return load(path, source["signature"])
    except ModelRefused as refused:
        raise Refused(f"The model's file is refused: {_reason(refused)}") from refused
    except MemoryError as error:
        raise Refused("The model takes more memory than a model may.") from error


def _predict(model: Any, task: dict[str, Any]) -> Any:
    from projects_api.engines.prediction import NotExplained  # noqa: PLC0415 - slow to import

    explain = task.get("explain", False)
    try:
        return model.predict(task["rows"], task.get("threshold"), explain=explain)
    except NotExplained as error:
        raise Refused(NOT_EXPLAINED) from error
    except MemoryError as error:
        raise Refused("These rows take too much memory. Ask about fewer at a time.") from error
    except Exception as error:  # what an imported model does is not known ahead
        kind = type(error).__name__
        raise Refused(f"The model fails at these rows ({kind}: {_reason(error)}).") from error


def _reason(error: Exception) -> str:
    return str(error).partition("\n")[0][:MAX_REASON_CHARACTERS]


if __name__ == "__main__":
    if not why_unavailable("flaml"):
        import projects_api.engines.prediction  # noqa: F401 - once, for all copies
    serve_copies(lambda: HotModels(int(sys.argv[1])).perform, LIMITS)

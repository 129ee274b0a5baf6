"""Predictions: models are asked in processes of their own, which keep those in use in memory.

A model's file may come from a stranger's archive, and the libraries that read it are heavy: so
neither is ever loaded into the server process. Importing this starts nothing.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import orjson

from projects_api import schemas
from projects_api.engines import MODEL_FORMATS, THRESHOLD
from projects_api.engines.monitoring.answers import as_kept
from projects_api.files.traces import held_folder, remove_abandoned
from projects_api.predictions.faults import EngineMissing, ModelFault, RowsRefused, ThresholdRefused
from projects_api.predictions.rows import Row, read_rows
from projects_api.processes.pool import ChildDied, ChildPool, OutOfTime
from projects_api.processes.turns import Turns
from projects_api.storage.artifacts import Artifacts
from projects_api.storage.faults import LOST
from projects_api.storage.store import ContentWrong

PROCESS = "projects_api.predictions.process"
FOLDER = "projects-api-child-"
TASK_SECONDS = 60.0
LABELS_WITH_THRESHOLD = 2
MAX_EXPLAINED = 100
"""Rows that may be explained at once: it takes a hundred times as long as a prediction."""
KEPT_GROWTH_KIB = 3 * 1024**2
KEPT_PROCESSES = 4
"""For each that may work at once; the others wait for questions of their projects."""
# One row is asked most often, and for that a team of threads costs more than it does.
ENVIRONMENT = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LOKY_MAX_CPU_COUNT"), "1")


def clean_folders() -> None:
    """Remove what the prediction processes of killed servers left, models of others among it."""
    remove_abandoned(Path(gettempdir()), f"{FOLDER}*")


def _folder() -> AbstractContextManager[Path]:
    return held_folder(Path(gettempdir()), FOLDER)


def require_answers(engine: str) -> None:
    """Raise `ModelFault` where models of an engine are measured but cannot be asked."""
    if MODEL_FORMATS.get(engine, "skops") != "skops":
        raise ModelFault(
            f"Models of the engine {engine} are measured and compared, but cannot predict here. "
            "Use a model of the engine flaml."
        )


def require_signature(signature: Mapping[str, Any] | None) -> None:
    """Raise `ModelFault` where nobody knows what a model takes."""
    if signature is None:
        raise ModelFault("Nobody has kept what this model takes. Train a model here.")


def require_threshold(signature: Mapping[str, Any] | None, pointer: str) -> None:
    """Raise `ThresholdRefused` where a model does not choose between two labels."""
    if signature is None or len(signature["labels"] or ()) != LABELS_WITH_THRESHOLD:
        raise ThresholdRefused(pointer)


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model said of each row, and the rows as it was asked about them."""

    rows: list[Row]
    predictions: list[schemas.Prediction]
    ignored_fields: list[str]
    """Fields of the rows that the model does not know; 100 at most."""
    signature: Mapping[str, Any]

    def as_kept(self) -> list[dict[str, Any]]:
        """Return what is kept of each prediction."""
        return as_kept(self.signature, self.predictions)

    def as_answer(
        self, *, probabilities: bool = True, first_row_id: int | None = None
    ) -> schemas.PredictionList:
        """Return the members of an answer; ids of rows follow the first one, if they have any."""
        if not probabilities:
            for each in self.predictions:
                each["probabilities"] = None
        if first_row_id is not None:
            for row_id, each in enumerate(self.predictions, start=first_row_id):
                each["row_id"] = row_id
        return {"predictions": self.predictions, "ignored_fields": self.ignored_fields}


class Predictions:
    """The prediction processes of this server process, each of one project.

    At most `processes` work at once. Each keeps models whose files have at most `hot_bytes`
    together.
    """

    def __init__(self, artifacts: Artifacts, *, processes: int, hot_bytes: int) -> None:
        self._artifacts = artifacts
        clean_folders()
        self._children = ChildPool(
            PROCESS,
            processes,
            kept_growth_kib=KEPT_GROWTH_KIB,
            kept=KEPT_PROCESSES * processes,
            arguments=[str(hot_bytes)],
            environment=ENVIRONMENT,
            folders=_folder,
        )
        self.close = self._children.close
        self.warm = self._children.warm

    @property
    def turns(self) -> Turns:
        """Who asks a process now, and who waits for one."""
        return self._children.turns

    def predict(
        self,
        model: Mapping[str, Any],
        inputs: Any,
        asker: str = "",
        *,
        threshold: float | None = None,
        explain: bool = False,
    ) -> Prediction:
        """Ask a model, as `find_for_prediction` returns it, about a row or about several.

        Without a `threshold` it has its own. Those who ask take turns, `asker` by `asker`. Raises
        `QueueFull` where too many wait, `RowsRefused` for rows that it cannot be asked about,
        `ThresholdRefused` where it has none, `ModelFault` where the model cannot answer, and
        `EngineMissing` where this machine lacks what it needs.
        """
        require_answers(model["engine"])
        signature = model["signature"]
        require_signature(signature)
        if threshold is not None:
            require_threshold(signature, "/options/threshold")
        own = model["metrics"].get(THRESHOLD)
        rows, ignored_fields = read_rows(signature, inputs)
        if explain and len(rows) > MAX_EXPLAINED:
            message = f"must hold at most {MAX_EXPLAINED} rows where they are to be explained"
            raise RowsRefused([("", message)])
        chosen_from = own if threshold is None else threshold
        told = self._ask(model, rows, chosen_from, asker, explain=explain)
        return Prediction(rows, told, ignored_fields, signature)

    def measure_drift(
        self,
        model: Mapping[str, Any],
        rows: Sequence[Row],
        answers: Sequence[Mapping[str, Any]],
        asker: str = "",
    ) -> schemas.Drift:
        """Measure how far rows, and what was answered, are from what a model was made by.

        The model is one as `find_for_monitoring` returns it. Raises `EngineMissing` where truths
        are known and this machine lacks what measures predictions by them.
        """
        task = {"drift": {"model": model, "rows": rows, "answered": answers}}
        answer = self._children.ask(task, TASK_SECONDS, owner=model["project_id"], asker=asker)
        if "absent" in answer:
            raise EngineMissing(f"Truths cannot be compared here: {answer['absent']}.")
        drift: schemas.Drift = answer["drift"]
        return drift

    def _ask(
        self,
        model: Mapping[str, Any],
        rows: list[Row],
        threshold: float | None,
        asker: str,
        *,
        explain: bool,
    ) -> list[schemas.Prediction]:
        key = _key(model)
        task = {"key": key, "rows": rows, "threshold": threshold, "explain": explain}
        answer = self._attempt(task, key, model["project_id"], asker)
        if "not_loaded" in answer:
            answer = self._ask_with_file(model, task, key, asker)
        if "absent" in answer:
            raise EngineMissing(f"Predictions cannot be made here: {answer['absent']}.")
        if "refusal" in answer:
            raise ModelFault(answer["refusal"])
        predictions: list[schemas.Prediction] = answer["predictions"]
        return predictions

    def _ask_with_file(
        self, model: Mapping[str, Any], task: dict[str, Any], key: str, asker: str
    ) -> dict[str, Any]:
        source = {name: model[name] for name in ("sha256", "signature", "engine")}
        try:
            with self._artifacts.fetched(model["sha256"]) as path:
                task = {**task, "source": source}
                return self._attempt(task, key, model["project_id"], asker, path)
        except LOST as error:
            is_there = isinstance(error, ContentWrong)
            what = "damaged" if is_there else "no longer"
            raise ModelFault(
                f"The model's file is {what} in the artifact store. Restore it, or train the "
                "model again."
            ) from error

    def _attempt(
        self,
        task: dict[str, Any],
        key: str,
        project_id: str,
        asker: str,
        file: Path | None = None,
    ) -> dict[str, Any]:
        try:
            return self._children.ask(
                task, TASK_SECONDS, key, owner=project_id, asker=asker, file=file
            )
        except OutOfTime as error:
            raise ModelFault(
                f"The model needs more than {TASK_SECONDS:g} seconds for these rows. Ask about "
                "fewer rows at a time."
            ) from error
        except ChildDied as error:
            raise ModelFault(
                "The model ended the process that asked it: it needs too much memory, or its file "
                "is damaged or made to do so. Ask about fewer rows, or train the model again."
            ) from error


def _key(model: Mapping[str, Any]) -> str:
    """Name what an answer depends on beside the rows: the file, and how it is asked."""
    signature = orjson.dumps(model["signature"], option=orjson.OPT_SORT_KEYS)
    return f"{model['sha256']}-{sha256(signature).hexdigest()}"

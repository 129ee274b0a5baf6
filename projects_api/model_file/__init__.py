"""Models without the server: what `GET /api/models/{model_id}/download` gives, loaded and asked.

    from projects_api.model_file import load

    model = load("GBM_1.skops")
    labels = model.predict(table)

Needs the extra `ml`. A file runs nothing when it is loaded, whoever made it.
"""

import json
import platform
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import yaml

from projects_api.engines import model_files, prediction
from projects_api.engines.model_files import ModelRefused
from projects_api.model_file.frames import TableRefused, frame_of_table

__all__ = ["Model", "ModelRefused", "OtherVersions", "TableRefused", "load", "write_mlflow"]

_FILE = "model.skops"
# MLflow would refuse whole numbers as doubles, and texts as dates: there the model decides.
_MLFLOW_TYPES = {"boolean": "boolean", "text": "string"}


class OtherVersions(UserWarning):
    """A model was made with other versions of libraries than those that it is loaded with."""


class Model:
    """A model that answers for tables of pandas.

    `signature` tells what it takes and gives, as `GET /api/models/{model_id}` shows it; `versions`
    which libraries it was made with, and `threshold` from which probability on the positive label
    of two is chosen. `classes_` are the labels; None of a regression.
    """

    def __init__(
        self, predictor: prediction.Predictor, signature: dict[str, Any], about: Mapping[str, Any]
    ) -> None:
        self._predictor = predictor
        self.signature = signature
        self.name: str | None = about.get("name")
        self.versions: dict[str, str] = dict(about.get("versions") or {})
        self.threshold: float | None = about.get("threshold")
        self.classes_: list[Any] | None = signature["labels"]

    def predict(self, table: pd.DataFrame, *, threshold: float | None = None) -> "pd.Series[Any]":
        """Return a label for each row, or a number where the model is a regression.

        Columns go by name; one that is not there is missing in every row. Of two labels the
        positive one is chosen from `threshold` on. Raises `TableRefused`.
        """
        answers = self._predictor.ask(self._frame(table))
        chosen = self._predictor.choose(answers, self.threshold if threshold is None else threshold)
        return pd.Series(chosen, index=table.index, name=self.signature["target"])

    def predict_proba(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return a probability for each row and label; the columns are the labels.

        Raises `TableRefused`, and `AttributeError` where the model is a regression.
        """
        if self.classes_ is None:
            raise AttributeError("a regression predicts numbers, and has no probabilities")
        answers = self._predictor.ask(self._frame(table))
        return pd.DataFrame(answers, index=table.index, columns=pd.Index(self.classes_))

    def _frame(self, table: pd.DataFrame) -> pd.DataFrame:
        named = {str(name): place for place, name in reversed(list(enumerate(table.columns)))}
        columns = {}
        for field in self.signature["inputs"]:
            name = field["name"]
            if name not in named:
                continue
            try:
                columns[name] = pa.array(table.iloc[:, named[name]], from_pandas=True)
            except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as reason:
                raise TableRefused(f"{name!r} holds values of several types: {reason}") from reason
        return frame_of_table(self.signature, pa.table(columns))


def load(path: str | Path, signature: Mapping[str, Any] | None = None) -> Model:
    """Load a model from its file.

    Files from before they held their signature need the one that `GET /api/models/{model_id}`
    shows. Warns of `OtherVersions`. Raises `ModelRefused` for what is no model file.
    """
    path = Path(path)
    about = model_files.read_about(path) or {}
    found = dict(signature or about.get("signature") or {})
    if not found:
        raise ModelRefused(
            "the model file tells no signature: give that of GET /api/models/{model_id} with it"
        )
    other = _other_versions(about)
    try:
        predictor = prediction.load(path, found)
    except ModelRefused as refused:
        raise ModelRefused(f"{refused}. {other}" if other else str(refused)) from refused
    if other:
        warnings.warn(other, OtherVersions, stacklevel=2)
    return Model(predictor, found, about)


def _other_versions(about: Mapping[str, Any]) -> str | None:
    here = model_files.versions()
    made_with = about.get("versions")
    other = [
        f"{name} {version} (here {here.get(name, 'is none')})"
        for name, version in (made_with.items() if isinstance(made_with, dict) else ())
        if here.get(name) != version
    ]
    if not other:
        return None
    return (
        f"The model was made with {', '.join(other)}: it may answer otherwise, or not at all. "
        "Install the versions that it was made with."
    )


def write_mlflow(path: str | Path, folder: str | Path) -> None:
    """Make of a model file a folder that `mlflow.pyfunc.load_model` takes; it must not be there.

    MLflow itself is not needed for that. Raises `ModelRefused` as `load` does, and
    `FileExistsError`.
    """
    model, folder = load(path), Path(folder)
    folder.mkdir(parents=True)
    shutil.copyfile(path, folder / _FILE)
    needed = [
        f"{'projects-api[ml]' if name == 'projects-api' else name}=={version}"
        for name, version in (model.versions or model_files.versions()).items()
    ]
    (folder / "requirements.txt").write_text("".join(f"{one}\n" for one in needed))
    python = platform.python_version()
    environment = {"python": python, "dependencies": ["-r requirements.txt"]}
    (folder / "python_env.yaml").write_text(yaml.safe_dump(environment))
    described = {
        "flavors": {
            "python_function": {
                "loader_module": __name__,
                "data": _FILE,
                "python_version": python,
                "env": {"virtualenv": "python_env.yaml"},
            }
        },
        "signature": _mlflow_signature(model.signature),
        "metadata": {"name": model.name, "target": model.signature["target"]},
    }
    (folder / "MLmodel").write_text(yaml.safe_dump(described, sort_keys=False))


def _mlflow_signature(signature: Mapping[str, Any]) -> dict[str, str | None]:
    inputs = [
        {"type": _MLFLOW_TYPES.get(field["kind"], "any"), "name": field["name"], "required": False}
        for field in signature["inputs"]
    ]
    return {"inputs": json.dumps(inputs), "outputs": None, "params": None}


def _load_pyfunc(path: str) -> "_PythonFunction":
    """Load a model for MLflow, which looks for this name."""
    return _PythonFunction(load(path))


class _PythonFunction:
    """A model as MLflow calls it."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def predict(self, model_input: pd.DataFrame, params: Any = None) -> "pd.Series[Any]":
        """Return a label or a number for each row."""
        del params
        return self._model.predict(model_input)

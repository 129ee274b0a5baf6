"""The process that asks a model about a whole table, in batches, so that memory has a bound.

A model's file may come from a stranger's archive: this process is confined to the folder that it
works in before it reads one, and is given none of the server's secrets. It is told its task by a
line of JSON, and answers with lines: how many `rows` are done, or why it has `refused`.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from projects_api.engines import prediction
from projects_api.engines.labels import label_text
from projects_api.model_file.frames import TableRefused, frame_of_table
from projects_api.processes.confinement import confine

MODEL, TABLE, PREDICTED = "model.skops", "table.parquet", "predicted.parquet"
PREDICTION, PROBABILITY = "prediction", "probability_"
BATCH_CELLS = 500_000
BATCH_ROWS = 20_000
"""Rows are read, asked about and written so many at a time, of wide tables fewer."""


def write_predictions(folder: Path, task: Mapping[str, Any], report: Callable[[int], None]) -> None:
    """Write a table again with what a model says of each row in further columns.

    Raises `ModelRefused` and `TableRefused`.
    """
    signature = task["signature"]
    predictor = prediction.load(folder / MODEL, signature)
    with pq.ParquetFile(folder / TABLE) as source:
        names = list(task["names"] or source.schema_arrow.names)
        labels = predictor.names if task["probabilities"] else []
        kind = _type_of(signature["labels"])
        types = [*source.schema_arrow.types, kind, *[pa.float64()] * len(labels)]
        new = _new_names(names, labels)
        schema = pa.schema(list(zip([*names, *new], types, strict=True)))
        size = max(1, min(BATCH_ROWS, BATCH_CELLS // len(types)))
        with pq.ParquetWriter(folder / PREDICTED, schema) as target:
            done = 0
            for batch in source.iter_batches(size):
                table = pa.Table.from_batches([batch]).rename_columns(names)
                answers = predictor.ask(frame_of_table(signature, table, first_row=done + 1))
                chosen = predictor.choose(answers, task["threshold"])
                if kind == pa.string():
                    chosen = [label_text(one) for one in chosen]
                said = [answers[:, place] for place in range(len(labels))]
                columns = [*table.columns, pa.array(chosen, kind), *map(pa.array, said)]
                target.write_table(pa.table(columns, schema=schema))
                done += len(batch)
                report(done)


def _type_of(labels: list[Any] | None) -> pa.DataType:
    """Find the type that a column of predictions has; labels of several types are texts."""
    if labels is None:
        return pa.float64()
    try:
        kind = pa.array(labels).type
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.string()
    return kind if pa.types.is_integer(kind) or pa.types.is_boolean(kind) else _text_or_float(kind)


def _text_or_float(kind: pa.DataType) -> pa.DataType:
    return kind if pa.types.is_floating(kind) else pa.string()


def _new_names(names: list[str], labels: list[str]) -> Iterator[str]:
    """Name the further columns; one whose name the table has already gets a number."""
    taken = {name.casefold() for name in names}
    for wanted in (PREDICTION, *(f"{PROBABILITY}{label}" for label in labels)):
        name, number = wanted, 1
        while name.casefold() in taken:
            number += 1
            name = f"{wanted}_{number}"
        taken.add(name.casefold())
        yield name


def main() -> None:
    """Do one task, and tell how it goes."""
    # What a library prints must not get between the lines.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    task = json.loads(sys.stdin.readline())
    folder = Path(task["folder"])
    confine(folder)

    def tell(**told: Any) -> None:
        answers.write(json.dumps(told) + "\n")
        answers.flush()

    try:
        write_predictions(folder, task, lambda rows: tell(rows=rows))
    except prediction.ModelRefused as refused:
        tell(refused=f"The model does not answer: {refused}. Train it again.")
    except TableRefused as refused:
        tell(refused=f"The model cannot be asked about this data set: {refused}.")
    except MemoryError:
        tell(refused="The model takes more memory than a job may.")


if __name__ == "__main__":
    main()

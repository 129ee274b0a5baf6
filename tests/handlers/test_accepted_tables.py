"""What was accepted stays usable: every later operation on it answers, and says the same of it."""

import io

import pyarrow.parquet as pq
import pytest

from projects_api.engines import Task, TrainingConfig, TrainingRefused, train
from projects_api.engines.inputs import check_rows
from projects_api.engines.prediction import load
from tests.tables.reading_of import FOLDER, convert
from tests.tables.test_generated import made
from tests.training import Silence

QUICK = TrainingConfig(
    max_runtime_secs=20, max_models=1, nfolds=2, exclude_algos=("GBM", "XGBoost", "DRF")
)
HEADS = {
    "trailing delimiters": ("a;b;y", "{n};{w};{m};"),
    "trailing in some rows": ("a;b;y", "{n};{w};{m}{semicolon}"),
    "missing surplus": ("a,b,y", "{n},{w},{m},NA,"),
    "hash signs": ("a,b,y", "#{n},{w},{m}"),
    "a row number without a name": (",b,y", "{n},{w},{m}"),
    "one shorter": ('"b" "y"', '"{n}" "{w}" {m}'),
    "years": ("b,2023,2024", "{w},{n},{m}"),
    "no header": ("1,x,2", "{n},{w},{m}"),
    "thousands": ("a\tb\ty", "{n},234\t{w}\t{m}"),
    "decimal commas": ("a;b;y", "{n},5;{w};{m},25"),
    "markers": ("a,b,y", "{marker},{w},{m}"),
    "blank cells": ("a,b,y", "{blank},{w},{m}"),
    "short rows": ("a,b,y,z", "{n},{w},{m}"),
    "titles": ("A title\n\n# a comment\na,b,y", "{n},{w},{m}"),
    "declared": ("sep=|\na|b|y", "{n}|{w}|{m}"),
    "blanks behind delimiters": ('"a", "b", "y"', '{n}, "{w}, x", {m}'),
    "single quotes": ("'a','b','y'", "'{n}','{w}, x','{m}'"),
    "equal names": ("a,A,a", "{n},{w},{m}"),
    "far numbers": ("a,b,y", "{n}e306,{w},{m}"),
    "dates": ("a,b,y", "2024-01-{day:02},{w},{m}"),
    "nanoseconds": ("a,b,y", "2024-01-{day:02} 00:00:00.00000000{m},{w},{m}"),
    "zones": ("a,b,y", "2024-01-{day:02}T00:00:00+05:30,{w},{m}"),
    "infinities": ("a,b,y", "{infinite},{w},{m}"),
    "long digits": ("a,b,y", "900719925474099{m}.5,{w},{m}"),
    "quoted line ends": ("a,b,y", '{n},"{w}\nx",{m}'),
    "a value alone": ("y", "{m}"),
}


def text_of(head: str, line: str, rows: int = 60) -> str:
    """Write a table that has something to learn: `m` follows from `n`, which `w` does not tell."""
    lines = (
        line.format(
            n=n,
            m=n % 7,
            w="uvw"[n % 3],
            day=n % 28 + 1,
            semicolon=";" * (n % 20 == 0),
            marker="n/a" if n % 9 == 0 else n,
            blank=" " if n % 9 == 0 else n,
            infinite="inf" if n % 9 == 0 else n,
        )
        for n in range(rows)
    )
    return "\n".join([head, *lines, ""])


CASES = {name: text_of(*case).encode() for name, case in HEADS.items()}
CASES |= {
    "encoded": text_of("Дата;Описание;y", "{n};Кофе {w};{m}").encode("cp1251"),
    "in UTF-16": text_of("é,b,y", "{n},{w},{m}").encode("utf-16"),
    "line ends that are mixed": CASES["dates"].replace(b"7\n", b"7\r\n"),
    "no rows": b"a,b\n",
    "a row": b"1,2\n",
    "nothing but missing": b"a,b\nNA,\n,NA\n",
    **{f"generated {seed}": made(seed).content for seed in range(30)},
}


@pytest.fixture
def upload(owner, project_id):
    def upload(content: bytes):
        answer = owner.upload(project_id, content)
        assert answer.status_code == 201, answer.text
        return answer.json()

    return upload


@pytest.mark.parametrize("content", CASES.values(), ids=CASES)
def test_every_look_and_every_download_answers(owner, upload, content):
    made = upload(content)
    path = f"/api/datasets/{made['dataset_id']}"
    dataset = owner.get(path).json()["dataset"]
    columns = owner.get(f"{path}/columns")
    analysis = owner.get(f"{path}/analyze")
    assert (columns.status_code, analysis.status_code) == (200, 200)
    assert owner.get(f"{path}/quality").json()["quality"] == made["quality"]
    assert owner.get(f"{path}/download", params={"format": "csv"}).content == content
    packed = owner.get(f"{path}/download", params={"format": "parquet"})
    assert packed.status_code == 200, packed.text
    table = pq.read_table(io.BytesIO(packed.content))
    names = [one["name"] for one in columns.json()["columns"]]
    assert (table.num_rows, table.column_names) == (dataset["rows"], names)
    missing = [one["missing_count"] for one in columns.json()["columns"]]
    assert missing == [column.null_count for column in table.columns]

    again = upload(packed.content)
    unpacked = owner.get(f"/api/datasets/{again['dataset_id']}/download", params={"format": "csv"})
    assert unpacked.status_code == 200, unpacked.text
    kinds = [(one["name"], one["type"], one["missing_count"]) for one in columns.json()["columns"]]
    described = owner.get(f"/api/datasets/{again['dataset_id']}/columns").json()["columns"]
    assert [(one["name"], one["type"], one["missing_count"]) for one in described] == kinds


@pytest.mark.parametrize("name", HEADS)
def test_every_one_trains_and_is_asked(name, tmp_path):
    found = convert(CASES[name])
    names = found.facts.names
    task = Task(
        table=FOLDER / "target",
        target=names[-1] if name != "short rows" else "y",
        problem_type="regression" if names[-1] != "a_3" else "classification",
        config=QUICK,
        names=names,
        missing=found.facts.reading["missing"],
    )
    if name == "a value alone":
        with pytest.raises(TrainingRefused):
            train("flaml", task, tmp_path, Silence())
        return
    result = train("flaml", task, tmp_path, Silence())
    predictor = load(result.candidates[0].path, result.signature)
    marked = [dict.fromkeys(names, marker) for marker in ("n/a", "", "None")]
    asked = check_rows(result.signature, [*found.rows[1:4], *marked])
    assert [set(row.values()) for row in asked[3:]] == [{None}] * 3
    assert len(predictor.predict(asked)) == len(asked)

"""Numbers of any size and moments of any unit are described as an independent reader does."""

import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from projects_api.tables import describe_table, inspect_table


@pytest.fixture
def describe(tmp_path):
    """Describe a table of Arrow."""

    def described(table: pa.Table):
        path = tmp_path / "upload"
        pq.write_table(table, path)
        found = describe_table(path, inspect_table(path).dialect)
        assert json.dumps(found, allow_nan=False)
        return found

    return described


LARGEST = float(np.finfo(float).max)


@pytest.mark.parametrize(
    "values",
    [
        [-LARGEST, 0.0, LARGEST],
        [1.0, 1e308],
        [LARGEST, LARGEST / 2],
        [1e160, 3e160, -2e160],
        [1e-200, 3e-200],
        [5e-324, 1e-323, 0.0],
        [1.0, 2.5, 7.0, 7.0],
    ],
)
def test_numbers_of_every_size(describe, values):
    found = describe(pa.table({"v": values, "w": [2.0 * n for n in range(len(values))]}))
    (column, _), (shown, _) = found["columns"], found["distributions"]
    exact, largest = np.array(values, dtype=np.longdouble), max(map(abs, values))
    assert (column["min"], column["max"]) == (min(values), max(values))
    assert column["mean"] == pytest.approx(float(exact.mean()), rel=1e-12, abs=5e-324)
    deviation = float(exact.std(ddof=1))
    expected = None if math.isinf(deviation) else pytest.approx(deviation, rel=1e-9, abs=5e-324)
    assert column["standard_deviation"] == expected
    assert (shown["bins"][0]["lower"], shown["bins"][-1]["upper"]) == (min(values), max(values))
    edges = np.linspace(min(values) / largest, max(values) / largest, 21)
    uppers = [one["upper"] / largest for one in shown["bins"]]
    assert uppers == pytest.approx(list(edges[1:]), abs=max(1e-12, 5e-324 / largest))
    counts, _ = np.histogram([value / largest for value in values], edges)
    assert [one["count"] for one in shown["bins"]] == list(counts)
    scaled = [value / largest for value in values]
    (pair,) = found["correlations"]
    other = np.corrcoef(scaled, range(len(values)))[0, 1]
    assert pair["coefficient"] == pytest.approx(other, abs=1e-9)


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Oslo"])
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_moments_of_every_unit(describe, unit, zone):
    moments = pa.array([0, 10**9, None], pa.timestamp("s")).cast(pa.timestamp(unit))
    (column,) = describe(pa.table({"t": moments.cast(pa.timestamp(unit, zone))}))["columns"]
    assert column["type"] == "datetime"
    ends = (column["earliest"], column["latest"])
    assert ends == ("1970-01-01T00:00:00Z", "2001-09-09T01:46:40Z")

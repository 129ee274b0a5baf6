"""Files that were refused for what they are not, and Parquet of which not all can be shown."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc

from projects_api.tables.facts import NotATable
from tests.tables.reading_of import convert, read, read_again

GERMAN = "name,wert\nMüller,1\nÖ,2\n"
JAPANESE = "名前,都市\n山田太郎,東京\n鈴木花子,大阪\n"


def parquet(columns: dict[str, object]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


class TestRefusals:
    @pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
    def test_utf16_without_a_mark_is_named_with_the_way_out(self, encoding):
        content = GERMAN.encode(encoding)
        with pytest.raises(NotATable, match=f"encoding={encoding}"):
            read(content)
        assert read(content, encoding=encoding).rows[0] == {"name": "Müller", "wert": 1}

    def test_what_is_refused_in_an_encoding_that_was_guessed_names_it(self):
        with pytest.raises(NotATable, match=r"taken to be in .*; send `encoding`"):
            read(GERMAN.encode("cp037"))
        assert read(GERMAN.encode("cp037"), encoding="cp037").rows[1] == {"name": "Ö", "wert": 2}

    def test_control_characters_may_be_an_encoding(self):
        with pytest.raises(NotATable, match="send `encoding`"):
            read(JAPANESE.encode("iso2022_jp"))
        found = read(JAPANESE.encode("iso2022_jp"), encoding="iso2022_jp")
        assert found.rows[0] == {"名前": "山田太郎", "都市": "東京"}

    @pytest.mark.parametrize("rows", [1, 5000])
    def test_orc_is_named(self, rows):
        file = io.BytesIO()
        orc.write_table(pa.table({"a": list(range(rows)), "b": ["x"] * rows}), file)
        with pytest.raises(NotATable, match="an ORC file"):
            read(file.getvalue())

    def test_texts_with_marks_of_other_formats_are_texts(self):
        assert read("PAR1,b\n1,x\n2,PAR1").rows[1] == {"PAR1": 2, "b": "PAR1"}
        assert read("ORCA,b\n1,ORC\n").rows == [{"ORCA": 1, "b": "ORC"}]
        assert read("<html>,b\n1,x\n").rows == [{"<html>": 1, "b": "x"}]
        assert read("<b>x</b>,c\n1,2\n").rows == [{"<b>x</b>": 1, "c": 2}]

    def test_parquet_that_is_whole_is_not_called_damaged(self):
        with pytest.raises(NotATable, match="has no columns"):
            read(parquet({}))
        with pytest.raises(NotATable, match="beyond those read here"):
            read(parquet({"a": pa.array([2**62], pa.timestamp("ms"))}))

    def test_the_longest_line(self):
        assert len(read("a,b\n" + "x" * 1_999_998 + ",2\n").rows[0]["a"]) == 1_999_998
        with pytest.raises(NotATable, match="two million bytes"):
            read("a,b\n" + "x" * 2_000_100 + ",2\n")


class TestParquet:
    @pytest.mark.parametrize(
        "column",
        [
            pa.array([-(10**17), 10**15, None], pa.timestamp("us")),
            pa.array([-(10**17), 10**15, None], pa.timestamp("us", "UTC")),
            pa.array([-(10**6), 10**4, None], pa.date32()),
        ],
    )
    def test_moments_that_statistics_leave_out_are_said(self, column):
        found = read(parquet({"a": column}))
        issues = {issue["kind"]: issue["message"] for issue in found.facts.issues}
        assert issues["unshown_moments"].startswith("1 of its values ")
        assert found.described["columns"][0]["missing_count"] == 1
        assert found.kinds == ["missing_values", "unshown_moments"]

    def test_names_that_are_changed_are_said(self):
        found = convert(parquet({"a\0b": [1, 2], "c": [1, 2]}))
        assert (found.facts.names, found.kinds) == (["ab", "c"], ["changed_column_name"])
        equal = convert(parquet({"a\0b": [1, 2], "ab": [2, 3]}))
        assert equal.facts.names == ["ab", "ab_2"]
        assert equal.kinds == ["duplicate_column_name", "changed_column_name"]

    def test_names_that_are_cut_are_said(self):
        found = read("a" * 1001 + "," + "a" * 1002 + "\n1,3\n2,4\n")
        assert [len(one["name"]) for one in found.described["columns"]] == [1000, 1000]
        assert found.kinds == ["changed_column_name"] * 2

    @pytest.mark.parametrize("text", ["x\0y", "x" * 2_000_001])
    def test_texts_that_no_csv_has_are_said(self, text):
        found = convert(parquet({"a": [text, "z"]}))
        assert found.kinds == ["not_for_csv"]

    def test_a_name_that_looks_like_html_is_uploaded_again(self):
        found = read(parquet({"<html>": [1, 2], "b": ["x", "y"]}))
        assert read_again(found).rows == found.rows

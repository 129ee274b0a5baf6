"""Whether a first row names columns: no row of data is lost, or it is told how to keep it."""

import csv
import re

import pytest

from tests.tables.reading_of import Read, read


def cells_of(content: str, delimiter: str = ",") -> list[list[str]]:
    """Split by Python's reader, which is none of the server's."""
    return list(csv.reader(content.splitlines(), delimiter=delimiter))


def as_text(rows: list[dict[str, object]]) -> list[list[str]]:
    """Spell values as these tests write them."""
    return [
        ["" if v is None else str(v).lower() if isinstance(v, bool) else str(v) for v in r.values()]
        for r in rows
    ]


class TestRowsThatAreNoNames:
    @pytest.mark.parametrize(
        "content",
        [
            "ann,true,3\nbob,false,4\ncarl,true,5\n",
            "false,409.33\ntrue,948.254\ntrue,64.47\n",
            "".join(f"{'true' if n % 3 else 'false'},{n}.5\n" for n in range(1, 200)),
            "true,true\nfalse,true\ntrue,false\n",
            "ann,true\nbob,false\ncarl,true\n",
            "true,2024-01-02\nfalse,2024-01-03\n",
            "inf,2.5\n1.5,3.5\n2.5,4.5\n",
            "-inf,x\n1.5,y\n2.5,z\n",
            "-,2\n3,4\n5,6\n",
            "?,2,x\n3,4,y\n5,6,z\n",
            "ann,true,3,4\nbob,false,8,1\ncarl,true,2,6\n",
            "true,bob\nann,carl\nfalse,dave\n",
        ],
    )
    def test_a_table_without_names_keeps_all_of_its_rows(self, content):
        found = read(content)
        assert as_text(found.rows) == cells_of(content)
        assert found.facts.reading["header"] is False
        assert found.kinds[0] == "no_header"

    @pytest.mark.parametrize("marker", ["NA", "NULL", "n/a", "nan"])
    def test_a_marker_of_missing_values_is_no_word(self, marker):
        rest = [["3", "carl", "oslo"], ["4", "dave", "bern"]]
        found = read(f"{marker},bob,rome\n3,carl,oslo\n4,dave,bern\n")
        assert as_text(found.rows) == [["", "bob", "rome"], *rest]
        assert found.kinds[0] == "no_header"
        assert as_text(read("-9,bob\n3,carl\n", missing="-9").rows) == [["", "bob"], ["3", "carl"]]

    @pytest.mark.parametrize(
        "content",
        [
            "name,ok,n\nann,true,3\nbob,false,4\n",
            "ok,fine\ntrue,false\nfalse,true\n",
            ",true,false\ntrue,50,3\nfalse,2,45\n",
            "year,inf\n2000,2.5\n2001,3.5\n",
            "NA,EU,AS\n1,2,3\n4,5,6\n",
            ",name,city\n0,ann,rome\n1,bob,oslo\n",
            ",name,city\n1,ann,rome\n2,bob,oslo\n",
            ",name,city\nr1,ann,rome\nr2,bob,oslo\n",
            "#,name\n1,ann\n2,bob\n",
            "geo,2023\nDE,83\nFR,67\n",
            "n,1,2,3\nA,5,8,8\nB,6,6,1\n",
            "v,w\n-,1\n3,2\n",
        ],
    )
    def test_names_stay_names_and_are_no_guess(self, content):
        found = read(content)
        names, *rows = cells_of(content)
        assert [n or "column_1" for n in names] == found.facts.names
        assert as_text(found.rows) == rows
        assert not {"no_header", "assumed_header", "repeated_header"} & {*found.kinds}

    @pytest.mark.parametrize(
        "content",
        [
            "x,5\n1,7\n2,8\n",
            "150,4,setosa,virginica\n5,3,1.5,0\n4,2,1.5,1\n",
            ",bob,rome\n3,carl,oslo\n9,dave,bern\n",
            "ann,1850\nbob,2300\ncarl,1700\n",
            "ann,3,4\nbob,8,1\ncarl,2,6\n",
            "#1,2\n3,4\n5,6\n",
        ],
    )
    def test_a_guess_is_told_and_can_be_decided(self, content):
        found = read(content)
        told = [one for one in found.facts.issues if one["kind"] == "assumed_header"]
        assert (found.facts.reading["header"], len(told)) == (True, 1)
        assert "Line 1 " in str(told[0]["message"])
        assert "`header=false`" in str(told[0]["message"])
        row, named = read(content, header="false"), read(content, header="true")
        assert as_text(row.rows) == cells_of(content)
        assert as_text(named.rows) == cells_of(content)[1:]
        assert "assumed_header" not in row.kinds + named.kinds


def advised(content: str, kind: str) -> Read:
    """Do what the one issue of a kind says."""
    told = [str(one["message"]) for one in read(content).facts.issues if one["kind"] == kind]
    assert len(told) == 1, read(content).facts.issues
    skip = re.findall(r"`skip_lines=(\d+)`", told[0])
    assert len(skip) == 1, told
    header = {"header": "false"} if "and `header=false`" in told[0] else {}
    return read(content, skip_lines=skip[0], **header)


class TestComments:
    @pytest.mark.parametrize(
        "above",
        [
            "# made by tool, on 2024-01-01, v1\n",
            "# made by, us, here\n",
            "# Source: x,y,z\n",
            "# measured in the lab,a,b\n# by two people of it,c,d\n",
        ],
    )
    def test_one_that_names_a_table_without_names_is_told(self, above):
        rows = "1.5,2.5,a\n3.5,4.5,b\n5.5,6.5,c\n"
        found = advised(f"{above}{rows}", "assumed_header")
        assert as_text(found.rows) == cells_of(rows)
        assert found.facts.names == ["column_1", "column_2", "column_3"]
        assert "assumed_header" not in read(f"{above}{rows}", header="true").kinds

    @pytest.mark.parametrize(
        "names", ["# time,speed", "#time [s],temp [C]", "# time, speed", "#wave length,flux"]
    )
    def test_names_behind_the_mark_are_no_guess(self, names):
        assert read(f"{names}\n1,2.5\n3,4.5\n").kinds == []


class TestTitles:
    NUMBERS = "day,temp\n1,2.5\n2,3.5\n3,4.5\n"
    WORDS = "name,city\nann,rome\nbob,oslo\n"
    THREE = "a,b,c\n1,2.5,x\n3,4.5,y\n"

    @pytest.mark.parametrize(
        ("above", "table"),
        [
            ("Station,Berlin\nYear,2024\n", NUMBERS),
            ("Station,Berlin\nYear,2024\n", NUMBERS + "4,5.5\n" * 40),
            ("Station,Berlin\nYear,2024\n,\nin,degrees\n", NUMBERS),
            ("Sales,per,month\nof,all,2024\n", "a,b,c\n1,2.5,x\n"),
            ("Report,of,sales\nfirst,quarter,2024\n", THREE),
            ("Report,of,sales\nfirst,quarter,2024\n", "a,b,c\n1,2.5,3\n4,5.5,6\n"),
            ("Report,of,sales\nfirst,5,2024\nand,6,7\n", "a,b,c\n1,true,x\n3,false,y\n"),
        ],
    )
    def test_as_wide_as_the_table_and_with_numbers_are_told(self, above, table):
        found = advised(f"{above}{table}", "repeated_header")
        names, *rows = cells_of(table)
        assert (found.facts.names, as_text(found.rows)) == (names, rows)

    @pytest.mark.parametrize(
        ("above", "table"),
        [
            ("Report,\nQ1,\n", NUMBERS),
            ("Report,\nQ1,\n", WORDS),
            ("Report,\n", WORDS),
            ("Report,\nQ1\n", WORDS),
            ("Report,2024,\nQ1,,\n", "name,city,land\nann,rome,italy\nbob,oslo,norway\n"),
            ("Station,Berlin,\nYear,2024,\n", THREE),
        ],
    )
    def test_with_delimiters_behind_them_are_told(self, above, table):
        found = advised(f"{above}{table}", "assumed_header")
        names, *rows = cells_of(table)
        assert (found.facts.names, as_text(found.rows)) == (names, rows)
        assert "assumed_header" not in found.kinds

    @pytest.mark.parametrize(
        "rows", ["229.55,153.5\n347.06,448.25\n555.1,512.5\n", ",1.5\ntrue,2.5\nfalse,3.5\n"]
    )
    def test_above_a_table_without_names_too(self, rows):
        found = advised(f"Report,\nQ1,\n{rows}", "assumed_header")
        assert as_text(found.rows) == cells_of(rows)
        assert "no_header" in found.kinds

    @pytest.mark.parametrize(
        "content",
        [
            "name,age\nann,5\nbob,old\ncid,7\n",
            "name,age,note\nann,5,x\nbob,unknown,y\ncid,7,z\n",
            "a,b,\n1,2,x\n3,4,y\n",
            "name,city\nann,\nbob,oslo\n",
            "name,city,\nann,rome,x\nbob,oslo,\n",
            "name,v\nann,-\nbob,5\ncid,6\n",
            "a,b\n1,\n2,3\n",
        ],
    )
    def test_rows_of_words_are_no_titles(self, content):
        assert not {"repeated_header", "assumed_header"} & {*read(content).kinds}

    def test_words_among_numbers_alone_are_told_by_their_line(self):
        (issue,) = read("a,b\n1,2\n3,4\nc,d\n5,6\n7,8\n").facts.issues
        assert str(issue["message"]).startswith("Line 4 has words where the others have numbers")
        assert "`skip_lines=3`" in str(issue["message"])
        (last,) = read("a,b\n1,2\n3,4\nc,d\n").facts.issues
        assert (last["kind"], "skip_lines" in str(last["message"])) == ("repeated_header", False)

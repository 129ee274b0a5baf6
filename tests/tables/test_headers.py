"""Whether a first row names columns: no row of data is lost, or it is told how to keep it."""

import csv

import pytest

from tests.tables.reading_of import read


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

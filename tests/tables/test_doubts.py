"""What a reading must not pass over in silence: by value, what people lost or were not told."""

import re

import pyarrow as pa
import pytest

from projects_api.tables.facts import NotATable
from tests.tables.reading_of import read, read_again


class TestEncodings:
    @pytest.mark.parametrize(
        "name",
        [
            *("unicode_escape", "raw_unicode_escape", "Unicode-Escape", "utf_7", "UTF7", "idna"),
            *("punycode", "undefined", "rot13", "base64", "hex", "zlib", "uu", "quopri", "bz2"),
        ],
    )
    def test_codecs_that_are_none_of_texts_in_files_are_unknown(self, name):
        with pytest.raises(NotATable, match="which is no encoding that is known here"):
            read("a,b\n\\ud800,2\nx,3\n", encoding=name)

    def test_the_mark_at_the_end_of_a_dos_file_is_no_line_and_in_a_value_a_part_of_it(self):
        assert read(b"a,b\n1,2\n5,y\n\x1a\x1a").rows[-1] == {"a": 5, "b": "y"}
        assert read(b"a,b\n1,2\n5,y\x1a").rows[-1] == {"a": 5, "b": "y\x1a"}
        assert read(b"a,b\n1,2\n5\n\x1a").rows[-1] == {"a": 5, "b": None}
        assert read("é,b\n1,2\n5,y\x1a".encode("cp850"), encoding="cp850").rows[-1] == {
            "é": 5,
            "b": "y\x1a",
        }


class TestTypes:
    @pytest.mark.parametrize(
        "cells",
        [
            "12345678901234567168 1",
            "10000000000000000000 10000000000000000000",
            "9223372036854775808 1",
            "-9223372036854775809 1.5",
            "100000000000000000000000 1e5",
        ],
    )
    def test_integers_of_more_than_64_bits_are_texts_whatever_is_beside_them(self, cells):
        first, second = cells.split(" ")
        found = read(f"v,k\n{first},1\n{second},2\n")
        assert found.table["v"].type == pa.string()
        assert found.table["v"].to_pylist() == [first, second]
        with_commas = read(f"v;k\n{first};1,5\n{second};2,5\n")
        assert with_commas.table["v"].to_pylist() == [first, second]

    def test_numbers_as_large_that_are_written_as_such_are_numbers(self):
        assert read("v,k\n1e19,1\n12345678901234567168.0,2\n").table["v"].to_pylist() == [
            1e19,
            12345678901234567168.0,
        ]

    def test_a_zone_in_some_moments_is_given_to_none(self):
        found = read("t,v\n2024-07-01 12:00:00,1\n2024-07-01 12:00:00+02:00,2\n")
        assert found.table["t"].to_pylist() == ["2024-07-01 12:00:00", "2024-07-01 12:00:00+02:00"]
        assert found.kinds == ["mixed_moments"]
        with_day = read("t,v\n2024-07-01,1\n2024-07-01 12:00:00Z,2\n")
        assert with_day.table["t"].to_pylist() == ["2024-07-01", "2024-07-01 12:00:00Z"]
        assert with_day.kinds == ["mixed_moments"]

    def test_a_day_beside_moments_is_its_begin_and_that_is_said(self):
        found = read("t,v\n2024-07-01,1\n2024-07-01 12:00:00,2\n")
        assert [one.isoformat() for one in found.table["t"].to_pylist()] == [
            "2024-07-01T00:00:00",
            "2024-07-01T12:00:00",
        ]
        assert found.kinds == ["mixed_moments"]

    def test_one_moment_unlike_the_others_beyond_the_sample(self):
        rows = "".join(f"2024-01-01 10:{n % 60:02},{n}\n" for n in range(120_000))
        assert "mixed_moments" not in read("t,v\n" + rows).kinds
        zoned, day = (read(f"t,v\n{rows}{one},1\n") for one in ("2024-01-01 10:00Z", "2024-01-01"))
        assert (zoned.table["t"].type, "mixed_moments" in zoned.kinds) == (pa.string(), True)
        assert (day.table["t"].type, "mixed_moments" in day.kinds) == (pa.timestamp("us"), True)


class TestNumbers:
    @pytest.mark.parametrize(
        ("content", "values"),
        [
            ("t;v\n12.30;1,5\n13.45;2,5\n", {"t": 12.3, "v": "1,5"}),
            ("a;b\n1.5;1,5\n2.25;2,5\n", {"a": 1.5, "b": "1,5"}),
            ('a,b\n"1,5",1\n"2,25",5\n', {"a": "1,5", "b": 1}),
        ],
    )
    def test_texts_that_are_numbers_with_the_other_mark_are_said(self, content, values):
        found = read(content)
        assert (found.rows[0], found.kinds) == (values, ["ambiguous_numbers"])
        assert "ambiguous_numbers" not in read(content, decimal=".").kinds

    def test_one_such_number_beyond_the_sample(self):
        rows = "".join(f"{n};{n}\n" for n in range(120_000))
        found = read(f"a;b\n{rows}1;2,5\n")
        assert (found.table["b"].type, "ambiguous_numbers" in found.kinds) == (pa.string(), True)


class TestMissing:
    def test_blanks_around_a_marker_do_not_count_in_numbers(self):
        found = read("a ,b \n1  ,NA \n2  ,30 \n")
        assert found.rows == [{"a": 1, "b": None}, {"a": 2, "b": 30}]
        assert found.described["columns"][1]["missing_count"] == 1
        assert found.kinds == ["missing_values"]
        assert read("a,b\n1, -9 \n2,30\n", missing="-9").rows[0] == {"a": 1, "b": None}
        assert read("a,b\n1, NaN\n2,0.5\n").rows[0] == {"a": 1, "b": None}

    def test_nor_where_they_begin_beyond_the_sample(self):
        rows = "".join(f"{n},{n}\n" for n in range(120_000))
        found = read(f"a,b\n{rows}1, NA \n")
        assert (found.table["b"].type, found.rows[-1]["b"]) == (pa.int64(), None)
        assert found.described["columns"][1]["missing_count"] == 1

    def test_in_a_text_they_are_text(self):
        found = read("a,b\n1,NA \n2,x\n3, NA\n")
        assert found.table["b"].to_pylist() == ["NA ", "x", " NA"]


class TestHeaders:
    @pytest.mark.parametrize("said", [{}, {"malformed": "leave_out"}])
    def test_tables_with_titles_are_several(self, said):
        with pytest.raises(NotATable, match="several tables, which begin in the lines 2, 7"):
            read("Table 1\na,b\n1,2\n3,4\n\nTable 2\na,b\n5,6\n", **said)

    @pytest.mark.parametrize(
        "content",
        [
            "a,b\n1,2\n3,4\na,b\n5,6\n",
            'a ,b\n1,2\n3,4\na ,"b"\n5,6\n',
            "a,b\n1,2\n3,4\nc,d\n5,6\n",
            "a,b\nm,kg\n1,2\n3,4\n",
            "a,b\nc,d\ntrue,false\nfalse,true\n",
            "Report,2024\na,b\n1,2\n3,4\n",
        ],
    )
    def test_a_row_that_names_columns_below_the_header_is_said(self, content):
        assert read(content).kinds == ["repeated_header"]

    @pytest.mark.parametrize(
        ("above", "rows"),
        [
            ("Report,2024\n", "1,2\n3,4\n"),
            ("a report,of two\nin words,as wide\n", "1,2\n3,4\n"),
            ("a report,of two\nin words,as wide\n", "1,2\n" * 20),
            ("a report,of two\n,\n\nin words,\n", "1,2\n3,4\n"),
            ("# a report,of two\n", "x,y\nz,w\n"),
            ("# a report,of two\n# in words,as wide\n", "x,y\nz,w\n"),
            ("# in,2024\n# in words,as wide\n", "1,2\n3,4\n"),
            ("# in words,as wide\n# in,2024\n", "1,2\n" * 20),
        ],
    )
    def test_the_way_out_of_a_second_header(self, above, rows):
        told = [read(f"{above}a,b\n{rows}").facts.issues[0]]
        skip = str(above.count("\n"))
        assert [issue["kind"] for issue in told] == ["repeated_header"]
        assert f"line {int(skip) + 1} " in str(told[0]["message"])
        assert f"`skip_lines={skip}`" in str(told[0]["message"])
        found = read(f"{above}a,b\n{rows}", skip_lines=skip)
        assert [[str(v) for v in row.values()] for row in found.rows] == [
            line.split(",") for line in rows.splitlines()
        ]
        assert (found.facts.names, "repeated_header" in found.kinds) == (["a", "b"], False)

    def test_units_of_all_columns_but_one_are_said(self):
        assert read("a,b,c\n,m,kg\nx,1,2\ny,3,4\n").kinds[0] == "repeated_header"

    def test_what_begins_as_comments_do_and_is_no_guess(self):
        assert read("#a,b\n1,2\n3,4\n").kinds == []
        assert read("#a,b\n#c,d\n#e,f\n").kinds == []
        assert read("#id,n\n#1,5\n#2,6\n#3,7\n#4,8\nfox,many\n").kinds == []

    def test_words_in_rows_of_words_are_no_header(self):
        assert read("name,city\nAnn,Oslo\nBob,Rome\n").kinds == []
        assert read("name,age\nAnn,5\nBob,old\nCid,7\n").kinds == []
        late = "".join(f"Ann {n},none\n" for n in range(6)) + "Bob,5\n" * 3
        assert "repeated_header" not in read(f"name,age\n{late}").kinds

    def test_a_header_again_beyond_the_sample(self):
        rows = "".join(f"{n},{n}\n" for n in range(120_000))
        assert "repeated_header" in read(f"a,b\n{rows}a,b\n1,2\n").kinds

    @pytest.mark.parametrize(
        ("content", "lines"),
        [
            ("Report,,\n,,\na,b,c\n1,2,3\n3,4,5\n", "2"),
            ("Report,,\n2024 by month,,\na,b,c\n1,2,3\n3,4,5\n", "2"),
            (",,\na,b,c\n1,2,3\n3,4,5\n", "1"),
        ],
    )
    def test_titles_with_delimiters_behind_them_are_above_the_table(self, content, lines):
        found = read(content)
        assert found.rows == [{"a": 1, "b": 2, "c": 3}, {"a": 3, "b": 4, "c": 5}]
        assert found.facts.reading["skip_lines"] == int(lines)
        assert found.kinds == ["lines_left_out"]

    def test_a_name_that_differs_in_case_is_told_as_the_same(self):
        found = read("a,A,b\n1,2,3\n4,5,6\n")
        assert found.facts.names == ["a", "A_2", "b"]
        (issue,) = found.facts.issues
        assert (issue["kind"], issue["column"]) == ("duplicate_column_name", "A")
        assert "in another case" in str(issue["message"])
        again = read_again(found).facts.issues
        assert [one["kind"] for one in again] == []

    def test_of_two_columns_only_above_a_blank_row(self):
        assert read("Report,\n,\na,b\n1,2\n3,4\n").rows == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
        assert read("x,\na,b\nc,d\n").table.num_rows == 2


class TestDelimiters:
    @pytest.mark.parametrize("content", ["w\n1,5\n2,5\n3,25\n", "w\n4,5\n2,5\n3,25\n"])
    def test_digits_below_one_name_may_be_decimals(self, content):
        assert "assumed_delimiter" in read(content).kinds
        found = read(content, delimiter=";")
        assert (found.table.column_names, found.table["w"][1].as_py()) == (["w"], 2.5)
        assert "assumed_delimiter" not in found.kinds

    @pytest.mark.parametrize(
        ("content", "other", "names"),
        [
            ("a;b,c\n1;2,3\n4;5,6\n", ",", ["a;b", "c"]),
            ("a\tb;c\nx\ty;z\nv\tw;u\n", ";", ["a\tb", "c"]),
            ("a|b\tc\nx|y\tz\nv|w\tu\n", r"\t|`|", None),
        ],
    )
    def test_another_one_that_splits_all_lines_alike_is_said(self, content, other, names):
        found = read(content)
        told = [one for one in found.facts.issues if one["kind"] == "assumed_delimiter"]
        (sent,) = re.findall(r"Send `delimiter=(.+)` if", str(told[0]["message"]))
        assert sent in other
        again = read(content, delimiter=sent)
        assert again.facts.names == (names or again.facts.names) != found.facts.names
        assert "assumed_delimiter" not in again.kinds

    @pytest.mark.parametrize(
        "content",
        [
            "a;b\n1,5;2\n2,5;3\n",
            "x;1,5\ny;2,5\n",
            "a;b\nx, y;2\nz, w;3\n",
            '"a,b";c\n"d,e";f\n',
            "a,b;c,d\n1,2;3,4\n",
        ],
    )
    def test_one_that_does_not_is_none(self, content):
        assert "assumed_delimiter" not in read(content).kinds

    def test_single_quotes_are_said(self):
        found = read("a,b\n'x','p'\n'y','q'\n")
        assert (found.rows[0], found.kinds) == ({"a": "x", "b": "p"}, ["assumed_quote"])

    @pytest.mark.parametrize("delimiter", ["\x01", "\x1f"])
    def test_control_characters_that_delimit(self, delimiter):
        content = f"a{delimiter}b\n1,5 ; x{delimiter}2\ny;z{delimiter}3\n"
        found = read(content)
        assert found.table.column_names == ["a", "b"]
        assert found.facts.reading["delimiter"] == delimiter
        assert read(content, delimiter=delimiter).rows == found.rows
        assert found.kinds == []
        assert read(f"a{delimiter}b\n" + f"1{delimiter}2\n" * 5000).table.num_rows == 5000

    @pytest.mark.parametrize("content", ["a, b\n1, 2\n", "a\t b\n1\t 2\n", "a b\n1 2\n3 4\n"])
    def test_the_one_that_is_shown_can_be_sent(self, content):
        found = read(content)
        again = read(content, delimiter=found.facts.reading["delimiter"])
        assert again.rows == found.rows
        assert again.facts.reading["delimiter"] == found.facts.reading["delimiter"]


class TestMalformed:
    def test_a_repair_keeps_the_quotes_that_tell_values_apart(self):
        assert read('a,b\n3,"4,x",5\n1,2\n', malformed="repair").rows[0] == {"a": 3, "b": '"4,x",5'}
        assert read("a,b\n3,4,5\n1,2\n", malformed="repair").rows[0] == {"a": 3, "b": "4,5"}

    @pytest.mark.parametrize(
        ("line", "kept"),
        [
            ("3, x,  y", "x,  y"),
            ('3, x, "p, q", , z', 'x, "p, q", , z'),
            ("3, x,y", "x,y"),
            ('3,  "p, q", "r"', '"p, q", r'),
            ('3, "x"y, z', '"x"y, z'),
        ],
    )
    def test_a_repair_keeps_the_blanks_between_values(self, line, kept):
        found = read(f"a, b\n1, 2\n{line}\n4, 5\n5, 6\n6, 7\n7, 8\n", malformed="repair")
        assert found.facts.reading["delimiter"] == ", "
        assert found.rows[1] == {"a": 3, "b": kept}

    def test_a_repair_of_a_column_of_texts_gives_them_as_they_are(self):
        found = read("note\nhello, there\nby, you\n", malformed="repair")
        assert found.rows == [{"note": "hello, there"}, {"note": "by, you"}]

    def test_a_repair_keeps_no_text_twice(self):
        found = read('a,b\n1,"x\ny",3\n4,5\n', malformed="repair")
        assert [list(row.values()) for row in found.rows] == [["1", '"x'], ['y"', "3"], ["4", "5"]]

    @pytest.mark.parametrize(
        ("content", "delimiter", "values"),
        [
            ("note\nhello; there\nby; you\n", "`; `", ["hello; there", "by; you"]),
            ("note\nhello, there\nby, you\n", "`, `", ["hello, there", "by, you"]),
            ("note\nx\ty\nz\tw\n", "a tab", ["x\ty", "z\tw"]),
            ("note\nx\ny;z\n", "`;`", ["x", "y;z"]),
        ],
    )
    def test_a_refusal_names_the_delimiter_and_the_way_to_one_column(
        self, content, delimiter, values
    ):
        with pytest.raises(NotATable, match="`delimiter=") as refused:
            read(content)
        assert f"taken to be delimited by {delimiter}" in str(refused.value)
        (other,) = re.findall(r"`delimiter=(.)`", str(refused.value))
        assert [row["note"] for row in read(content, delimiter=other).rows] == values

    def test_a_delimiter_that_was_sent_is_no_guess(self):
        with pytest.raises(NotATable) as refused:
            read("note\nx;y\nz;w\n", delimiter=";")
        assert "taken to be delimited" not in str(refused.value)

    @pytest.mark.parametrize(
        ("content", "skip"),
        [
            ("@relation x\n@attribute a numeric\n@data\n1,2\n3,4\n", "3"),
            ("a,b\n1,2,3,4\n5,6,7,8\n", "1"),
        ],
    )
    def test_lines_above_are_a_way_out(self, content, skip):
        with pytest.raises(NotATable, match="`skip_lines` leaves out"):
            read(content)
        assert list(read(content, skip_lines=skip).rows[0].values())[:2] == [1, 2]

"""How CSV files are read, by value: what people uploaded, and what is right."""

# ruff: noqa: RUF001, DTZ001 - texts in many scripts; moments without a zone are what is tested

import datetime as dt
import re
from pathlib import Path

import pyarrow as pa
import pytest

from projects_api.tables.facts import NotATable
from projects_api.tables.values import MISSING
from tests.tables.reading_of import read

ROOT = Path(__file__).parents[2]
CYRILLIC = "Имя,Город,Сумма\nИван,Москва,10\nОльга,Казань,20\nПётр,Омск,30\n"
CZECH = "jméno;město;částka\nJiří;Plzeň;10\nŽofie;Ústí;20\nŠárka;Děčín;30\n"
CHINESE = "姓名,城市,备注\n张三,北京,喜欢喝茶\n李四,上海,喜欢咖啡\n"
TAIWANESE = "姓名,城市,備註\n王小明,臺北市,喜歡喝茶\n陳美麗,高雄市,喜歡咖啡\n"
KOREAN = "이름,도시,메모\n김철수,서울,차를 좋아합니다\n이영희,부산,커피를 좋아합니다\n"
JAPANESE = "名前,都市,メモ\n山田太郎,東京,お茶が好きです\n鈴木花子,大阪,コーヒーが好きです\n"


class TestHeader:
    @pytest.mark.parametrize(
        ("content", "names", "rows"),
        [
            pytest.param(
                ",name,city\n0,Ann,Oslo\n1,Bob,Rome\n", "column_1 name city", 2, id="pandas"
            ),
            pytest.param('"","a","b"\n"1",23,4\n"2",NA,5\n', "column_1 a b", 2, id="R"),
            pytest.param("geo,2023,2024\nDE,83,84\nFR,67,68\n", "geo 2023 2024", 2, id="years"),
            pytest.param(
                '"","1.5","2.5","4"\n"9",0,2,1\n"8",3,3,0\n',
                "column_1 1.5 2.5 4",
                2,
                id="R's table",
            ),
            pytest.param(
                '"","1940","1945","1950"\n"a",1,2,3\n"b",2.5,3,4\n',
                *("column_1 1940 1945 1950", 2),
                id="years above numbers that rise",
            ),
            pytest.param("geo,2020\nDE,83\nFR,67\n", "geo 2020", 2, id="a year"),
            pytest.param("geo,2023,2024\nDE,83\nFR,6,7\n", "geo 2023 2024", 2, id="a short row"),
            pytest.param("n,1,2,3\nA,5,8,8\nB,6,6,1\n", "n 1 2 3", 2, id="counts"),
            pytest.param("geo,2023\nDE,2019\nFR,2020\n", "column_1 column_2", 3, id="years below"),
            pytest.param("1,2\n3,4\n", "column_1 column_2", 2, id="numbers"),
            pytest.param("Ann,5\nBob,6\n", "column_1 column_2", 2, id="a number above numbers"),
            pytest.param("name,city\nAnn,Oslo\n", "name city", 1, id="words"),
            pytest.param(" id , v \n1,2\n", "id v", 1, id="blanks"),
            pytest.param(
                *("true,false\ntrue,true\nfalse,true\n", "column_1 column_2", 3), id="booleans"
            ),
            pytest.param("a,b\nx,\ny,7\n", "a b", 2, id="a word above a number"),
            pytest.param('"a\nb",c\n1,2\n', "a\nb c", 1, id="a line end in a name"),
        ],
    )
    def test_names(self, content, names, rows):
        found = read(content)
        assert found.table.column_names == names.split(" ")
        assert found.table.num_rows == found.facts.rows == rows
        assert ("no_header" in found.kinds) is names.startswith("column_1 column_2")

    def test_is_what_the_sender_says(self):
        assert read("1,2\n3,4\n", header="true").rows == [{"1": 3, "2": 4}]
        assert read("a,b\n3,4\n", header="false").rows == [
            {"column_1": "a", "column_2": "b"},
            {"column_1": "3", "column_2": "4"},
        ]
        assert read("a,b\n3,4\n", header="false").kinds == []

    def test_one_shorter_as_r_writes_it(self):
        found = read('"x","y"\n"1",5,"a"\n"2",6,"b"\n')
        assert found.rows == [
            {"column_1": 1, "x": 5, "y": "a"},
            {"column_1": 2, "x": 6, "y": "b"},
        ]
        spaced = read('"x" "y"\n"r 1" 5 "a b"\n"r 2" 6 "c"\n')
        assert spaced.rows == [
            {"column_1": "r 1", "x": 5, "y": "a b"},
            {"column_1": "r 2", "x": 6, "y": "c"},
        ]
        assert spaced.facts.reading["delimiter"] == " "

    def test_r_numbers_rows_by_the_first_column_alone(self):
        alike = read('"x","y"\n"1",5,"a"\n"2",6,"a"\n')
        assert alike.rows == [
            {"column_1": 1, "x": 5, "y": "a"},
            {"column_1": 2, "x": 6, "y": "a"},
        ]

    @pytest.mark.parametrize(
        "content",
        [
            *("x,y\n1,5,a\n1,6,b\n", "x,x\n1,5,a\n2,6,b\n", "x,7\n1,5,a\n2,6,b\n"),
            *("x,y\n1,5,a\n", "x,y\n1,5,a\n2,6,b\n3,7\n"),
        ],
    )
    def test_a_shorter_header_that_r_would_not_write(self, content):
        with pytest.raises(NotATable, match="Line 2 has 3 values where the table has 2"):
            read(content)

    def test_delimiters_behind_all_rows_make_no_header_shorter(self):
        found = read("name,y\nAnn,5,\nBob,6,\n")
        assert found.rows == [{"name": "Ann", "y": 5}, {"name": "Bob", "y": 6}]
        assert found.kinds == []


class TestAbove:
    @pytest.mark.parametrize(
        ("above", "lines"),
        [
            ("# Source: NOAA\n# Units: m\n", 2),
            ("# Source: NOAA, 2024\n", 1),
            ("Sales 2024\n\n", 1),
            ("Sales 2024,,\n", 1),
            ('"Data Source","World Bank",\n\n"Last Updated","2024-02-21",\n\n', 2),
            ("Report,of 2024\n", 1),
        ],
    )
    def test_titles_and_comments_are_left_out_and_counted(self, above, lines):
        found = read(f"{above}station,temp,rain\nA,1,2.5\nB,3,4.5\n")
        assert found.rows == [
            {"station": "A", "temp": 1, "rain": 2.5},
            {"station": "B", "temp": 3, "rain": 4.5},
        ]
        assert found.facts.reading["skip_lines"] == above.count("\n")
        (issue,) = found.facts.issues
        assert issue["kind"] == "lines_left_out"
        assert issue["message"].startswith(f"{lines} line{'s' * (lines > 1)} above")

    def test_a_comment_may_be_the_header(self):
        assert read("#x,y\n1,2\n3,4\n").rows == [{"#x": 1, "y": 2}, {"#x": 3, "y": 4}]

    @pytest.mark.parametrize(
        "above",
        [
            "# made here, by us\n",
            "# made here, by us\n# in May\n",
            "# made here, by us\n# in May, in Rome\n",
            "# made here, by us\n# in May\n\n# in Rome, for them\n",
            "# made here, by us, for them\n",
            "# made, here, by us\n# in May, in Rome\n# for, all, of, them\n",
        ],
    )
    def test_comments_as_wide_as_the_table_are_none_of_its_rows(self, above):
        found = read(f"{above}a,b\n1,2\n3,4\n5,6\n")
        assert found.rows == [{"a": 1, "b": 2}, {"a": 3, "b": 4}, {"a": 5, "b": 6}]
        assert found.kinds == ["lines_left_out"]
        assert found.facts.reading["skip_lines"] == above.count("\n")

    def test_several_comments_as_wide_as_the_table_may_be_its_rows(self):
        found = read("#1, blue\n#2, red\n#3, blue\n4, red\n")
        assert len(found.rows) >= 3

    @pytest.mark.parametrize(
        "content",
        ["#cat,10\n#dog,20\nfox,x\nant,5\nbee,7\n", "#id,kind\n#1,x\n#2,y\nfox,z\nbee,z\n"],
    )
    def test_rows_that_begin_as_comments_do_are_none(self, content):
        found = read(content)
        cells = [[str(value) for value in row.values()] for row in found.rows]
        lines = [line.split(",") for line in content.splitlines()]
        assert cells == (lines[1:] if found.facts.reading["header"] else lines)

    def test_as_many_as_the_sender_says(self):
        found = read("a,b\nc,d\n1,2\n", skip_lines="1")
        assert (found.rows, found.kinds) == ([{"c": 1, "d": 2}], [])

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
    def test_the_delimiter_that_excel_declares(self, encoding):
        found = read("sep=;\r\nname;amount\r\nA;1,5\r\n".encode(encoding))
        assert (found.rows, found.kinds) == ([{"name": "A", "amount": 1.5}], [])

    def test_several_tables_are_refused_with_the_lines_where_they_begin(self):
        with pytest.raises(NotATable, match="in the lines 1, 5"):
            read("a,b\n1,2\n3,4\n\nx,y,z\n1,2,3\n4,5,6\n")
        with pytest.raises(NotATable, match="in the lines 1, 5"):
            read("a,b\n1,2\n3,4\n\nx,y\n5,6\n7,8\n")

    def test_a_blank_line_inside_a_table_begins_no_other(self):
        found = read("a,b\n1,2\n3,4\n\n5,6\n7,8\n")
        assert [row["a"] for row in found.rows] == [1, 3, 5, 7]


class TestDelimiter:
    @pytest.mark.parametrize(
        ("content", "row"),
        [
            ("id,day,lo|hi\n1,2024-01-01,1|5\n", (1, dt.date(2024, 1, 1), "1|5")),
            ("id,\tname\n1,\tAnn\n", (1, "\tAnn")),
            ("a;b\n1,5;2,5\n", (1.5, 2.5)),
            ("a\tb\nx, y\tz\n", ("x, y", "z")),
            ("'a b', 'c'\n'x, y', 5\n", ("x, y", 5)),
            ("id,txt\n1,'ab'\n2,'cd'\n", (1, "ab")),
            ('"a", "b"\n"1", "x, y"\n', (1, "x, y")),
            ('a, b\n1, "x,y"\n2, "z"\n', (1, "x,y")),
            ("a, b\n1, x\n2, y\n", (1, "x")),
            ("id v w\n1 a 2\n2 b 3\n", (1, "a", 2)),
            ("id v\n1 a\n2 b\n", (1, "a")),
            ("key:n\nx:1\ny:2\n", ("x:1",)),
            ("id   name   n\n1    Ann    20\n12   Bob    3\n", (1, "Ann", 20)),
            ("a^b\n1^x\n2^y\n", (1, "x")),
            ("a~b\n1~x\n2~y\n", (1, "x")),
            ("a:b:c\n1:x:2\n2:y:4\n", (1, "x", 2)),
        ],
    )
    def test_splits_into_the_most_columns_that_look_like_values(self, content, row):
        assert tuple(read(content).rows[0].values()) == row

    @pytest.mark.parametrize(
        "content",
        [
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n",
            "- a: 1\n  b: 2\n- a: 3\n  b: 4\n",
            "say\nhello you\nhi there all\n",
        ],
    )
    def test_one_column_of_texts_with_parts_is_said_to_be_one(self, content):
        found = read(content)
        assert found.facts.columns == 1
        assert "single_column" in found.kinds
        assert found.facts.overall_score < 100

    @pytest.mark.parametrize("content", ["id\n1\n2\n", "name\nAnn\nBob\n", "at\n12:30\n13:45\n"])
    def test_one_column_of_single_values_is_in_no_doubt(self, content):
        found = read(content)
        assert (found.facts.columns, found.kinds) == (1, [])

    def test_a_name_is_never_cut(self):
        with pytest.raises(NotATable, match="Line 1 has 2 values, and the lines below have one"):
            read("price, EUR\n5\n6\n")
        assert read("price, EUR\n5\n6\n", malformed="repair").facts.names == ["price, EUR"]
        assert read('"price, EUR"\n5\n6\n').facts.names == ["price, EUR"]
        assert read("a,b\nx\n", delimiter=",").rows == [{"a": "x", "b": None}]

    def test_is_what_the_sender_says(self):
        assert read("a#b;c\n1#2;3\n", delimiter="#").rows == [{"a": 1, "b;c": "2;3"}]
        assert read("a\tb,c\n1\t2,3\n", delimiter=r"\t").rows == [{"a": 1, "b,c": 2.3}]
        assert read("a b\nx y\n", delimiter=" ").rows == [{"a": "x", "b": "y"}]


class TestTypes:
    @pytest.mark.parametrize(
        ("cells", "type_", "values"),
        [
            pytest.param("1 -5", pa.int64(), [1, -5], id="integers"),
            pytest.param("9223372036854775807", pa.int64(), [2**63 - 1], id="64 bits"),
            pytest.param("9223372036854775809 x", pa.string(), None, id="more"),
            pytest.param(
                "1.50 1e5 -0.5 .5 1.", pa.float64(), [1.5, 1e5, -0.5, 0.5, 1.0], id="numbers"
            ),
            pytest.param(
                "1 inf -Infinity", pa.float64(), [1, float("inf"), -float("inf")], id="inf"
            ),
            pytest.param("inf -inf", pa.string(), None, id="infinities alone"),
            pytest.param("007 8", pa.string(), None, id="leading zeros"),
            pytest.param("01.5 2", pa.string(), None, id="leading zeros of a decimal"),
            pytest.param("-05 -11", pa.string(), None, id="leading zeros of a zone"),
            pytest.param("+1 +2", pa.string(), None, id="plus"),
            pytest.param("0x10 0xFF", pa.string(), None, id="hex"),
            pytest.param("0b01 0b11", pa.string(), None, id="binary"),
            pytest.param("1_000 2", pa.string(), None, id="underscore"),
            pytest.param("9007199254740993 1.5", pa.string(), None, id="digits lost"),
            pytest.param("0.1234567890123456789 1", pa.string(), None, id="decimals lost"),
            pytest.param(
                "0.30000000000000004 1", pa.float64(), [0.30000000000000004, 1], id="repr"
            ),
            pytest.param(
                "1.000000000000000056e-01 1.0", pa.float64(), [0.1, 1.0], id="as NumPy saves it"
            ),
            pytest.param("1e-400 1", pa.string(), None, id="too small"),
            pytest.param("1e400 1", pa.string(), None, id="too large"),
            pytest.param("true FALSE", pa.bool_(), [True, False], id="booleans"),
            pytest.param("yes no", pa.string(), None, id="yes"),
            pytest.param(
                "2024-01-02 1999-12-31",
                pa.date32(),
                [dt.date(2024, 1, 2), dt.date(1999, 12, 31)],
                id="dates",
            ),
            pytest.param("2024-02-30 2024-01-01", pa.string(), None, id="no date"),
            pytest.param("0000-00-00 2024-01-01", pa.string(), None, id="zero"),
            pytest.param("20240-01-02 2024-01-01", pa.string(), None, id="far year"),
            pytest.param("epoch 2024-01-01", pa.string(), None, id="epoch"),
            pytest.param("infinity 2024-01-01", pa.string(), None, id="infinity"),
            pytest.param("13.02.2024 01.02.2024", pa.string(), None, id="days first"),
            pytest.param("03:04:05 23:59:59", pa.string(), None, id="times"),
        ],
    )
    def test_of_a_column(self, cells, type_, values):
        texts = cells.split(" ")
        found = read("v,k\n" + "".join(f"{text},{n}\n" for n, text in enumerate(texts)))
        assert found.table["v"].type == type_
        assert found.table["v"].to_pylist() == (values or texts)
        assert found.described["columns"][0]["missing_count"] == 0

    @pytest.mark.parametrize(
        ("cells", "type_", "first"),
        [
            ("2024-01-02 03:04,2024-01-03", pa.timestamp("us"), dt.datetime(2024, 1, 2, 3, 4)),
            (
                "2024-01-02T03:04:05.25,2024-01-03T00:00:00",
                pa.timestamp("us"),
                dt.datetime(2024, 1, 2, 3, 4, 5, 250_000),
            ),
            (
                "2024-01-02T03:04:05+05:30,2024-01-03 00:00:00Z",
                pa.timestamp("us", "UTC"),
                dt.datetime(2024, 1, 1, 21, 34, 5, tzinfo=dt.UTC),
            ),
            (
                "2024-01-02 03:04:05 UTC,2024-01-03 00:00:00 UTC",
                pa.timestamp("us", "UTC"),
                dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
            ),
        ],
    )
    def test_moments(self, cells, type_, first):
        found = read("v,k\n" + "".join(f"{text},1\n" for text in cells.split(",")))
        assert found.table["v"].type == type_
        assert found.table["v"][0].as_py() == first

    def test_at_the_ends_of_what_dates_can_be(self):
        found = read("k,v\na,0001-01-01 00:00:00\nb,9999-12-31 23:59:59.999999\n")
        column = found.described["columns"][1]
        assert column["earliest"] == "0001-01-01T00:00:00Z"
        assert column["latest"] == "9999-12-31T23:59:59.999999Z"
        (distribution,) = found.described["distributions"][1:]
        assert sum(one["count"] for one in distribution["periods"]) == 2

    @pytest.mark.parametrize(
        "cell",
        [
            *("0001-01-01T00:00:00+02:00", "9999-12-31T23:59:59-05:00"),
            *("2024-01-02T03:04:05+99:00", "2024-01-02T03:04:05+01:60"),
        ],
    )
    def test_what_no_zone_can_mean_is_text(self, cell):
        found = read(f"v,k\n{cell},1\n2024-01-02T03:04:05Z,2\n")
        assert found.table["v"].to_pylist() == [cell, "2024-01-02T03:04:05Z"]

    def test_nanoseconds_are_kept(self):
        found = read("v,k\n2024-01-02 03:04:05.000000001,1\n2024-01-02 00:00:00,2\n")
        assert found.table["v"].type == pa.timestamp("ns")
        assert found.table["v"][0].value % 1000 == 1

    def test_one_value_beyond_the_sample_decides(self):
        rows = "".join(f"{n},{n},{n % 7},2024-01-01,true\n" for n in range(120_000))
        found = read("a,b,c,d,e\n" + rows + "1.5,x,,2024-01-01 10:00,maybe\n")
        assert [str(kind) for kind in found.table.schema.types] == [
            *("double", "string", "int64", "timestamp[us]", "string"),
        ]
        assert found.rows[-1] | {"d": None} == {
            "a": 1.5,
            "b": "x",
            "c": None,
            "d": None,
            "e": "maybe",
        }

    def test_a_column_that_begins_beyond_the_sample(self):
        rows = ["1,\n"] * 400_000
        rows[200_001] = "1,7\n"
        found = read("a,b\n" + "".join(rows))
        assert found.table["b"].type == pa.int64()
        assert found.table["b"].null_count == 399_999


class TestNumbers:
    @pytest.mark.parametrize(
        ("content", "decimal", "ambiguous", "row"),
        [
            ("c\tn\nA\t1,234\nB\t2,000\n", ".", 1, ("A", "1,234")),
            ("c\tn\tp\nA\t1,234\t0.5\nB\t2,000\t0.25\n", ".", 1, ("A", "1,234", 0.5)),
            ("c;n\nA;1,234\nB;12,345\n", ".", 1, ("A", "1,234")),
            ("c;n\nA;1.234\nB;12.345\n", ".", 1, ("A", "1.234")),
            ("c;n;p\nA;1.234;2,50\nB;2.000;3,75\n", ",", 1, ("A", "1.234", 2.5)),
            ("c;n;p\nA;1,234;2,50\nB;2,000;3,75\n", ",", 0, ("A", 1.234, 2.5)),
            ("c;n\nA;1.234,50\nB;2,50\n", ".", 0, ("A", "1.234,50")),
            ("c,n\nA,1.234\nB,2.000\n", ".", 0, ("A", 1.234)),
            ('c,n\nA,"1,234"\nB,"2,000"\n', ".", 0, ("A", "1,234")),
            ("c;n\nA;0,123\nB;0,456\n", ",", 0, ("A", 0.123)),
            ("c|n\nA|1,5\nB|2,5\n", ",", 0, ("A", 1.5)),
            ("c;n;p\nA;1,5;1.5\nB;2,5;2.5\n", ".", 1, ("A", "1,5", 1.5)),
            ("c;n;p\nA;1,5;1e+22\nB;2,5;2e5\n", ",", 0, ("A", 1.5, 1e22)),
        ],
    )
    def test_a_file_has_one_decimal_mark(self, content, decimal, ambiguous, row):
        found = read(content)
        assert found.facts.reading["decimal"] == decimal
        assert found.kinds == ["ambiguous_numbers"] * ambiguous
        assert tuple(found.rows[0].values()) == row

    def test_is_what_the_sender_says(self):
        assert read("c;n\nA;1,234\n", decimal=",").rows == [{"c": "A", "n": 1.234}]
        assert read("c;n\nA;1.234\n", decimal=".").rows == [{"c": "A", "n": 1.234}]
        assert read('c,n\nA,"1,5"\n', decimal=",").rows == [{"c": "A", "n": 1.5}]
        assert read("c;n\nA;1,5\n", decimal=".").rows == [{"c": "A", "n": "1,5"}]


class TestEncoding:
    @pytest.mark.parametrize(
        ("text", "encoding"),
        [
            (CYRILLIC, "cp1251"),
            (CYRILLIC, "koi8-r"),
            (CYRILLIC, "cp866"),
            (CYRILLIC, "iso-8859-5"),
            (CZECH, "iso-8859-2"),
            (CHINESE, "gb18030"),
            (TAIWANESE, "big5"),
            (KOREAN, "euc-kr"),
            (JAPANESE, "shift_jis"),
            (JAPANESE, "euc-jp"),
            ("Name;Straße\nMüller;Königstraße\nJörg;Äußere\n", "cp1252"),
            ("Prénom;Prix €\nRené;1\nÉlodie;2\n", "cp1252"),
        ],
    )
    def test_is_found_and_said_to_be_a_guess(self, text, encoding):
        found = read(text.encode(encoding))
        rows = [tuple(map(str, row.values())) for row in found.rows]
        delimiter = found.facts.reading["delimiter"]
        names, *expected = (tuple(line.split(delimiter)) for line in text.splitlines())
        assert (found.table.column_names, rows) == (list(names), expected)
        assert found.kinds == ["assumed_encoding"]

    def test_a_few_bytes_that_are_not_utf8_are_refused_with_the_line(self):
        content = "name,city\nJosé,Köln\nAna,Zürich\n".encode() + b"Bad,\xe9t\xe9\n"
        with pytest.raises(NotATable, match="line 4"):
            read(content)
        late = "né,k\n".encode() + "é,1\n".encode() * 400_000 + b"\xe9,2\n"
        with pytest.raises(NotATable, match="line 400002"):
            read(late)
        assert read(content, encoding="windows-1252").rows[2] == {"name": "Bad", "city": "été"}

    def test_is_what_the_sender_says(self):
        found = read("nom,n\nété,1\n".encode("cp850"), encoding="cp850")
        assert (found.rows, found.kinds) == ([{"nom": "été", "n": 1}], [])
        with pytest.raises(NotATable, match="line 2 is no text in ascii"):
            read("nom,n\nété,1\n".encode(), encoding="ascii")

    def test_marks_of_files_that_were_joined_are_no_values(self):
        found = read(b"\xef\xbb\xbfid,v\n1,a\n\xef\xbb\xbf2,b\n\x1a")
        assert found.rows == [{"id": 1, "v": "a"}, {"id": 2, "v": "b"}]


class TestOtherFormats:
    @pytest.mark.parametrize(
        "content",
        [
            "PARENT,CHILD\nA,B\n",
            "PARETO,RANK\n0.5,1\n",
            "PAR1,PAR2\n1,2\n",
            "ORCID,name\n0000-1,Ann\n",
            "BZhang,n\nx,5\n",
            "GIF8,x\n1,2\n",
            "%PDF_share,x\n1,2\n",
            "Object,x\n1,2\n",
            "<TICKER>,<DATE>\nA,2024\n",
            '{"a":1},x\n{"a":2},y\n',
            "[id],[name]\n1,a\n",
            "PKW,n\n1,2\n",
        ],
    )
    def test_words_are_no_signatures(self, content):
        found = read(content)
        assert found.table.column_names == content.splitlines()[0].split(",")

    @pytest.mark.parametrize(
        ("content", "name"),
        [
            (b"PARE" + b"\0" * 16 + b"PARE", "encrypted Parquet"),
            (b"ORC\x08\x01\x12", "ORC"),
            (b"BZh91AY&SY\x9b", "bzip2"),
            (b"GIF89a\x01\0", "GIF"),
            (b"%PDF-1.7\n", "PDF"),
            (b"{\\rtf1\\ansi a,b}", "RTF"),
            (b"FEA1\0\0\0\0", "Feather"),
            (b"<table><tr><td>1</td></tr></table>", "HTML"),
            (b'{"a": 1}\n{"a": 2}\n', "JSON"),
        ],
    )
    def test_files_are(self, content, name):
        with pytest.raises(NotATable, match=name):
            read(content)


@pytest.mark.parametrize("place", ["docs/tables.md", "openapi.yaml"])
def test_every_guess_is_named_where_people_look(place):
    code = (ROOT / "projects_api/tables/quality.py").read_text(encoding="utf-8")
    kinds = sorted(set(re.findall(r'yield "(\w+)"', code)))
    assert len(kinds) == 14
    text = (ROOT / place).read_text(encoding="utf-8")
    assert [kind for kind in (*kinds, "ambiguous_numbers") if f"`{kind}`" not in text] == []


class TestMissing:
    def test_the_same_markers_everywhere(self):
        markers = ("NA", "n/a", "None", "<NA>", r"\N", "#N/A", "NaN", "nan", "NAN", "null", " ", "")
        found = read("v,t,k\n1,x,0\n" + "".join(f"{one},{one},1\n" for one in markers))
        assert found.table["v"].to_pylist() == [1] + [None] * len(markers)
        assert found.table["t"].to_pylist() == ["x"] + [None] * len(markers)
        columns = found.described["columns"]
        assert [one["missing_count"] for one in columns] == [len(markers)] * 2 + [0]
        assert [
            one["message"] for one in found.facts.issues if one["kind"] == "missing_values"
        ] == [f"{len(markers)} of {len(markers) + 1} values are missing."] * 2

    def test_are_what_the_sender_says(self):
        found = read("v,t\n1,NA\n?,-\n", missing="?,-")
        assert found.rows == [{"v": 1, "t": "NA"}, {"v": None, "t": None}]
        assert read("v,t\nNA,1\n", missing="").rows == [{"v": "NA", "t": 1}]

    @pytest.mark.parametrize("place", ["docs/tables.md", "openapi.yaml"])
    def test_the_list_stands_where_people_look(self, place):
        text = (ROOT / place).read_text(encoding="utf-8")
        markers = [marker for marker in MISSING if marker.strip()]
        assert [marker for marker in markers if f"`{marker}`" not in text] == []

    def test_what_delimits_marks_none_whichever_way_a_file_is_read(self):
        for end in ("3\tz\ty\n", "3\tz\n"):  # as it stands, and written again
            found = read('k\tv\tw\n1\t"\t"\tx\n2\tx\ty\n' + end)
            assert found.table["v"].to_pylist() == ["\t", "x", "z"]

    def test_of_one_column(self):
        found = read('v\n""\n\nNA\n7\n')
        assert found.table["v"].to_pylist() == [None, None, 7]


class TestLines:
    @pytest.mark.parametrize(
        "content",
        [
            "a;b\n1;2;\n3;4;\n5;6\n",
            "a,b\n1,2\n3,4,\n5,6\n",
            "a,b\n1,2,,\n3,4,,\n5,6\n",
            'a,b\n1,2,""\n3,4,""\n5,6\n',
            "a,b\n1,2,NA\n3,4,NA\n5,6\n",
        ],
    )
    def test_trailing_delimiters_are_no_values(self, content):
        found = read(content)
        assert found.rows == [{"a": 1, "b": 2}, {"a": 3, "b": 4}, {"a": 5, "b": 6}]
        assert found.facts.overall_score == 100

    def test_short_rows_are_filled_and_counted(self):
        found = read("a,b,c\n1,2\n3,4,5\n6\n")
        assert [tuple(row.values()) for row in found.rows] == [
            (1, 2, None),
            (3, 4, 5),
            (6, None, None),
        ]
        assert found.facts.reading["short_rows"] == 2
        assert found.facts.issues[0]["kind"] == "short_rows"
        assert "lines 2, 4" in found.facts.issues[0]["message"]

    MALFORMED = 'a,b\n1,x\n2,y,z\n3;w\n4,"u"v\nTotal of all\n5,q\n'

    def test_malformed_ones_are_refused_with_what_is_wrong(self):
        with pytest.raises(NotATable) as refused:
            read(self.MALFORMED)
        assert refused.value.reason.startswith(
            "Line 3 has 3 values where the table has 2; "
            "line 4 has ';' where the others have ','; "
            "line 5 has a quote inside of a quoted value; write it twice there; "
            "line 6 has a single text where the table has 2 values. "
        )
        assert "`malformed=repair`" in refused.value.reason

    def test_the_first_ten_are_named(self):
        with pytest.raises(NotATable) as refused:
            read("a,b\n" + "1,2,3\n4,5\n" * 20)
        assert refused.value.reason.count("has 3 values") == 10
        assert "line 20 has 3 values where the table has 2. These are the first ten." in (
            refused.value.reason
        )

    def test_malformed_ones_are_repaired(self):
        found = read(self.MALFORMED, malformed="repair")
        assert [tuple(row.values()) for row in found.rows] == [
            ("1", "x"),
            ("2", "y,z"),
            ("3", "w"),
            ("4", '"u"v'),
            ("Total of all", None),
            ("5", "q"),
        ]
        assert found.facts.reading["repaired_rows"] == 4
        assert "lines 3, 4, 5, 6" in found.facts.issues[0]["message"]

    @pytest.mark.parametrize("content", ["a,b\n1,2,3\n", "a,b\n" + "1;2\n" * 20])
    def test_all_of_them_can_be_left_out(self, content):
        found = read(content, malformed="leave_out", delimiter=",")
        assert (found.rows, found.facts.overall_score) == ([], 0)

    def test_malformed_ones_are_left_out(self):
        found = read(self.MALFORMED, malformed="leave_out")
        assert found.rows == [{"a": 1, "b": "x"}, {"a": 5, "b": "q"}]
        assert found.facts.reading["left_out_rows"] == 4

    def test_a_quote_that_is_not_closed_costs_its_line_alone(self):
        content = 'a,b\n1,"x\n2,y\n3,z\n'
        assert read(content, malformed="leave_out").rows == [{"a": 2, "b": "y"}, {"a": 3, "b": "z"}]
        assert read(content, malformed="repair").rows[0] == {"a": 1, "b": '"x'}

    def test_line_ends_in_values_are_kept_where_those_of_lines_are_mixed(self):
        found = read(b'id,txt\r\n1,"a\r\nb"\n2,"c\rd"\r\n3,e\n')
        assert found.table["txt"].to_pylist() == ["a\r\nb", "c\rd", "e"]

    def test_hash_signs_are_values(self):
        found = read("ref,amount\n1,10\n#2,n/a\n3,x\n")
        assert [tuple(row.values()) for row in found.rows] == [
            ("1", "10"),
            ("#2", None),
            ("3", "x"),
        ]

    def test_long_values(self):
        long = "x" * 1_900_000
        assert read(f"a,b\n1,{long}\n2,y\n").table["b"][0].as_py() == long
        with pytest.raises(NotATable, match="more than two million bytes"):
            read(f"a,b\n1,{'x' * 3_000_000}\n2,y\n")

"""Archives: written by us, read by Python, by unzip and by Java where they are installed."""

import hashlib
import io
import json
import os
import random
import re
import shutil
import stat
import subprocess
import tracemalloc
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from email.message import Message
from pathlib import Path
from urllib.parse import unquote
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_LZMA, ZIP_STORED, ZipFile, ZipInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from isal import isal_zlib
from stream_zip import ZipIntegrityError

from projects_api.archive import reader, writer
from projects_api.archive.reader import verify_archive
from projects_api.archive.writer import FORMAT_VERSION, Member, write_archive
from projects_api.files.content import Content
from projects_api.files.names import content_disposition, safe_file_name

MODIFIED_AT = datetime(2026, 2, 28, 14, 30, 8, tzinfo=UTC)
TABLE = b"amount,is_fraud\n" + b"12.50,0\n" * 20_000
BINARY = random.Random(1).randbytes(300_000)


def member(path: str, data: bytes, media_type: str, modified_at: datetime = MODIFIED_AT) -> Member:
    content = Content(hashlib.sha256(data).hexdigest(), len(data), zlib.crc32(data))
    pieces = (data[start : start + 65_536] for start in range(0, len(data), 65_536))
    return Member(path, content, media_type, lambda: pieces, modified_at)


def manifest_of(members: Iterable[Member]) -> dict[str, object]:
    return {
        "format_version": FORMAT_VERSION,
        "project": {"name": "Zażółć gęślą jaźń"},
        "files": [
            {
                "path": one.path,
                "size_bytes": one.content.size,
                "sha256": one.content.sha256,
                "media_type": one.media_type,
            }
            for one in members
        ],
    }


def some_members() -> list[Member]:
    return [
        member("datasets/1/Umsätze.csv", TABLE, "text/csv"),
        member("datasets/2/table.parquet", BINARY, "application/vnd.apache.parquet"),
        member("models/3/GBM.skops", BINARY[:1000], "application/vnd.skops"),
        member("reports/4/empty.html", b"", "text/html; charset=utf-8"),
    ]


def write(path: Path, members: list[Member], manifest: Mapping[str, object] | None = None) -> Path:
    with path.open("wb") as file:
        file.writelines(write_archive(manifest or manifest_of(members), members))
    return path


@pytest.fixture
def good(tmp_path) -> Path:
    return write(tmp_path / "good.zip", some_members())


class TestWriting:
    def test_python_reads_it(self, good):
        with ZipFile(good) as read:
            assert read.testzip() is None
            assert read.namelist() == ["manifest.json", *(one.path for one in some_members())]
            assert json.loads(read.read("manifest.json")) == manifest_of(some_members())
            assert read.read("datasets/1/Umsätze.csv") == TABLE
            assert read.read("datasets/2/table.parquet") == BINARY
            assert read.read("reports/4/empty.html") == b""

    def test_the_manifest_is_for_people_too(self, good):
        with ZipFile(good) as read:
            assert (
                '\n  "project": {\n    "name": "Zażółć gęślą jaźń"'
                in read.read("manifest.json").decode()
            )

    def test_text_is_deflated_and_the_rest_is_stored(self, tmp_path):
        kinds = {
            "text/csv": ZIP_DEFLATED,
            "Text/HTML; charset=utf-8": ZIP_DEFLATED,
            "application/json": ZIP_DEFLATED,
            "application/vnd.api+json": ZIP_DEFLATED,
            "application/vnd.apache.parquet": ZIP_STORED,
            "application/vnd.skops": ZIP_STORED,
            "application/zip": ZIP_STORED,
            "image/png": ZIP_STORED,
            "application/octet-stream": ZIP_STORED,
        }
        members = [member(str(n), TABLE, kind) for n, kind in enumerate(kinds)]
        with ZipFile(write(tmp_path / "kinds.zip", members)) as read:
            assert [one.compress_type for one in read.infolist()[1:]] == list(kinds.values())
            assert all(read.read(one) == TABLE for one in read.infolist()[1:])

    def test_the_fast_library_deflates(self, tmp_path):
        path = write(tmp_path / "one.zip", [member("a.csv", TABLE[:60_000], "text/csv")])
        deflater = isal_zlib.compressobj(level=1, memLevel=8, wbits=-zlib.MAX_WBITS)
        deflated = deflater.compress(TABLE[:60_000]) + deflater.flush()
        assert deflated in path.read_bytes()
        with ZipFile(path) as read:
            assert read.getinfo("a.csv").compress_size == len(deflated)

    def test_an_archive_without_files(self, tmp_path):
        path = write(tmp_path / "empty.zip", [])
        assert verify_archive(path) == []
        with ZipFile(path) as read:
            assert read.namelist() == ["manifest.json"]

    @pytest.mark.parametrize(
        ("modified_at", "expected"),
        [
            (MODIFIED_AT, (2026, 2, 28, 14, 30, 8)),
            (MODIFIED_AT.astimezone(timezone(timedelta(hours=9))), (2026, 2, 28, 14, 30, 8)),
            (datetime(1970, 1, 1, tzinfo=UTC), (1980, 1, 1, 0, 0, 0)),
            (datetime(9999, 12, 31, tzinfo=UTC), (2037, 12, 31, 23, 59, 58)),
        ],
    )
    def test_times_are_utc_and_within_what_zip_can_say(self, tmp_path, modified_at, expected):
        path = write(tmp_path / "times.zip", [member("a", b"x", "text/csv", modified_at)])
        with ZipFile(path) as read:
            assert read.getinfo("a").date_time == expected

    def test_files_are_readable_by_all(self, good):
        with ZipFile(good) as read:
            assert {one.external_attr >> 16 for one in read.infolist()} == {stat.S_IFREG | 0o644}

    @pytest.mark.skipif(not shutil.which("unzip"), reason="unzip is not installed")
    def test_unzip_reads_it(self, good):
        subprocess.run(["unzip", "-tqq", good], check=True)

    @pytest.mark.skipif(not shutil.which("java"), reason="Java is not installed")
    def test_java_reads_it_as_a_stream(self, good, tmp_path):
        source = tmp_path / "Names.java"
        source.write_text(
            """
            import java.util.zip.*;
            class Names {
                public static void main(String[] arguments) throws Exception {
                    var zip = new ZipInputStream(System.in);
                    for (ZipEntry entry; (entry = zip.getNextEntry()) != null; ) {
                        int size = zip.readAllBytes().length;
                        System.out.println(entry.getName().length() + " " + size);
                    }
                }
            }
            """
        )
        with good.open("rb") as file:
            ran = subprocess.run(
                ["java", source], stdin=file, capture_output=True, text=True, check=True
            )
        found = [tuple(map(int, line.split())) for line in ran.stdout.splitlines()]
        assert found[1:] == [(len(one.path), one.content.size) for one in some_members()]


class TestStreaming:
    def test_the_first_bytes_come_before_any_member_is_read(self):
        def never() -> Iterator[bytes]:
            pytest.fail("read before its turn")

        one = Member("a", Content("0" * 64, 1, 1), "text/csv", never, MODIFIED_AT)
        first = next(write_archive(manifest_of([one]), [one]))
        assert first.startswith(b"PK\x03\x04")
        assert b"manifest.json" in first

    @pytest.mark.parametrize("media_type", ["text/csv", "application/zip"])
    def test_memory_does_not_grow_with_size(self, media_type):
        block = random.Random(2).randbytes(1 << 20)
        crc32 = 0
        for _ in range(64):
            crc32 = zlib.crc32(block, crc32)

        def big(path: str) -> Member:
            content = Content("0" * 64, 64 << 20, crc32)
            return Member(
                path, content, media_type, lambda: (block for _ in range(64)), MODIFIED_AT
            )

        tracemalloc.start()
        try:
            size = sum(map(len, write_archive({}, map(big, "abc"))))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert size > 3 * (64 << 20)
        assert peak < 8 << 20

    @pytest.mark.parametrize("media_type", ["text/csv", "application/zip"])
    def test_a_read_that_fails_breaks_the_archive(self, media_type):
        def broken() -> Iterator[bytes]:
            yield from [BINARY] * (2**22 // len(BINARY))
            raise ConnectionResetError("the store went away")

        good = member("a", BINARY, media_type)
        chunks = write_archive({}, [Member("b", good.content, media_type, broken, MODIFIED_AT)])
        received = io.BytesIO()
        with pytest.raises(ConnectionResetError):
            received.writelines(chunks)
        assert received.tell() > 1000
        assert not zipfile.is_zipfile(received)

    @pytest.mark.parametrize("media_type", ["text/csv", "application/zip"])
    @pytest.mark.parametrize("data", [TABLE[:-1], TABLE + b"\n", b"X" + TABLE[1:], b""])
    def test_other_bytes_than_were_stored_break_the_archive(self, media_type, data):
        described = member("a", TABLE, media_type)
        changed = Member("a", described.content, media_type, lambda: iter([data]), MODIFIED_AT)
        with pytest.raises(ZipIntegrityError):
            list(write_archive({}, [changed]))

    def test_a_reader_that_leaves_closes_what_is_read(self):
        closed = []

        def source() -> Iterator[bytes]:
            try:
                while True:
                    yield BINARY
            finally:
                closed.append("yes")

        endless = Member("a", Content("0" * 64, 1 << 40, 0), "image/png", source, MODIFIED_AT)
        chunks = write_archive({}, [endless])
        for _ in range(5):
            next(chunks)
        del chunks
        assert closed == ["yes"]

    def test_where_zip64_begins_text_is_stored(self, tmp_path, monkeypatch):
        # Four gibibytes would take a test too long: the limit comes down instead.
        monkeypatch.setattr(writer, "_MAX_DEFLATED_END", 2 * len(TABLE))
        members = [member(name, TABLE, "text/csv") for name in "abc"]
        path = write(tmp_path / "limit.zip", members)
        with ZipFile(path) as read:
            kinds = [one.compress_type for one in read.infolist()]
        assert kinds == [ZIP_DEFLATED, ZIP_DEFLATED, ZIP_STORED, ZIP_STORED]
        assert verify_archive(path) == []


NAMES = [
    ("Fraud Detection v2.zip", "Fraud Detection v2.zip"),
    ("日本語.csv", "日本語.csv"),
    ("e\u0301te\u0301", "\u00e9t\u00e9"),
    ("../../etc/passwd", "_.._etc_passwd"),
    ("..\\..\\boot.ini", "_.._boot.ini"),
    ("C:\\Users\\me", "C__Users_me"),
    (".htaccess", "htaccess"),
    (" . . a", "a"),
    ("trailing. . ", "trailing"),
    ("two\r\nlines\tand\x00nul", "two lines andnul"),
    ("invoice\u202efdp.exe", "invoicefdp.exe"),
    ("lone \ud800 surrogate", "lone surrogate"),
    ("CON", "_CON"),
    ("nul.csv", "_nul.csv"),
    ("lpt¹ .tar.gz", "_lpt¹ .tar.gz"),
    ("console", "console"),
    ('a<b>"c"|d?*', "a_b__c__d__"),
    ("", "project"),
    ("...", "project"),
    ("\u200b \x07", "project"),
]


class TestSafeFileName:
    @pytest.mark.parametrize(("text", "expected"), NAMES)
    def test_examples(self, text, expected):
        assert safe_file_name(text) == expected

    def test_the_default_can_be_given(self):
        assert safe_file_name("", default="dataset") == "dataset"

    def test_its_length_is_counted_in_bytes_and_a_suffix_stays(self):
        name = safe_file_name("é" * 300 + ".parquet")
        assert name == "é" * ((180 - len(".parquet")) // 2) + ".parquet"
        assert safe_file_name("é" * 300, max_bytes=21) == "é" * 10
        assert len(safe_file_name("a." + "b" * 300)) == 180

    @given(st.text() | st.from_regex(r"[./\\ a-zé:\u0301\u200d]*", fullmatch=True))
    def test_properties(self, text):
        name = safe_file_name(text)
        assert name == safe_file_name(name)
        assert 0 < len(name.encode()) <= 180
        assert unicodedata.is_normalized("NFC", name)
        assert not re.search(r'[/\\:*?"<>|\x00-\x1f\x7f]', name)
        assert name[0] not in ". "
        assert name[-1] not in ". "


def parse(header: str) -> tuple[str, str]:
    """Take the two forms of a name out of a header, with the standard library's parser."""
    message = Message()
    message["Content-Disposition"] = header
    assert message.get_content_disposition() == "attachment"
    plain = re.search(r'; filename="([^"]*)";', header)
    extended = re.search(r"; filename\*=UTF-8''([A-Za-z0-9!#$&+.^_`|~%-]+)$", header)
    assert plain
    assert extended
    return plain[1], unquote(extended[1], errors="strict")


class TestContentDisposition:
    @pytest.mark.parametrize(
        ("name", "plain"),
        [
            ("Churn Prediction.zip", "Churn Prediction.zip"),
            ("Umsätze für März.csv", "Umsatze fur Marz.csv"),
            ("日本語.zip", "___.zip"),
            ("100%25.csv", "100_25.csv"),
            ("\uff0e\uff0e\uff0fpasswd", "_passwd"),
            ("\u00b8", "project"),
            ("\u0301.hidden", "hidden"),
        ],
    )
    def test_examples(self, name, plain):
        assert parse(content_disposition(name)) == (plain, name)

    def test_an_unsafe_name_is_made_safe(self):
        header = content_disposition('a"; filename=../b\r\nX: 1.zip')
        assert parse(header) == ("a_; filename=.._b X_ 1.zip",) * 2

    @given(st.text())
    def test_properties(self, name):
        header = content_disposition(name)
        assert re.fullmatch(r"[ -~]+", header)
        plain, extended = parse(header)
        assert plain
        assert plain[0] != "."
        assert not re.search(r"[/\\]", plain)
        assert extended == safe_file_name(name)


def rewrite(source: Path, change) -> Path:
    """Write an archive again, each member as `change` has it: (info, data), or None to drop it."""
    target = source.with_name("changed.zip")
    with ZipFile(source) as read, ZipFile(target, "w") as written:
        for info in read.infolist():
            if changed := change(info.filename, read.read(info)):
                written.writestr(*changed)
    return target


def with_manifest(source: Path, **changes: object) -> Path:
    def change(name: str, data: bytes) -> tuple[str, bytes]:
        if name != "manifest.json":
            return name, data
        return name, json.dumps({**json.loads(data), **changes}).encode()

    return rewrite(source, change)


def appended(source: Path, name: str | ZipInfo, data: bytes = b"x") -> Path:
    with ZipFile(source, "a") as written:
        written.writestr(name, data)
    return source


class TestVerification:
    def test_a_good_archive_has_no_faults(self, good):
        assert verify_archive(good) == []

    def test_how_far_it_is_follows_the_bytes(self, good):
        told: list[float] = []
        assert verify_archive(good, told.append) == []
        with ZipFile(good) as read:
            sizes = [one.file_size for one in read.infolist() if one.filename != "manifest.json"]
        assert told == sorted(set(told))
        assert told[-1] == 100
        # A large one is read in pieces, and each that is a percent or more is told.
        assert len(told) >= min(99, max(sizes) // (256 * 1024))

    @pytest.mark.parametrize("data", [b"", b"PK\x05\x06", b"no archive", BINARY])
    def test_no_archive(self, tmp_path, data):
        path = tmp_path / "x.zip"
        path.write_bytes(data)
        (fault,) = verify_archive(path)
        assert "not a ZIP archive" in fault

    def test_a_file_that_is_not_there(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            verify_archive(tmp_path / "missing.zip")

    def test_a_truncated_archive(self, good):
        os.truncate(good, good.stat().st_size - 1000)
        (fault,) = verify_archive(good)
        assert "not a ZIP archive" in fault

    def test_a_missing_member(self, good):
        name = "models/3/GBM.skops"
        changed = rewrite(good, lambda found, data: None if found == name else (found, data))
        assert verify_archive(changed) == [f"{name!r} is missing from the archive."]

    def test_a_member_too_many(self, good):
        assert verify_archive(appended(good, "extra.txt")) == [
            "'extra.txt' is not in the manifest."
        ]

    @pytest.mark.filterwarnings("ignore:Duplicate name")
    def test_a_name_twice(self, good):
        faults = verify_archive(appended(good, "models/3/GBM.skops", BINARY[:1000]))
        assert faults == ["'models/3/GBM.skops' is in the archive 2 times."]

    @pytest.mark.parametrize(
        "name",
        ["/etc/passwd", "../x", "a/../../x", "a/./x", "a//x", "folder/", "..\\x", "C:x", "a\nb"],
    )
    def test_a_path_that_leads_elsewhere(self, good, name):
        faults = verify_archive(appended(good, name, b"" if name.endswith("/") else b"x"))
        assert f"{name!r} is no plain relative path of a file." in faults

    def test_a_path_that_hides_behind_a_nul(self, good):
        info = ZipInfo("harmless")
        info.filename = "models/3/GBM.skops\0.exe"
        (fault, *_) = verify_archive(appended(good, info))
        assert fault == "'models/3/GBM.skops\\x00.exe' is no plain relative path of a file."

    def test_a_symbolic_link(self, good):
        link = ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        assert "'link' is no regular file." in verify_archive(appended(good, link, b"/etc/passwd"))

    def test_other_bytes_of_the_same_length(self, good):
        def change(name: str, data: bytes) -> tuple[str, bytes]:
            return name, b"X" + data[1:] if name.endswith(".parquet") else data

        assert verify_archive(rewrite(good, change)) == [
            "'datasets/2/table.parquet' has another SHA-256 than the manifest says."
        ]

    def test_another_size(self, good):
        changed = rewrite(
            good, lambda name, data: (name, data + b"x" if name.endswith(".skops") else data)
        )
        assert verify_archive(changed) == [
            "'models/3/GBM.skops' has 1001 bytes where the manifest says 1000."
        ]

    def test_damage_within_a_member(self, good):
        data = bytearray(good.read_bytes())
        data[data.index(BINARY[:50]) + 25] ^= 0xFF
        good.write_bytes(data)
        (fault,) = verify_archive(good)
        assert fault.startswith("'datasets/2/table.parquet' cannot be read: Bad CRC-32")

    def test_no_manifest(self, good):
        changed = rewrite(
            good, lambda name, data: None if name == "manifest.json" else (name, data)
        )
        assert verify_archive(changed) == ["'manifest.json' is missing from the archive."]

    @pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"[" * 100_000])
    def test_a_manifest_that_is_no_json(self, good, text):
        changed = rewrite(
            good, lambda name, data: (name, text if name == "manifest.json" else data)
        )
        (fault,) = verify_archive(changed)
        assert fault.startswith("'manifest.json' cannot be read: ")

    @pytest.mark.parametrize("version", [None, 0, 2, "1", True, 1.0])
    def test_a_format_that_is_not_known(self, good, version):
        assert verify_archive(with_manifest(good, format_version=version)) == [
            f"The format version {version!r} is not known."
        ]

    @pytest.mark.parametrize(
        ("files", "fault"),
        [
            (None, "The manifest has no list of files."),
            ({}, "The manifest has no list of files."),
            (["a"], "The manifest describes no file with 'a'."),
            ([{"path": "a"}], "The manifest describes no file with {'path': 'a'}."),
        ],
    )
    def test_a_manifest_that_describes_no_files(self, good, files, fault):
        assert verify_archive(with_manifest(good, files=files)) == [fault]

    def test_a_manifest_that_lists_a_file_twice(self, good):
        one = manifest_of(some_members())["files"][0]
        assert verify_archive(with_manifest(good, files=[one, one])) == [
            "The manifest lists 'datasets/1/Umsätze.csv' twice."
        ]

    def test_a_manifest_that_is_too_large(self, good, monkeypatch):
        monkeypatch.setattr(reader, "MAX_MANIFEST_BYTES", 100)
        assert verify_archive(good) == ["'manifest.json' is larger than 100 bytes."]

    def test_every_fault_is_told(self, good):
        appended(good, "../evil")
        faults = verify_archive(with_manifest(good, files=[]))
        assert len(faults) == 1 + 1 + len(some_members())

    @pytest.mark.parametrize("name", ["manifest.json", "bomb.csv"])
    def test_a_bomb_costs_no_more_than_it_declares(self, tmp_path, name):
        path = tmp_path / "bomb.zip"
        bomb = bytes(200_000_000)
        content = Content(hashlib.sha256(bomb).hexdigest(), 1000, 0)
        described = Member("bomb.csv", content, "text/csv", lambda: iter(()), MODIFIED_AT)
        with ZipFile(path, "w", ZIP_DEFLATED, compresslevel=1) as written:
            if name != "manifest.json":
                written.writestr("manifest.json", json.dumps(manifest_of([described])))
            written.writestr(name, bomb)
        data = path.read_bytes()
        declared = len(bomb).to_bytes(4, "little")
        path.write_bytes(data.replace(declared, (1000).to_bytes(4, "little")))
        del bomb, data
        tracemalloc.start()
        try:
            faults = verify_archive(path)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert len(faults) == 1
        assert "cannot be read: Bad CRC-32" in faults[0]
        assert peak < 8_000_000

    def test_members_that_overlap(self, good):
        with ZipFile(good, "a") as written:
            kept = written.getinfo("datasets/2/table.parquet")
            for n in range(5):
                again = ZipInfo(f"again/{n}")
                again.header_offset, again.CRC = kept.header_offset, kept.CRC
                again.file_size = again.compress_size = kept.file_size
                written.filelist.append(again)
            written._didModify = True
        assert verify_archive(good) == ["The members of the archive overlap."]

    def test_an_encrypted_member(self, good):
        data = bytearray(good.read_bytes())
        start = data.index(b"PK\x01\x02")
        data[start + 8] |= 1
        good.write_bytes(data)
        faults = verify_archive(good)
        assert faults[0] == "'manifest.json' is encrypted."
        assert all("encrypted" in fault for fault in faults)

    @pytest.mark.parametrize("method", [ZIP_BZIP2, ZIP_LZMA])
    def test_a_compression_that_may_take_any_memory(self, good, method):
        with ZipFile(good, "a", method) as written:
            written.writestr("x", b"x")
        assert "'x' is neither stored nor deflated." in verify_archive(good)

    def test_a_directory_without_end(self, tmp_path, monkeypatch):
        path = tmp_path / "many.zip"
        with ZipFile(path, "w") as written:
            for n in range(100):
                written.writestr(str(n), b"")
        monkeypatch.setattr(reader, "MAX_FILES", 99)
        (fault,) = verify_archive(path)
        assert fault.endswith("it has more than 99 files.")
        monkeypatch.setattr(reader, "MAX_DIRECTORY_BYTES", 1000)
        (fault,) = verify_archive(path)
        assert fault.endswith("its directory is larger than 1000 bytes.")

    def test_what_is_said_of_a_long_name_is_short(self, good):
        (fault,) = verify_archive(appended(good, "x" * 60_000))
        assert len(fault) < 400

    def test_no_damage_makes_it_fail(self, tmp_path):
        members = [member("a.csv", b"a,b\n1,2\n", "text/csv"), member("b", b"xyz", "image/png")]
        original = write(tmp_path / "small.zip", members).read_bytes()
        path = tmp_path / "damaged.zip"
        generator = random.Random(3)
        for position in range(len(original)):
            data = bytearray(original)
            data[position] ^= generator.randrange(1, 256)
            path.write_bytes(data)
            assert all(isinstance(fault, str) for fault in verify_archive(path))
            path.write_bytes(original[:position])
            assert verify_archive(path)

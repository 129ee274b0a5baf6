"""Downloads in parts and again, compared with slices of the bytes that were sent."""

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from projects_api.contract.ranges import RangeNotSatisfiable, part_of
from projects_api.contract.responses import Answer, File
from projects_api.models.blob import blob_leases

CONTENT = b"number,text\n" + b"".join(b"%d,some text\n" % n for n in range(3000))
SIZE = len(CONTENT)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
TAG = f'"{SHA256}"'


@pytest.fixture
def download(owner, project_id):
    path = f"/api/datasets/{owner.upload(project_id, CONTENT).json()['id']}/download"
    return lambda method="GET", query="", **headers: owner.send(
        method,
        path + query,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def test_a_file_says_what_it_is(download):
    whole = download()
    assert (whole.status_code, whole.content) == (200, CONTENT)
    assert whole.headers["etag"] == TAG
    assert whole.headers["accept-ranges"] == "bytes"
    assert int(whole.headers["content-length"]) == SIZE


@pytest.mark.parametrize(
    ("asked", "begin", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-", 0, SIZE),
        (f"bytes=10-{SIZE * 2}", 10, SIZE),
        ("bytes=100-199", 100, 200),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE),
        ("bytes=-5", SIZE - 5, SIZE),
        (f"bytes=-{SIZE * 9}", 0, SIZE),
        ("Bytes=7-8", 7, 9),
    ],
)
def test_a_range(download, asked, begin, end):
    for headers in ({}, {"If_Range": TAG}):
        part = download(Range=asked, **headers)
        assert (part.status_code, part.content) == (206, CONTENT[begin:end])
        assert part.headers["content-range"] == f"bytes {begin}-{end - 1}/{SIZE}"
        assert int(part.headers["content-length"]) == end - begin
        assert part.headers["etag"] == TAG


def test_a_download_that_broke_off_goes_on(download):
    first = download(Range="bytes=0-9999")
    rest = download(Range="bytes=10000-", If_Range=first.headers["etag"])
    assert first.content + rest.content == CONTENT


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", f"bytes={SIZE * 10}-", "bytes=-0"])
def test_a_range_beyond_the_file(download, problem, asked):
    answer = download(Range=asked)
    problem(answer, 416, "range-not-satisfiable", f"has {SIZE} bytes")
    assert answer.headers["content-range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize(
    "asked", ["bytes=-", "bytes=5-2", "bytes=0-1,5-6", "lines=1-2", "bytes=a-b", "bytes", "1-2"]
)
def test_what_is_no_single_range_is_passed_over(download, asked):
    answer = download(Range=asked)
    assert (answer.status_code, answer.content) == (200, CONTENT)


@pytest.mark.parametrize(
    "condition", ['"another"', f"W/{TAG}", "Sun, 29 Nov 2026 00:00:00 GMT", SHA256]
)
def test_a_range_of_another_file_is_all_of_this_one(download, condition):
    answer = download(Range="bytes=5-6", If_Range=condition)
    assert (answer.status_code, answer.content) == (200, CONTENT)


def test_what_is_there_already_is_not_sent(download, owner):
    for condition in (TAG, f"W/{TAG}", f'"x", {TAG}', "*"):
        answer = download(If_None_Match=condition, Range="bytes=0-1")
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == TAG
    assert download(If_None_Match='"x"').content == CONTENT
    assert download(If_Match='"x"').status_code == 412
    assert download(If_Match=TAG).content == CONTENT


def test_head_has_no_range(download):
    answer = download("HEAD", Range="bytes=0-1")
    assert (answer.status_code, int(answer.headers["content-length"])) == (200, SIZE)


def test_what_is_made_for_the_answer_begins_anew(download, owner, project_id):
    exported = owner.get(f"/api/projects/{project_id}/export", headers={"Range": "bytes=0-1"})
    converted = download(query="?format=parquet", Range="bytes=0-1")
    for answer in (exported, converted):
        assert answer.status_code == 200
        assert "etag" not in answer.headers
        assert answer.headers["accept-ranges"] == "none"
        assert len(answer.content) > 2


@given(
    content=st.binary(max_size=40),
    sizes=st.lists(st.integers(1, 7), min_size=1, max_size=5),
    first=st.none() | st.integers(0, 50),
    last=st.none() | st.integers(0, 50),
)
def test_any_range_of_any_pieces(content, sizes, first, last):
    pieces, rest = [], content
    while rest:
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(rest[:size])
        rest = rest[size:]
    file = File(iter(pieces), "text/csv", "n", lambda: None, len(content), "x")
    text = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    scope = {"type": "http", "method": "GET", "headers": [(b"range", text.encode())]}
    answer = Answer(200, {"etag": '"x"'}, file=replace(file))
    wanted = content[-last:] if first is None and last else b""
    if first is not None:
        wanted = content[first:] if last is None else content[first : last + 1]
    try:
        part = part_of(answer, scope)
    except RangeNotSatisfiable:
        assert not wanted
        return
    assert b"".join(part.file.chunks) == (wanted if part.status == 206 else content)
    assert part.status == (206 if wanted else 200)


def test_no_answer_keeps_a_file_from_being_collected(download, server):
    assert download(If_None_Match=TAG).status_code == 304
    assert download(If_Match='"x"').status_code == 412
    assert download(Range=f"bytes={SIZE}-").status_code == 416
    assert download(Range="bytes=0-1").status_code == 206
    assert download("HEAD").status_code == 200
    with server.services.database.connect() as connection:
        leased = connection.execute(select(blob_leases.c.sha256)).scalars()
        assert SHA256 not in list(leased)

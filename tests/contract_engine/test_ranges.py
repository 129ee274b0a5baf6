"""Ranges of files and preconditions, by what RFC 9110 says; the files are lists of bytes."""

import pytest
from starlette.datastructures import Headers

from projects_api.contract.conditional import check_tagged, check_untagged, matches
from projects_api.contract.problems import ConditionUnmet
from projects_api.contract.ranges import RangeNotSatisfiable, part_of
from projects_api.contract.responses import Answer, File

CONTENT = bytes(range(256)) * 4
TAG = '"tag"'


def asked(content=CONTENT, piece=100, method="GET", tag=TAG, **headers):
    """Give status, content-range and body of what a request for a file is answered."""
    chunks = (content[at : at + piece] for at in range(0, len(content), piece))
    file = File(chunks, "application/octet-stream", "x.bin", lambda: None, len(content))
    answer = Answer(200, {"etag": tag} if tag else {}, file=file)
    raw = Headers({name.replace("_", "-"): value for name, value in headers.items()}).raw
    part = part_of(answer, {"type": "http", "method": method, "headers": raw})
    return part.status, part.headers.get("content-range"), b"".join(part.file.chunks)


@pytest.mark.parametrize("piece", [1, 100, 2000])
@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("0-0", 0, 0),
        ("99-100", 99, 100),
        ("250-750", 250, 750),
        ("1000-", 1000, 1023),
        ("1023-5000", 1023, 1023),
        ("-1", 1023, 1023),
        ("-2000", 0, 1023),
        ("0-1023", 0, 1023),
    ],
)
def test_a_part_is_the_bytes_that_it_names(wanted, first, last, piece):
    status, told, body = asked(range=f"bytes={wanted}", piece=piece)
    assert (status, told) == (206, f"bytes {first}-{last}/1024")
    assert body == CONTENT[first : last + 1]


@pytest.mark.parametrize("wanted", ["1024-", "1024-1024", "2000-3000", "-0"])
def test_a_range_behind_the_end_is_told_the_size(wanted):
    with pytest.raises(RangeNotSatisfiable) as refused:
        asked(range=f"bytes={wanted}")
    assert refused.value.headers == {"Content-Range": "bytes */1024"}


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"range": "bytes=-"},
        {"range": "bytes=5-3"},
        {"range": "bytes=2000-1999"},
        {"range": "bytes=0-1,3-4"},
        {"range": "lines=0-1"},
        {"range": "bytes=0-1", "if_range": '"other"'},
        {"range": "bytes=0-1", "method": "POST"},
        {"range": "bytes=0-1", "method": "HEAD"},
        {"range": "bytes=0-1", "tag": None},
    ],
)
def test_what_asks_for_no_part_gets_all(request_):
    assert asked(**request_) == (200, None, CONTENT)


def test_a_part_of_what_has_not_changed():
    assert asked(range="bytes=0-1", if_range=TAG)[0] == 206


@pytest.mark.parametrize(
    ("conditions", "reads", "holds"),
    [
        ({}, True, True),
        ({}, False, True),
        ({"if-match": "*"}, False, True),
        ({"if-match": '"x"'}, True, False),
        ({"if-match": '"x"'}, False, False),
        ({"if-none-match": "*"}, True, True),
        ({"if-none-match": "*"}, False, False),
        ({"if-none-match": '"x"'}, False, True),
    ],
)
def test_conditions_on_what_has_no_tag(conditions, reads, holds):
    if holds:
        check_untagged(conditions, reads=reads)
        return
    with pytest.raises(ConditionUnmet):
        check_untagged(conditions, reads=reads)


@pytest.mark.parametrize(
    ("condition", "holds", "told"),
    [
        ("*", True, ""),
        ('"a", "tag"', True, ""),
        ('"a"', False, "another ETag"),
        ('W/"tag"', False, "no weak tag"),
    ],
)
def test_conditions_on_what_has_one(condition, holds, told):
    assert matches(condition, TAG, weak=False) is holds
    if holds:
        check_tagged({"if-match": condition}, TAG)
        return
    with pytest.raises(ConditionUnmet, match=told):
        check_tagged({"if-match": condition}, TAG)

"""Forms as agents, contract testers and careless programs send them; the bytes are all ours."""

import pytest

HEAD = 'Content-Disposition: form-data; name="{}"'
FILE = HEAD.format("file")
CSV = b"a,b\n1,2\n3,4\n"


def form(*parts: tuple[str, bytes]) -> dict:
    body = b"".join(
        b"--x\r\n%b\r\n\r\n%b\r\n" % (head.encode("latin-1"), content) for head, content in parts
    )
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    return {"data": body + b"--x--\r\n", "headers": headers}


def fields(project_id: str) -> list[tuple[str, bytes]]:
    return [(HEAD.format("project_id"), project_id.encode()), (HEAD.format("name"), b"Cities")]


def upload(owner, project_id, *parts):
    return owner.post("/api/datasets/upload", **form(*fields(project_id), *parts))


@pytest.mark.parametrize(
    "head",
    [
        FILE,
        f"{FILE}\r\nContent-Type: text/csv",
        f'{FILE}; filename=""',
        f'{FILE}; filename="c.csv"',
        f"{FILE}; filename*=UTF-8''c.csv",
    ],
)
def test_a_file_needs_no_name(owner, project_id, head):
    answer = upload(owner, project_id, (head, CSV))
    assert answer.status_code == 201, answer.text
    path = f"/api/datasets/{answer.json()['id']}"
    assert owner.get(f"{path}/download").content == CSV
    version = owner.post(f"{path}/versions", **form((head, CSV)))
    assert version.status_code == 201, version.text


def test_an_archive_needs_no_name(owner, project_id):
    archive = owner.get(f"/api/projects/{project_id}/export").content
    assert owner.post("/api/projects/import", **form((FILE, archive))).status_code == 202


def test_a_text_is_no_file(owner, project_id, problem):
    parts = [
        (HEAD.format("project_id"), project_id.encode()),
        (HEAD.format("name") + '; filename="x"', b"n"),
        (FILE, CSV),
    ]
    answer = owner.post("/api/datasets/upload", **form(*parts))
    problem(answer, 422, "contract-violation", "/name: must be a text, not a file")


@pytest.mark.parametrize(
    ("parts", "detail"),
    [
        ([(f"{FILE}\r\nX: {'a' * 5000}", CSV)], "Send lines of at most 4224 bytes"),
        ([(HEAD.format("a" * 20_000), b"")], "Send lines of at most 4224 bytes"),
        ([(FILE + "\r\nX: y" * 8, CSV)], "Send at most 8 headers for a part."),
        ([(HEAD.format(f"f{n}"), b"") for n in range(100)], "Send at most 100 parts."),
        (
            [(HEAD.format("description"), b"a" * 1_100_000)],
            "Send fields of at most 1000000 bytes in all.",
        ),
    ],
)
def test_a_limit_is_named_for_what_it_is(owner, project_id, problem, parts, detail):
    problem(upload(owner, project_id, *parts), 413, "too-large", detail)


@pytest.mark.parametrize(
    ("parts", "detail"),
    [
        ([(f'{FILE}; filename="\xe9.csv"', CSV)], "Write the head of each part in UTF-8"),
        ([(HEAD.format("description"), b"\xe9")], "Send fields in UTF-8."),
        ([("Content-Type: text/csv", CSV)], "Missing Content-Disposition segment header."),
    ],
)
def test_no_message_is_one_of_python(owner, project_id, problem, parts, detail):
    answer = problem(upload(owner, project_id, *parts), 400, "malformed-body", detail)
    for word in ("(", "Error", "codec", "0x", "\\"):
        assert word not in answer["detail"]


@pytest.mark.parametrize(
    ("count", "status", "slug"), [(100, 422, "contract-violation"), (101, 413, "too-large")]
)
def test_the_most_parts_of_a_form(owner, project_id, problem, count, status, slug):
    more = count - len(fields(project_id))
    parts = [(HEAD.format(f"f{number}"), b"") for number in range(more)]
    problem(upload(owner, project_id, *parts), status, slug)


@pytest.mark.parametrize(("parts_of_text", "beyond"), [(1, 0), (1, 1), (2, 0), (2, 1)])
def test_the_most_text_of_a_form(owner, project_id, problem, parts_of_text, beyond):
    """The files of this server have at most a million bytes, and the fields all together."""
    left = 1_000_000 - sum(len(content) for _, content in fields(project_id)) + beyond
    texts = [b"a" * (left // parts_of_text + left % parts_of_text), b"a" * (left // 2)]
    parts = [(HEAD.format(f"f{n}"), text) for n, text in enumerate(texts[:parts_of_text])]
    answer = upload(owner, project_id, *parts)
    if beyond:
        problem(answer, 413, "too-large", "Send fields of at most 1000000 bytes in all.")
    else:
        problem(answer, 422, "contract-violation")


@pytest.mark.parametrize(("size", "status"), [(1_000_000, 201), (1_000_001, 413)])
def test_the_largest_file(owner, project_id, size, status):
    answer = upload(owner, project_id, (FILE, (CSV * (size // len(CSV) + 1))[: size - 2] + b"9\n"))
    assert answer.status_code == status, answer.text

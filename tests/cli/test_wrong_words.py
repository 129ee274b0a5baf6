"""What is wrong on the command line is told in a sentence, and never in Python's own words."""

import os
import stat
import tempfile

import pytest
from rich.cells import cell_len

from projects_api.app import backup
from projects_api.cli import arguments, common
from tests.support.processes import PATIENCE, Deployment

PYTHON = (
    "Errno",
    "Traceback",
    "Error:",
    "PosixPath",
    "urlopen",
    "codec",
    "Input should",
    "argument",
)
ME = "me@example.com"
JOB = "01a22729-0770-718c-8b55-7a8307725dc9"
KEY = ("--key", "k")

WRONG = [
    *([command, "--port", port] for command in ("serve", "worker") for port in ("-1", "70000")),
    *(["serve", "--ephemeral", "--port", port] for port in ("-1", "70000")),
    *(["check", "--upstream", "http://localhost:1", "--port", port] for port in ("-1", "70000")),
    *(["serve", "--workers", count] for count in ("0", "257", "many")),
    ["serve", "--host", "no host"],
    *(["serve", "--ephemeral", "--seed", seed] for seed in ("folder", "noise", "nowhere")),
    ["serve", "--ephemeral", "--clock", "soon"],
    ["worker", "--concurrency", "0"],
    *(["verify", file] for file in ("folder", "noise", "nowhere")),
    *(["import", file, "--owner", ME] for file in ("folder", "noise", "nowhere")),
    ["import", "noise", "--owner", "nobody"],
    *(["backup", folder] for folder in ("noise", "noise/below", "/proc/below", "full")),
    *(["restore", folder] for folder in ("noise", "nowhere", "folder", "broken", "listed", "raw")),
    *(["migrate", "--to", url] for url in ("nonsense", "mysql://h/d", "sqlite:///noise", "")),
    *(["migrate", "--to", url] for url in ("sqlite:////proc/x/y.db", "postgresql://h:port/d")),
    ["migrate", "--to", "sqlite:///new.db", "--artifacts", "ftp://h"],
    *(["coverage", file] for file in ("nowhere", "folder", "noise", "list.json", "open.json")),
    ["coverage", "--kind", "x", "list.json"],
    ["coverage", "list.json", "--fail-under", "101"],
    *(["coverage", "--url", url, *KEY] for url in ("http://[::1", "http://a b", "h", "http://h:x")),
    *(["coverage", "--url", url, *KEY] for url in ("http://localhost:99999", "http://localhost:1")),
    ["coverage", "--url", "http://localhost:1", "--key", "k\u00e9\n"],
    *(["check", file] for file in ("nowhere", "folder", "noise", "list.json", "open.json")),
    *(["check", "list.json", "--contract", f] for f in ("nowhere", "folder", "noise", "open.json")),
    ["check", "list.json", "--only", "both"],
    ["check", "list.json", "--silence", "0"],
    *(["check", "--upstream", url] for url in ("http://[", "http://a b", "http://h:99999", "h")),
    ["check", "--upstream", "http://localhost:1", "--host", "no host"],
    ["check", "--upstream", "http://localhost:1", "--har", "/proc/below"],
    ["check", "empty.har", "--junit", "/proc/below"],
    *(["mcp", "--url", url, *KEY] for url in ("http://[", "http://h:99999", "h")),
    *(["model-to-mlflow", file, "out"] for file in ("folder", "noise", "nowhere")),
    ["keys", "create", "nobody@example.com"],
    ["keys", "create", ME, "--days", "0"],
    ["keys", "create", ME, "--days", "nan"],
    ["keys", "create", ME, "--scopes", "all"],
    ["keys", "create", ME, "--name", "two\nlines"],
    *(["keys", action, "x"] for action in ("revoke", "rotate")),
    ["users", "add", "x"],
    ["users", "add", ME],
    ["users", "add", "new@example.com", "--name", "two\nlines"],
    *(["users", action, "nobody"] for action in ("disable", "deactivate", "activate", "remove")),
    ["demo", "--email", "nobody@example.com"],
    *(["audit", "--days", days] for days in ("-1", "nan", "many")),
    *(["audit", *words] for words in (("--limit", "0"), ("--user", "x"), ("--project", "x"))),
    ["audit", "--status", "bad"],
    *(["watch", JOB, "--base-url", u, "--api-key", "k"] for u in ("h", "ftp://h", "http://[", "")),
    *(
        ["watch", JOB, "--base-url", f"http://localhost:{port}", "--api-key", "k"]
        for port in (1, 99_999)
    ),
    ["watch", JOB, "--base-url", "http://localhost:1", "--api-key", "k\n"],
]
OF_THE_LIBRARY = 2
"""The status of what Typer refuses by itself, in a frame below the usage."""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Give a folder with an installation and with what no command can use."""
    deployment = Deployment(tmp_path_factory.mktemp("wrong"))
    deployment.run("db", "upgrade")
    deployment.run("users", "add", ME)
    folder = deployment.folder
    for name in ("folder", "full", "broken", "listed", "raw"):
        (folder / name).mkdir()
    (folder / "noise").write_bytes(bytes(range(256)) * 40)
    (folder / "list.json").write_text("[]")
    (folder / "open.json").write_text("{")
    (folder / "empty.har").write_text('{"log": {"version": "1.2", "entries": []}}')
    (folder / "full" / "file").touch()
    (folder / "broken" / "backup.json").write_text("{")
    (folder / "listed" / "backup.json").write_text("[]")
    (folder / "raw" / "backup.json").write_bytes(b"\xff\xfe")
    yield deployment
    deployment.close()


@pytest.mark.parametrize("words", WRONG, ids=lambda words: ascii(" ".join(words)))
def test_wrong_words_are_told_in_a_sentence(prepared, words):
    with tempfile.TemporaryFile() as output:
        done = prepared.fork(*words, output=output, errors=output, COLUMNS="300")
        try:
            status = done.wait(PATIENCE)
        finally:
            done.kill()
        output.seek(0)
        said = output.read().decode()
    assert status in {1, 2, 3}, said
    framed = status == OF_THE_LIBRARY and "Usage:" in said
    allowed = {"Input should", "argument"} if framed else set()
    assert [word for word in PYTHON if word in said and word not in allowed] == []
    if not framed:
        assert said.count("projects-api: ") == 1 or words[0] == "verify", said
        assert said.count("\n") <= 2, said


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORT", "70000", "PROJECTS_API_PORT: must be at most 65535"),
        ("PORT", "high", "PROJECTS_API_PORT: must be a whole number"),
        ("WORKERS", "0", "PROJECTS_API_WORKERS: must be at least 1"),
        ("LOG_FORMAT", "xml", "PROJECTS_API_LOG_FORMAT: must be 'auto', 'json' or 'console'"),
    ],
)
def test_a_wrong_setting_is_told_by_its_name_and_its_bound(local, name, value, said):
    local.variables[f"PROJECTS_API_{name}"] = value
    assert said in local.run("users", "list", status=1)


def test_reasons_have_no_numbers_of_errors():
    assert common.reason(FileNotFoundError(2, "No such file", "x.json")) == "x.json: No such file"
    assert common.reason(ValueError("a\n  b")) == "a b"
    assert common.reason(OSError("[Errno 111] Refused")) == "Refused"


class TestFilesWithData:
    def test_new_and_old_ones_are_readable_by_their_owner_alone(self, tmp_path):
        old = tmp_path / "old.html"
        old.write_text("much longer than what comes")
        old.chmod(0o644)
        mask = os.umask(0)
        try:
            for file in (old, tmp_path / "new.html"):
                arguments.write_or_end(file, "new ü")
                assert file.read_text() == "new ü"
                assert stat.S_IMODE(file.stat().st_mode) == 0o600
        finally:
            os.umask(mask)

    def test_of_commands(self, prepared):
        for name in ("report.xml", "again.xml"):
            (prepared.folder / name).touch(0o644)
            prepared.run("check", "empty.har", "--junit", name)
            assert stat.S_IMODE((prepared.folder / name).stat().st_mode) == 0o600
        prepared.run("backup", "copy")
        for path in (prepared.folder / "copy").rglob("*"):
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


class TestTables:
    ROWS = (("a", "日本", "x" * 50), ("long", "é", "y"), ("🎉", "", ""))

    def test_columns_stand_below_one_another_whatever_their_letters(self, capsys):
        arguments.print_table(self.ROWS, terminal=True)
        lines = capsys.readouterr().out.splitlines()
        for line, row in zip(lines, self.ROWS, strict=True):
            assert cell_len(line) == 4 + 2 + 4 + 2 + cell_len(row[-1])
            assert line.endswith(f"  {row[-1]}")

    def test_programs_get_two_blanks_and_nothing_filled_up(self, capsys):
        arguments.print_table(self.ROWS, terminal=False)
        assert capsys.readouterr().out == "".join("  ".join(row) + "\n" for row in self.ROWS)
        arguments.print_table([], terminal=True)
        assert capsys.readouterr().out == ""


def test_a_backup_that_is_none_is_told_without_python(tmp_path):
    (tmp_path / "backup.json").write_text('{"colour": 1}')
    with pytest.raises(backup.BackupRefused, match=r"backup\.json is not what a backup writes"):
        backup._read_summary(tmp_path)

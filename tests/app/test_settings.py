"""Settings: where they come from, and what the server refuses to start with."""

import re
from dataclasses import replace

import pytest
from pydantic import ValidationError

from projects_api.settings import Settings, unknown_names
from tests.support.processes import Deployment, wait_until

OUTSIDE = {"HOST": "0.0.0.0", "CORS_ORIGINS": "*"}
PLAIN_DATABASE = {"DATABASE_URL": "postgresql://u:s3cr3t@db.example.com/p?sslmode=disable"}
PLAIN_STORE = {"ARTIFACT_URL": "s3://bucket/p?region=eu&endpoint=http://store.example.com:9000"}
ESCAPED_STORE = {"ARTIFACT_URL": "s3://bucket?endpoint=http%3A%2F%2Fstore.example.com"}


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch, tmp_path):
    """Begin in an empty folder, whatever the tests run with."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"PROJECTS_API_{name.upper()}", raising=False)


@pytest.fixture
def set_variables(monkeypatch):
    def apply(variables: dict[str, str]) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(f"PROJECTS_API_{name}", value)

    return apply


class TestSources:
    def test_defaults(self, tmp_path):
        settings = Settings()
        assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 8888, 1)
        assert settings.database == "sqlite:///data/projects.db"
        assert settings.artifacts == str(tmp_path / "data" / "artifacts")
        assert settings.base_url == "http://localhost:8888"
        assert settings.max_upload_bytes == 500 * 1024 * 1024
        assert settings.cors_origins == []
        assert settings.rate_limit is None

    def test_the_environment(self, set_variables):
        set_variables(
            {
                "PORT": "9000",
                "CORS_ORIGINS": "https://a.example.com, https://b.example.com",
                "DATABASE_URL": "postgresql://p@localhost/p",
                "RATE_LIMIT": "100/second",
                "MAX_UPLOAD_BYTES": "1000",
            }
        )
        settings = Settings()
        assert settings.port == 9000
        assert settings.cors_origins == ["https://a.example.com", "https://b.example.com"]
        assert settings.database == "postgresql://p@localhost/p"
        assert (settings.rate_limit, settings.max_upload_bytes) == ("100/second", 1000)

    def test_a_file_and_the_environment_above_it(self, set_variables, tmp_path):
        lines = ["PROJECTS_API_PORT=9001", "PROJECTS_API_WORKERS=3", "SOMETHING_ELSE=1"]
        (tmp_path / ".env").write_text("\n".join(lines))
        set_variables({"PORT": "9002"})
        settings = Settings()
        assert (settings.port, settings.workers) == (9002, 3)

    def test_a_variable_without_value_is_not_set(self, set_variables):
        """Compose files and templates pass variables on that nobody filled."""
        set_variables({name.upper(): "" for name in Settings.model_fields})
        assert Settings() == Settings(_env_file=None)
        assert Settings().cors_origins == []
        assert Settings().tls_key is None

    @pytest.mark.parametrize(
        ("variables", "expected"),
        [
            ({"HOST": "0.0.0.0", "PORT": "80"}, "http://localhost:80"),
            ({"HOST": "10.1.2.3"}, "http://10.1.2.3:8888"),
            ({"HOST": "::1"}, "http://localhost:8888"),
            ({"HOST": "fd00::1"}, "http://[fd00::1]:8888"),
            ({"HOST": "::"}, "http://localhost:8888"),
            ({"TLS_CERTIFICATE": "c.pem", "TLS_KEY": "k.pem"}, "https://localhost:8888"),
            ({"PUBLIC_URL": "https://api.example.com"}, "https://api.example.com"),
        ],
    )
    def test_how_callers_reach_the_server(self, set_variables, variables, expected):
        set_variables(variables)
        assert Settings().base_url == expected


class TestRefusals:
    @pytest.mark.parametrize(
        ("variables", "named"),
        [
            ({"PORT": "http"}, "port"),
            ({"PORT": "65536"}, "port"),
            ({"WORKERS": "0"}, "workers"),
            ({"MAX_UPLOAD_BYTES": "-1"}, "max_upload_bytes"),
            ({"LOG_LEVEL": "loud"}, "log_level"),
            ({"DATABASE_URL": "mysql://u:s3cr3t@localhost/p"}, "URL begins with"),
            ({"DATABASE_URL": "not a url"}, "URL begins with"),
            ({"DATABASE_URL": "sqlite://"}, "SQLite needs a file"),
            ({"PUBLIC_URL": "nonsense"}, "an address such as"),
            ({"PUBLIC_URL": "https://x/y?q=1"}, "an address such as"),
            ({"RATE_LIMIT": "0/second"}, "RATE_LIMIT is a rate"),
            ({"JOB_DAYS": "1e9"}, "job_days"),
            ({"AUDIT_DAYS": "1e9"}, "audit_days"),
            ({"ARTIFACT_URL": "ftp://files.example.com"}, "ARTIFACT_URL"),
            ({"RATE_LIMIT": "sometimes"}, "RATE_LIMIT"),
            ({"FIRST_USER": "admin@localhost"}, "first_user"),
            ({"FIRST_USER": "admin"}, "first_user"),
            ({"OIDC_ALLOWED_GROUPS": "lab"}, "OIDC_ALLOWED_GROUPS needs PROJECTS_API_OIDC_ISSUER"),
            ({"OIDC_SCOPES_CLAIM": "may"}, "OIDC_SCOPES_CLAIM needs PROJECTS_API_OIDC_ISSUER"),
            ({"OIDC_CLIENT_ID": "console"}, "OIDC_CLIENT_ID needs PROJECTS_API_OIDC_ISSUER"),
            ({"H2O_URL": "https://h2o.example.com"}, "an address with a port"),
            ({"H2O_URL": "https://lab:s3cr3t@h2o.example.com:54321"}, "an address with a port"),
            ({"H2O_URL": "http://localhost:54321", "H2O_USER": "lab"}, "H2O_PASSWORD"),
            ({"H2O_USER": "lab", "H2O_PASSWORD": "s3cr3t"}, "H2O_USER needs PROJECTS_API_H2O_URL"),
            ({"TLS_KEY": "k.pem"}, "TLS_CERTIFICATE"),
            ({"TLS_CERTIFICATE": "c.pem"}, "TLS_KEY"),
        ],
    )
    def test_what_cannot_work(self, set_variables, variables, named):
        set_variables({**variables, "ALLOW_INSECURE": "true"})
        with pytest.raises(ValidationError, match=named):
            Settings()

    @pytest.mark.parametrize(
        ("variables", "named"),
        [
            (OUTSIDE, "CORS_ORIGINS"),
            ({"HOST": "10.0.0.1", "CORS_ORIGINS": "https://a.example.com,*"}, "CORS_ORIGINS"),
            (PLAIN_DATABASE, "DATABASE_URL"),
            ({"DATABASE_URL": "postgresql://p@db.example.com/p"}, "DATABASE_URL"),
            ({"DATABASE_URL": "postgresql://p@db.example.com/p?sslmode=prefer"}, "DATABASE_URL"),
            ({"DATABASE_URL": "postgresql://p@/p?host=10.0.0.9"}, "DATABASE_URL"),
            (PLAIN_STORE, "ARTIFACT_URL"),
            (ESCAPED_STORE, "ARTIFACT_URL"),
            ({"H2O_URL": "http://h2o.example.com:54321"}, "H2O_URL"),
        ],
    )
    def test_what_is_insecure(self, set_variables, variables, named):
        set_variables(variables)
        with pytest.raises(ValidationError, match=f"{named}.*PROJECTS_API_ALLOW_INSECURE=true"):
            Settings()
        set_variables({"ALLOW_INSECURE": "true"})
        assert Settings().allow_insecure

    def test_every_fault_is_told_at_once(self, set_variables):
        set_variables({**OUTSIDE, **PLAIN_DATABASE, **PLAIN_STORE})
        with pytest.raises(ValidationError, match=r"CORS_ORIGINS.*DATABASE_URL.*ARTIFACT_URL"):
            Settings()

    @pytest.mark.parametrize(
        "variables",
        [
            {"CORS_ORIGINS": "*"},
            {"HOST": "0.0.0.0", "CORS_ORIGINS": "https://a.example.com"},
            {"DATABASE_URL": "postgresql://p@127.0.0.1/p?sslmode=disable"},
            {"DATABASE_URL": "postgresql://p@/p?host=/run/postgresql&sslmode=disable"},
            {"DATABASE_URL": "postgresql://p@db.example.com/p?sslmode=verify-full"},
            {"H2O_URL": "http://127.0.0.1:54321"},
            {"H2O_URL": "https://h2o.example.com:54321/h2o"},
            {"ARTIFACT_URL": "s3://bucket?endpoint=http://localhost:9000"},
            {"ARTIFACT_URL": "s3://bucket?endpoint=https://store.example.com"},
        ],
    )
    def test_what_is_secure_enough(self, set_variables, variables):
        set_variables(variables)
        assert Settings()


@pytest.mark.parametrize("command", ["serve", "doctor"])
def test_a_command_says_why_it_refuses(tmp_path, command):
    variables = {f"PROJECTS_API_{name}": value for name, value in PLAIN_DATABASE.items()}
    printed = Deployment(tmp_path, variables).run(command, status=1)
    assert re.match("projects-api: .*DATABASE_URL sends a password over a network", printed)
    assert "PROJECTS_API_ALLOW_INSECURE=true" in printed
    assert "s3cr3t" not in printed
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("variables", "words", "reason"),
    [
        ({"PORT": "abc"}, ["serve"], "PROJECTS_API_PORT: must be a whole number"),
        ({"DATA_DIR": "/proc/nope"}, ["users", "list"], "no database /proc/nope/projects.db"),
        ({"DATA_DIR": "/proc/nope"}, ["doctor"], "/proc/nope"),
        ({"TLS_KEY": "k.pem", "TLS_CERTIFICATE": "c.pem"}, ["serve"], "there is no file c.pem"),
        ({"PORTT": "1", "FROBNICATE": "1"}, ["doctor"], "PORTT is no setting: is it PROJECTS_API"),
    ],
)
def test_what_is_wrong_is_a_sentence(tmp_path, variables, words, reason):
    prefixed = {f"PROJECTS_API_{name}": value for name, value in variables.items()}
    printed = Deployment(tmp_path, prefixed).run(*words, status=1)
    assert reason in printed
    assert "Traceback" not in printed


def test_a_misspelt_setting_is_in_the_log_with_the_right_name(local):
    """It is no reason to end, for others may have variables of this prefix; silence would be."""
    (local.folder / ".env").write_text("PROJECTS_API_LOG_LEVELS=debug\n")
    wrong = {"oidc_allowed_group": "lab"}
    told = unknown_names(["PROJECTS_API_LOG_LEVELS", "PROJECTS_API_OIDC_ALLOWED_GROUP"])
    assert "is it PROJECTS_API_OIDC_ALLOWED_GROUPS?" in told[1]

    def found(process) -> list[str]:
        return [line["detail"] for line in process.lines("unknown_setting")]

    with local.serve(**wrong) as server:
        assert found(server) == told
    log = local.folder / "worker.log"
    with log.open("wb") as output:
        variables = {f"PROJECTS_API_{name.upper()}": value for name, value in wrong.items()}
        worker = local.fork("worker", output=output, errors=output, **variables)
    process = replace(server, popen=worker, log=log)
    try:
        wait_until(lambda: process.lines("workers_started"), "the worker works")
        assert found(process) == told
    finally:
        process.stop()

"""Settings: one typed object, read from the environment and from `.env`."""

import os
import re
from collections.abc import Iterable
from difflib import get_close_matches
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, DotEnvSettingsSource, NoDecode, SettingsConfigDict

PREFIX = "PROJECTS_API_"
MOST_DAYS = 36_500
_ADDRESS = r"^[A-Za-z0-9._%+-]+@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}$"


_RAY_ADDRESS = r"^(auto|(ray://)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\]):[0-9]{1,5})$"


class Settings(BaseSettings):
    """What a deployment may decide; in the environment each name begins `PROJECTS_API_`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    host: str = "127.0.0.1"
    port: int = Field(default=8888, ge=0, le=65535)
    workers: int = Field(default=1, ge=1, le=256)
    threads: int = Field(default=16, ge=1, le=256)
    """Requests that one process works on at once, each with a database connection."""
    public_url: str | None = None
    """How callers reach the server, where that is not `http://HOST:PORT`."""
    first_user: str = Field(default="admin@example.com", max_length=255, pattern=_ADDRESS)
    """The address of the user whom the first start makes, as strict readers of addresses take it.
    """
    data_dir: Path = Path("data")
    database_url: str = ""
    """Default: SQLite in the data folder."""
    database_connect_seconds: float = Field(default=5, ge=2)
    """Seconds in which PostgreSQL must take a connection, and say that it still works."""
    database_statement_seconds: float = Field(default=30, ge=0)
    """Seconds that a statement may take on PostgreSQL; 0 is for ever."""
    database_lock_seconds: float = Field(default=20, ge=0)
    """Seconds of them that it may wait for others to let go; 0 is for ever."""
    database_silence_seconds: float = Field(default=30, ge=1)
    """Seconds that the network may keep back what is sent before the connection is lost."""
    artifact_url: str = ""
    """Default: the folder `artifacts` in the data folder."""
    max_upload_bytes: int = Field(default=500 * 1024 * 1024, ge=1)
    max_import_bytes: int = Field(default=5 * 1024 * 1024 * 1024, ge=1)
    """Bytes of an archive that is imported, and again of all the files in it."""
    max_import_ratio: float = Field(default=100, ge=0)
    """How many times its own bytes the files of a large archive may have; 0 is any number."""
    person_quota_bytes: int = Field(default=100 * 1024**3, ge=0)
    """Bytes of all files that one person brought or had made; 0 is any number."""
    project_quota_bytes: int = Field(default=50 * 1024**3, ge=0)
    """Bytes of all files of one project; 0 is any number."""
    max_table_cells: int = Field(default=500_000_000, ge=1)
    """Cells of a Parquet file, which compression lets be many more than its bytes."""
    prediction_processes: int = Field(default=2, ge=1, le=256)
    """Processes in which models are asked, at most, for each server process."""
    hot_model_bytes: int = Field(default=256 * 1024 * 1024, ge=0)
    """Bytes of the files of models that each of them keeps in memory."""
    rate_limit: str | None = None
    """Requests per API key, such as `100/second`; no limit by default."""
    rate_limit_storage: str = "memory://"
    """Where requests are counted: memory counts in each process, `redis://...` in one place."""
    cors_origins: Annotated[list[str], NoDecode] = []
    """Origins, with commas between them, whose pages may call the server from a browser."""
    compression: int = Field(default=0, ge=0, le=9)
    """The level of gzip for large JSON answers, where callers ask for it; 0 is without."""
    trusted_proxies: Annotated[list[str], NoDecode] = []
    """Addresses or networks, with commas between them, whose word on callers is believed."""
    keep_alive_seconds: int = Field(default=5, ge=1, le=3600)
    """Seconds that a connection may rest between two requests."""
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    maintenance_seconds: float = Field(default=60.0, gt=0)
    """Seconds between two collections of files that nothing refers to."""
    job_days: float = Field(default=90, ge=0, le=MOST_DAYS)
    """Days after which a job that has ended is forgotten with its log; 0 keeps all."""
    audit_days: float = Field(default=90, ge=0, le=MOST_DAYS)
    """Days after which entries of the audit log are forgotten; 0 keeps all."""
    audit_refusals_per_minute: int = Field(default=10, ge=0, le=1000)
    """Refused requests of a caller that have an entry each in a minute; more are counted."""
    embedded_workers: int = Field(default=1, ge=0, le=64)
    """Jobs that `serve` itself works on at once; `projects-api worker` adds more."""
    worker_port: int = Field(default=0, ge=0, le=65535)
    """Where `projects-api worker` tells health and metrics; 0 is nowhere."""
    job_poll_seconds: float = Field(default=0.5, ge=0.01, le=60)
    """Seconds between two looks for a job that waits, and for a wish to cancel one that runs."""
    job_lease_seconds: float = Field(default=30.0, ge=0.1, le=3600)
    """Seconds after which a job whose worker does not answer is taken by another worker."""
    job_max_seconds: float = Field(default=24 * 3600.0, gt=0)
    """Seconds that a job may take at most, whatever was asked for it."""
    job_retry_seconds: float = Field(default=10.0, ge=0, le=3600)
    """Seconds that a job waits which had no answer from database or store, or no room on disk."""
    job_patience_seconds: float = Field(default=3600.0, ge=0)
    """Seconds after the first such fault of a job in which it is begun anew."""
    job_memory_bytes: int = Field(default=4 * 1024**3, ge=64 * 1024**2)
    """Memory that the processes of one job may hold together."""
    job_engine: Literal["local", "ray"] = "local"
    """Who does long jobs: the workers of this server, or the nodes of Ray; the extra `ray`."""
    ray_address: str = Field(default="auto", pattern=_RAY_ADDRESS)
    """Where Ray is: `ray://host:10001`, or on one of its nodes `auto` or `host:6379`."""
    ray_jobs: int = Field(default=32, ge=1, le=500)
    """Jobs that Ray has at once, running or waiting for a place."""
    ray_job_cpus: float = Field(default=1.0, gt=0, le=1024)
    """Processors that a job has on a node of Ray."""
    ray_training_cpus: int = Field(default=8, ge=1, le=64)
    """Processors that one training may have on all nodes of Ray together, where they are free."""
    ray_shared_folder: bool = False
    """The folder of artifacts is there on every node of Ray, under the same name."""
    h2o_url: str | None = None
    """Where a cluster of H2O runs that trainings join, in the place of a Java process of each."""
    h2o_user: str | None = Field(default=None, min_length=1, max_length=255)
    h2o_password: str | None = Field(default=None, min_length=1, max_length=255, repr=False)
    max_head_bytes: int = Field(default=65_536, ge=1024)
    """Bytes of a request's line and headers, and of a body's trailer."""
    head_seconds: float = Field(default=20, gt=0)
    """Seconds in which the head of a request must have arrived."""
    body_seconds: float = Field(default=30, gt=0)
    """Seconds after which a body that brings nothing, or hardly anything, is ended."""
    max_connections: int = Field(default=5000, ge=2)
    """Connections of a server process, as far as the system lets it have files open."""
    max_connections_per_address: int = Field(default=500, ge=1)
    """Connections of one address; a proxy before the server is one address."""
    shutdown_seconds: int = Field(default=30, ge=0)
    """Seconds that running requests get to finish when the server stops."""
    webhooks_allow_private: bool = False
    """Let webhooks lead into private networks and to this machine, over plain HTTP, too."""
    webhook_attempts: int = Field(default=10, ge=1, le=20)
    """How often an event is sent to a webhook at most."""
    webhook_retry_seconds: float = Field(default=10.0, ge=0, le=3600)
    """Seconds after the first attempt in vain; each later wait is four times as long."""
    webhook_poll_seconds: float = Field(default=1.0, ge=0.01, le=60)
    """Seconds between two looks for an event that is to be sent."""
    webhook_days: float = Field(default=30, ge=0, le=MOST_DAYS)
    """Days after which a delivery that has ended is forgotten; 0 keeps all."""
    oidc_issuer: str | None = None
    """Whose tokens people may send in the place of API keys; the extra `oidc`."""
    oidc_audience: str | None = None
    """What the claim `aud` of such a token must name."""
    oidc_allowed_groups: Annotated[list[str], NoDecode] = []
    """Groups, with commas between them, of which the claim `groups` must name one."""
    oidc_scopes_claim: str | None = None
    """The claim that names scopes of this server; by default a token has `read` and `write`."""
    oidc_client_id: str | None = Field(default=None, pattern=r"^[!-~]{1,255}$")
    """What the console is called by the issuer, which then signs people in to it."""
    mcp: bool = False
    """Serve the tools of the Model Context Protocol at `/mcp`; the extra `mcp`."""
    traces: bool = False
    """Make traces and send them by OTLP where the variables `OTEL_...` say; the extra `otel`."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "console"] = "auto"
    """`auto` is lines for people on a terminal, and JSON elsewhere."""
    allow_insecure: bool = False
    """Accept what the server would refuse to start with, such as passwords over plain text."""

    @field_validator("cors_origins", "trusted_proxies", "oidc_allowed_groups", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",")] if isinstance(value, str) else value

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, value: list[str]) -> list[str]:
        try:
            for one in value:
                ip_network(one, strict=False)
        except ValueError:
            raise ValueError(
                "PROJECTS_API_TRUSTED_PROXIES has addresses or networks, such as 10.0.0.0/8"
            ) from None
        return value

    @field_validator("database_url")
    @classmethod
    def _check_database(cls, value: str) -> str:
        if value and not value.startswith(("sqlite:", "postgresql:", "postgresql+psycopg:")):
            raise ValueError("a database's URL begins with sqlite:/// or postgresql://")
        if value.startswith("sqlite:") and not re.match(r"sqlite:///.", value):
            raise ValueError("SQLite needs a file: sqlite:///path, with four slashes from the root")
        return value

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, value: str | None) -> str | None:
        if value and not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", value):
            raise ValueError("an address such as https://example.com/projects, without a query")
        return value

    @field_validator("oidc_issuer")
    @classmethod
    def _check_issuer(cls, value: str | None) -> str | None:
        # Its origin stands in the policy of the console's page: letters of a host, and a port.
        if value and not re.fullmatch(r"https?://[\w.\[\]:-]+(/[^\s?#]*)?", value, re.ASCII):
            raise ValueError("an address such as https://login.example.com, without a query")
        return value

    @field_validator("h2o_url")
    @classmethod
    def _check_h2o(cls, value: str | None) -> str | None:
        if value and not re.fullmatch(r"https?://[\w.-]+:[0-9]{1,5}(/[\w.-]+)*/?", value, re.ASCII):
            raise ValueError(
                "an address with a port, such as https://h2o.example.com:54321; who asks is said "
                "by PROJECTS_API_H2O_USER and PROJECTS_API_H2O_PASSWORD"
            )
        return value

    @field_validator("artifact_url")
    @classmethod
    def _check_artifacts(cls, value: str) -> str:
        if "://" in value and not value.startswith(("file://", "s3://")):
            raise ValueError("PROJECTS_API_ARTIFACT_URL is a folder, file:///... or s3://...")
        return value

    @field_validator("rate_limit")
    @classmethod
    def _check_rate(cls, value: str | None) -> str | None:
        if not value:
            return value
        from limits import parse  # noqa: PLC0415 - slow to import, and seldom needed

        try:
            amount = parse(value).amount
        except ValueError:
            amount = 0
        if amount < 1:
            raise ValueError("PROJECTS_API_RATE_LIMIT is a rate such as 100/second")
        return value

    @model_validator(mode="after")
    def _refuse_insecure(self) -> Self:
        if (self.tls_key is None) != (self.tls_certificate is None):
            raise ValueError("set both PROJECTS_API_TLS_CERTIFICATE and PROJECTS_API_TLS_KEY")
        if bool(self.oidc_issuer) != bool(self.oidc_audience):
            raise ValueError("set both PROJECTS_API_OIDC_ISSUER and PROJECTS_API_OIDC_AUDIENCE")
        for name in ("oidc_client_id", "oidc_allowed_groups", "oidc_scopes_claim"):
            if getattr(self, name) and not self.oidc_issuer:
                raise ValueError(f"{PREFIX}{name.upper()} needs PROJECTS_API_OIDC_ISSUER")
        if (self.h2o_user is None) != (self.h2o_password is None):
            raise ValueError("set both PROJECTS_API_H2O_USER and PROJECTS_API_H2O_PASSWORD")
        if self.h2o_user and not self.h2o_url:
            raise ValueError("PROJECTS_API_H2O_USER needs PROJECTS_API_H2O_URL")
        if self.job_engine == "ray":
            self._refuse_unreachable()
        faults = [] if self.allow_insecure else [f"{PREFIX}{one}" for one in self._insecure()]
        if faults:
            raise ValueError(
                f"{'; '.join(faults)}. Mend it, or set PROJECTS_API_ALLOW_INSECURE=true."
            )
        return self

    def _refuse_unreachable(self) -> None:
        """Refuse what the nodes of Ray cannot reach, which may be other machines."""
        if not self.database_url.startswith("postgresql"):
            raise ValueError(
                "PROJECTS_API_JOB_ENGINE=ray needs PostgreSQL, which every node of Ray reaches: "
                "set PROJECTS_API_DATABASE_URL, or leave jobs to the workers of this machine"
            )
        if not (self.artifact_url.startswith("s3://") or self.ray_shared_folder):
            raise ValueError(
                "PROJECTS_API_JOB_ENGINE=ray needs artifacts where every node of Ray reaches "
                "them: set PROJECTS_API_ARTIFACT_URL to s3://..., or, where all nodes have the "
                "folder under the same name, PROJECTS_API_RAY_SHARED_FOLDER=true"
            )

    def _insecure(self) -> list[str]:
        faults = []
        if "*" in self.cors_origins and not is_loopback(self.host):
            faults.append("CORS_ORIGINS=* lets any web page call a server that others can reach")
        if _lacks_tls(self.database):
            faults.append(
                "DATABASE_URL sends a password over a network without TLS: it needs "
                "?sslmode=verify-full, or verify-ca or require"
            )
        issuer = urlsplit(self.oidc_issuer or "")
        if issuer.scheme == "http" and not is_loopback(issuer.hostname or ""):
            faults.append("OIDC_ISSUER has the keys of tokens come over a network without TLS")
        cluster = urlsplit(self.h2o_url or "")
        if cluster.scheme == "http" and not is_loopback(cluster.hostname or ""):
            faults.append("H2O_URL sends the rows of tables over a network without TLS")
        (endpoint,) = parse_qs(urlsplit(self.artifacts).query).get("endpoint", [""])[:1]
        if endpoint.startswith("http:") and not is_loopback(urlsplit(endpoint).hostname or ""):
            faults.append("ARTIFACT_URL sends artifacts over a network without TLS")
        return faults

    @property
    def database(self) -> str:
        """The database's URL, the default filled in."""
        return self.database_url or f"sqlite:///{self.data_dir / 'projects.db'}"

    @property
    def database_limits(self) -> dict[str, float]:
        """How long PostgreSQL may take, by what for."""
        return {
            "connect": self.database_connect_seconds,
            "statement": self.database_statement_seconds,
            "lock": self.database_lock_seconds,
            "silence": self.database_silence_seconds,
        }

    @property
    def quotas(self) -> dict[str, float]:
        """How much may be kept, by what for."""
        return {
            "person": self.person_quota_bytes,
            "project": self.project_quota_bytes,
            "import_ratio": self.max_import_ratio,
        }

    @property
    def artifacts(self) -> str:
        """The artifact store's URL, the default filled in."""
        return self.artifact_url or str((self.data_dir / "artifacts").resolve())

    @property
    def base_url(self) -> str:
        """How callers reach the server."""
        scheme = "https" if self.tls_certificate else "http"
        host = f"[{self.host}]" if ":" in self.host else self.host
        if is_loopback(self.host) or self.host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
            host = "localhost"
        return self.public_url or f"{scheme}://{host}:{self.port}"


def _lacks_tls(database_url: str) -> bool:
    """Return whether PostgreSQL is elsewhere, and may be spoken to in plain text."""
    url = urlsplit(database_url)
    if url.scheme.startswith("sqlite"):
        return False
    query = parse_qs(url.query)
    hosts = [url.hostname, *query.get("host", []), os.environ.get("PGHOST")]
    host = next(filter(None, hosts), "")
    mode = query.get("sslmode", [os.environ.get("PGSSLMODE", "")])[0]
    is_near = host.startswith("/") or is_loopback(host)
    return not is_near and mode not in {"require", "verify-ca", "verify-full"}


def is_loopback(host: str) -> bool:
    """Return whether an address can be reached from this machine only."""
    if host in {"", "localhost"}:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def names_given() -> set[str]:
    """Return the names in the environment and in `.env`, of settings and of all else."""
    return {*os.environ, *map(str.upper, DotEnvSettingsSource(Settings).env_vars)}


def unknown_names(environment: Iterable[str]) -> list[str]:
    """Say which names begin as settings do and are none, with the nearest one that is."""
    known = {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
    found = []
    for name in sorted(environment):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            near = get_close_matches(name.upper(), known, 1)
            found.append(f"{name} is no setting" + (f": is it {near[0]}?" if near else "."))
    return found

"""What the operations of a running server share."""

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from sqlalchemy.exc import SQLAlchemyError

from projects_api.access.audit import Refusals
from projects_api.access.idempotency import Claims
from projects_api.access.key_uses import KeyUses
from projects_api.access.places import Places
from projects_api.access.rate_limit import RateLimit
from projects_api.access.rules import Means, ProjectsRules
from projects_api.access.tokens import Tokens
from projects_api.access.waiting import Waiters
from projects_api.database import Database
from projects_api.database.group_commit import GroupCommit
from projects_api.database.limits import Limits
from projects_api.engines import join_h2o
from projects_api.predictions import Predictions
from projects_api.settings import Settings
from projects_api.storage.artifacts import Artifacts
from projects_api.storage.quotas import Quotas
from projects_api.storage.readiness import Readiness, SharedAnswer
from projects_api.storage.store import ArtifactStore
from projects_api.tables import limit_cells
from projects_api.threads import Threads
from projects_api.webhooks.destinations import Destinations
from projects_api.webhooks.sending import Sender


@dataclass(frozen=True)
class Services:
    """One of each for a process."""

    settings: Settings
    database: Database
    artifacts: Artifacts
    rate_limit: RateLimit | None
    predictions: Predictions

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Open the database and the artifact store that the settings name."""
        database = Database(
            settings.database,
            connections=settings.threads,
            limits=Limits(**settings.database_limits),
        )
        quotas = Quotas(**settings.quotas)
        artifacts = Artifacts(database, ArtifactStore(settings.artifacts), quotas)
        limit_cells(settings.max_table_cells)
        join_h2o(settings.h2o_url, settings.h2o_user, settings.h2o_password)
        return cls(
            settings,
            database,
            artifacts,
            RateLimit(settings.rate_limit, settings.rate_limit_storage)
            if settings.rate_limit
            else None,
            Predictions(
                artifacts,
                processes=settings.prediction_processes,
                hot_bytes=settings.hot_model_bytes,
            ),
        )

    @cached_property
    def threads(self) -> Threads:
        """Where requests run."""
        return Threads(self.settings.threads)

    @cached_property
    def group_commit(self) -> GroupCommit:
        """Where requests change SQLite."""
        return GroupCommit(self.database)

    @cached_property
    def places(self) -> Places:
        """Which of them are for requests that take long."""
        return Places(self.settings.threads)

    @cached_property
    def claims(self) -> Claims:
        """What lets requests keep their idempotency keys for as long as they run."""
        return Claims(self.database)

    @cached_property
    def readiness(self) -> Readiness:
        """What tells whether the others can be worked with."""
        return Readiness(self.database, self.artifacts.store)

    @cached_property
    def shared(self) -> SharedAnswer:
        """Where requests without a key run, which take long."""
        return SharedAnswer()

    @cached_property
    def waiters(self) -> Waiters:
        """Who waits for jobs to end."""
        return Waiters(self.database)

    @cached_property
    def refusals(self) -> Refusals:
        """What writes down who was refused."""
        return Refusals(self.database, each_minute=self.settings.audit_refusals_per_minute)

    @cached_property
    def key_uses(self) -> KeyUses:
        """What notes when keys were last used."""
        return KeyUses(self.database)

    @cached_property
    def destinations(self) -> Destinations:
        """What judges where webhooks may lead."""
        return Destinations(allow_private=self.settings.webhooks_allow_private)

    @cached_property
    def sender(self) -> Sender:
        """What tells webhooks of events."""
        settings = self.settings
        return Sender(
            self.database,
            self.destinations,
            attempts=settings.webhook_attempts,
            retry_seconds=settings.webhook_retry_seconds,
            poll_seconds=settings.webhook_poll_seconds,
        )

    @cached_property
    def tokens(self) -> Tokens | None:
        """What finds callers behind tokens of an issuer, where there is one."""
        settings = self.settings
        if not settings.oidc_issuer or not settings.oidc_audience:
            return None
        return Tokens(
            self.database,
            settings.oidc_issuer,
            settings.oidc_audience,
            allowed_groups=settings.oidc_allowed_groups,
            scopes_claim=settings.oidc_scopes_claim,
        )

    @cached_property
    def sampling(self) -> SharedAnswer:
        """Where the database is asked for metrics, which nobody else waits behind."""
        return SharedAnswer()

    @cached_property
    def rules(self) -> ProjectsRules:
        """What requests must keep to."""
        means = Means(
            database=self.database,
            claims=self.claims,
            artifacts=self.artifacts,
            rate_limit=self.rate_limit,
            threads=self.threads,
            places=self.places,
            group_commit=self.group_commit,
            shared=self.shared,
            waiters=self.waiters,
            key_uses=self.key_uses,
            tokens=self.tokens,
            offered={
                "artifacts": self.artifacts,
                "database": self.database,
                "destinations": self.destinations,
                "predictions": self.predictions,
                "readiness": self.readiness,
            },
        )
        return ProjectsRules(means, _file_limits(self.settings))

    def close(self) -> None:
        """Let running requests end, then close the database and the prediction processes."""
        self.threads.shutdown()
        self.group_commit.close()
        self.shared.close()
        self.sampling.close()
        self.waiters.close()
        self.predictions.close()
        self.destinations.close()
        self.refusals.close()
        with suppress(SQLAlchemyError):  # the moment of a key's last use is not worth a failed end
            self.key_uses.write()
        self.database.close()


def _file_limits(settings: Settings) -> dict[str, int]:
    """Return what the contract's `x-limited-by` may name."""
    return {
        "max_upload_bytes": settings.max_upload_bytes,
        "max_import_bytes": settings.max_import_bytes,
    }

"""The application: put together, observed, documented, maintained and run."""

# Before whatever imports structlog, also in a process that begins here.
import projects_api.logs  # noqa: F401

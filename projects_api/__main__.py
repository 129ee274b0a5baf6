"""`python -m projects_api` is the command `projects-api`."""

from projects_api.cli import app

app(prog_name="projects-api")

"""`python -m projects_api` is the command `projects-api`."""

from projects_api.server.command_line import app

app(prog_name="projects-api")

"""Problems of teams."""

from projects_api.contract import NotFound, Problem


class TeamNotFound(NotFound):
    """No such team, or none that the caller may know of."""

    slug = "team-not-found"
    title = "No such team"
    detail = (
        "No team with this id is one that you are in, or that the project has. List the teams to "
        "see their ids."
    )


class TeamPersonNotFound(NotFound):
    """No such person in the team."""

    slug = "team-person-not-found"
    title = "No such person in the team"
    detail = "Nobody in this team has this user id. List the people of the team to see the ids."


class LastMaintainer(Problem):
    """A team always keeps a maintainer."""

    status = 409
    slug = "last-maintainer"
    title = "The last maintainer stays"
    detail = (
        "A team keeps at least one maintainer. Make another person a maintainer first, or delete "
        "the team."
    )


class TooManyTeams(Problem):
    """A person has made as many teams as one may."""

    status = 409
    slug = "too-many-teams"
    title = "Too many teams"
    detail = (
        "Of the teams that one person made, 20 exist at most. Delete one that is not needed any "
        "more."
    )


class TeamFull(Problem):
    """A team has as many people as it may."""

    status = 409
    slug = "team-full"
    title = "The team is full"
    detail = "A team has at most 100 people. Make another team for more."


class TooManyProjectTeams(Problem):
    """A project has as many teams as it may."""

    status = 409
    slug = "too-many-project-teams"
    title = "Too many teams in the project"
    detail = "A project has at most 20 teams. Remove one that is not needed any more."


class TooManyTeamProjects(Problem):
    """A team is in as many projects as it may be."""

    status = 409
    slug = "too-many-team-projects"
    title = "Too many projects of the team"
    detail = "A team is in at most 100 projects. Remove it from one that it does not need any more."

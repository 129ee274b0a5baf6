"""Problems of projects and their members."""

from projects_api.contract import NotFound, Problem


class ProjectNotFound(NotFound):
    """No such project, or none that the caller is a member of: nobody can tell which."""

    slug = "project-not-found"
    title = "No such project"
    detail = "No project with this id exists among those that you own or that are shared with you."


class MemberNotFound(NotFound):
    """No such member of the project."""

    slug = "member-not-found"
    title = "No such member"
    detail = "No member of this project has this user id. List the members to see the ids."


class LastOwner(Problem):
    """A project always keeps an owner."""

    status = 409
    slug = "last-owner"
    title = "The last owner stays"
    detail = "A project keeps at least one owner. Make another member an owner first."


class MemberThroughTeam(Problem):
    """A member is to go who is one by a team alone."""

    status = 409
    slug = "member-through-team"
    title = "A team makes the person a member"
    detail = (
        "The person is a member by a team alone. Take the person out of the team, as the person "
        "may do too, or the team out of the project; list the teams of the project to see them."
    )


class QuotaReached(Problem):
    """What is to be kept does not fit into the quota of the person or of the project."""

    status = 413
    slug = "quota-exceeded"
    title = "The quota is used up"


class ExportRefused(Problem):
    """The uploaded archive is no export, or not a whole one."""

    status = 422
    slug = "not-an-export"
    title = "The file is not an export"

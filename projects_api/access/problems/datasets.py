"""Problems of data sets and their tables."""

from projects_api.contract import NotFound, Problem


class DatasetNotFound(NotFound):
    """No such data set in a project of the caller."""

    slug = "dataset-not-found"
    title = "No such data set"
    detail = "No data set with this id exists in a project that you are a member of."


class DatasetVersionNotFound(NotFound):
    """No such version of a data set in the project."""

    slug = "dataset-version-not-found"
    title = "No such data set version"
    detail = (
        "No version of a data set of this project has this id or number. List the versions of the "
        "data set to see them."
    )


class CompressionRefused(Problem):
    """The files of an archive are too many times as large as the archive."""

    status = 413
    slug = "compression-ratio-exceeded"
    title = "The archive is packed too densely"


class TableRefused(Problem):
    """The uploaded file is no table."""

    status = 422
    slug = "not-a-table"
    title = "The file is not a table"


class UnknownColumn(Problem):
    """The table has no column of the name that was given."""

    status = 422
    slug = "unknown-column"
    title = "The table has no such column"

"""Problems of models and deployments."""

from projects_api.contract import NotFound, Problem


class ModelNotFound(NotFound):
    """No such model in a project of the caller."""

    slug = "model-not-found"
    title = "No such model"
    detail = "No model with this id exists in a project that you are a member of."


class ModelUnusable(Problem):
    """The model cannot answer: its file is damaged, refused, or too heavy for what was asked."""

    status = 409
    slug = "model-unusable"
    title = "The model cannot be used"


class ModelDeployed(Problem):
    """The model cannot go while a deployment answers with it."""

    status = 409
    slug = "model-deployed"
    title = "The model is deployed"
    detail = "The model answers in an active deployment. Deactivate the deployment first."


class DeploymentNotFound(NotFound):
    """No such deployment in a project of the caller."""

    slug = "deployment-not-found"
    title = "No such deployment"
    detail = "No deployment with this id exists in a project that you are a member of."


class DeploymentInactive(Problem):
    """The deployment answers no longer."""

    status = 409
    slug = "deployment-inactive"
    title = "The deployment is not active"
    detail = (
        "The deployment does not answer: it was archived or deactivated. Promote it, or ask "
        "another one."
    )


class NothingToRollBack(Problem):
    """No deployment is there to take the place of this one again."""

    status = 409
    slug = "nothing-to-roll-back"
    title = "There is nothing to go back to"
    detail = (
        "The deployment is not in production, or what it replaced there is not archived any more. "
        "Promote the deployment that should be in production."
    )


class InputsRefused(Problem):
    """The rows are not what the model takes."""

    status = 422
    slug = "inputs-refused"
    title = "The inputs do not fit the model"

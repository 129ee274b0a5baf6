"""Problems of webhooks."""

from projects_api.contract import NotFound, Problem


class WebhookNotFound(NotFound):
    """No such webhook in a project of the caller."""

    slug = "webhook-not-found"
    title = "No such webhook"
    detail = "No webhook with this id exists in a project that you are a member of."


class DeliveryNotFound(NotFound):
    """The webhook has no such delivery."""

    slug = "delivery-not-found"
    title = "No such delivery"
    detail = "The webhook has no delivery with this id, or it was forgotten."


class TooManyWebhooks(Problem):
    """A project has as many webhooks as it may."""

    status = 409
    slug = "too-many-webhooks"
    title = "Too many webhooks"
    detail = "A project has at most 20 webhooks. Delete one that is not needed any more."


class UrlRefused(Problem):
    """An address is not one that the server sends to."""

    status = 422
    slug = "address-refused"
    title = "The address is refused"

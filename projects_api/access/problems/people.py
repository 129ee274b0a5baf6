"""Problems of people and the programs that they answer for."""

from projects_api.contract import NotFound, Problem


class PersonNotFound(NotFound):
    """Nobody with this id is registered."""

    slug = "person-not-found"
    title = "No such person"
    detail = "Nobody with this id is registered on this server. List the people to see the ids."


class UserNotRegistered(NotFound):
    """Nobody with this address is registered on this server."""

    slug = "user-not-registered"
    title = "No such user"


class PersonDeactivated(Problem):
    """Somebody who is deactivated is to maintain a team."""

    status = 409
    slug = "person-deactivated"
    title = "The person is deactivated"
    detail = (
        "Who is deactivated can maintain no team. Choose another person, or ask the server's "
        "operator to activate this one."
    )


class OwnerDeactivated(Problem):
    """A service account is to be activated whose owner is deactivated."""

    status = 409
    slug = "owner-deactivated"
    title = "The account's owner is deactivated"
    detail = (
        "A service account works only as long as the person does who answers for it. Activate the "
        "owner first."
    )


class AddressTaken(Problem):
    """Somebody with this e-mail address is registered already."""

    status = 409
    slug = "address-taken"
    title = "The address is registered already"
    detail = "Somebody with this e-mail address is registered. List the people to find the person."


class OwnAccount(Problem):
    """Operators do not shut themselves out."""

    status = 409
    slug = "own-account"
    title = "You would shut yourself out"
    detail = "Nobody deactivates themselves. Ask another operator to do it."


class ServiceAccountNotFound(NotFound):
    """No such service account of the caller."""

    slug = "service-account-not-found"
    title = "No such service account"
    detail = "No service account of yours has this id. List the service accounts to see their ids."


class TooManyServiceAccounts(Problem):
    """A person has as many service accounts as one may."""

    status = 409
    slug = "too-many-service-accounts"
    title = "Too many service accounts"
    detail = "A person has at most 20 service accounts. Delete one that is not needed any more."


class QuotaOfOwner(Problem):
    """A service account is to get a quota, and what it keeps counts as its owner's."""

    status = 409
    slug = "quota-of-owner"
    title = "The quota is the owner's"
    detail = (
        "What a service account keeps counts as its owner's, and a quota of its own would have no "
        "effect. Set the owner's."
    )

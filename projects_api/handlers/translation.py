"""What errors of the rooms below are to a caller."""

from collections.abc import Iterator
from contextlib import contextmanager

from projects_api.access.problems import (
    DatasetVersionNotFound,
    EngineUnavailable,
    InputsRefused,
    ModelUnusable,
    QuotaReached,
    TableRefused,
    Unavailable,
    UrlRefused,
)
from projects_api.contract.parameters import describe
from projects_api.predictions.faults import EngineMissing, ModelFault, RowsRefused, ThresholdRefused
from projects_api.processes.turns import QueueFull
from projects_api.storage.profiles import TooManyReaders, VersionNotFound
from projects_api.storage.quotas import QuotaExceeded
from projects_api.tables import NotATable
from projects_api.webhooks.destinations import AddressRefused


@contextmanager
def translated() -> Iterator[None]:
    """Raise as a problem what tables and models raise in a block."""
    try:
        yield
    except NotATable as refused:
        raise TableRefused(refused.reason) from refused
    except VersionNotFound as missing:
        raise DatasetVersionNotFound from missing
    except (TooManyReaders, QueueFull) as busy:
        raise Unavailable(
            "Too many tables are read, or models asked, right now. Repeat the request later."
        ) from busy
    except AddressRefused as refused:
        error = {"location": "body", "pointer": "/url", "message": refused.reason}
        raise UrlRefused(
            f"{refused.reason} Register an address of the public internet that begins with "
            "https://, or ask the server's operator to allow others.",
            errors=[error],
        ) from refused
    except QuotaExceeded as full:
        raise QuotaReached(str(full)) from full
    except ModelFault as fault:
        raise ModelUnusable(fault.reason) from fault
    except EngineMissing as fault:
        raise EngineUnavailable(fault.reason) from fault
    except ThresholdRefused as refused:
        error = {"location": "body", "pointer": refused.pointer, "message": refused.reason}
        raise InputsRefused(describe([error]), errors=[error]) from refused
    except RowsRefused as refused:
        raise _inputs_refused(refused) from refused


def _inputs_refused(refused: RowsRefused) -> InputsRefused:
    errors = [
        {
            "location": "body",
            "pointer": f"{refused.root}{pointer}"[:1000],
            "message": message[:1000],
        }
        for pointer, message in refused.faults
    ]
    return InputsRefused(describe(errors), errors=errors)

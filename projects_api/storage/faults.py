"""The faults of the database and the store that go by, and those that stay."""

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from projects_api.driver_faults import DiskFull
from projects_api.files.spool import StorageFull, StorageUnavailable
from projects_api.storage.store import ContentMissing, ContentWrong

LOST = (ContentMissing, ContentWrong)
"""The store answers, and no longer has what was put there. To be caught before `PASSING`."""
FULL = (DiskFull, StorageFull)
"""The disk of the database or of the store has no room. To be caught before `PASSING`."""
PASSING = (OperationalError, InterfaceError, PoolTimeout, StorageUnavailable)
"""The database or the store does not answer; it may answer later."""

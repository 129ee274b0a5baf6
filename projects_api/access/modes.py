"""Modes: the ways in which a request passes through the server."""

from enum import Enum, auto

from projects_api.contract.rules import Operation

SLOW = frozenset({"artifacts", "database", "predictions"})
"""What a handler takes that may make it wait."""


class Mode(Enum):
    """How a request with a key is done.

    | mode | where | its connection | what the handler sees | committed |
    | --- | --- | --- | --- | --- |
    | `QUICK_READ` | event loop | the event loop's own | a transaction that has begun | never |
    | `READ` | thread | its thread's, or from the pool | a transaction that has begun | never |
    | `WRITE` | thread | a writer's, in turn | a transaction, its project locked | at the end |
    | `DOWNLOAD` | thread | a snapshot that may write | no transaction: it begins one | at the end |
    | `UPLOAD` | thread | a writer's, in turn | no transaction: it begins one | at the end |
    | `OWN_TRANSACTIONS` | thread | from the pool | no transaction, but the database | by itself |

    Writes of SQLite are done by one thread, and share commits (`database/group_commit.py`).

    The rules always begin one, to admit the caller and to find the project. Where the handler
    sees none, that one has ended: nothing stays locked while bytes move or a table is read.
    """

    QUICK_READ = auto()
    READ = auto()
    WRITE = auto()
    DOWNLOAD = auto()
    UPLOAD = auto()
    OWN_TRANSACTIONS = auto()

    @classmethod
    def of(cls, operation: Operation, scope: str, *, is_embedded: bool) -> "Mode":
        """Decide from what the contract declares and what the handler takes."""
        if operation.takes_file or "destinations" in operation.taken:
            return cls.UPLOAD  # Names are looked up as long as nobody else's writing waits.
        if operation.sends_file:
            return cls.DOWNLOAD
        if "database" in operation.taken and "connection" not in operation.taken:
            return cls.OWN_TRANSACTIONS
        # A prediction takes time in which nobody else should wait to write.
        if operation.method != "get" and scope != "predict":
            return cls.WRITE
        # A read of SQLite or of nothing waits for nobody: a thread would only cost time.
        if is_embedded and operation.taken.isdisjoint(SLOW):
            return cls.QUICK_READ
        return cls.READ

    @property
    def writes(self) -> bool:
        """Return whether its connection may write, and is committed."""
        return self in {Mode.WRITE, Mode.DOWNLOAD, Mode.UPLOAD}

    @property
    def changes(self) -> bool:
        """Return whether what is kept is another one afterwards, which the audit log tells of."""
        return self in {Mode.WRITE, Mode.UPLOAD}

    @property
    def takes_long(self) -> bool:
        """Return whether tables are read in it, or files taken over, for as long as it takes."""
        return self in {Mode.UPLOAD, Mode.OWN_TRANSACTIONS}

    @property
    def ends_first(self) -> bool:
        """Return whether the rules' own transaction has ended when the handler is called."""
        return self in {Mode.DOWNLOAD, Mode.UPLOAD, Mode.OWN_TRANSACTIONS}

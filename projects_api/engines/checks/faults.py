"""What a check says of a number that does not fit."""


class Fault(ValueError):
    """A number in a model that cannot be what a training left there; its text says which."""


def require(holds: object, fault: str) -> None:
    """Raise `Fault` with a text unless something holds."""
    if not holds:
        raise Fault(fault)

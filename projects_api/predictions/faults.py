"""Why a model is not asked, or does not answer."""


class PredictionFault(Exception):
    """What is wrong; `reason` tells the caller what to do."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ModelFault(PredictionFault):
    """The model cannot answer: its file is damaged, refused, or too heavy for what was asked."""


class EngineMissing(PredictionFault):
    """What the model needs is not on this machine."""


class ThresholdRefused(PredictionFault):
    """The model has no threshold to set; `pointer` is the place of the one that was sent."""

    def __init__(self, pointer: str) -> None:
        super().__init__("is for models that tell two labels apart: this one does not")
        self.pointer = pointer


class RowsRefused(PredictionFault):
    """What was sent is not what the model takes or gives.

    `faults` are pointers with a message, in the property of the body at `root`.
    """

    def __init__(self, faults: list[tuple[str, str]], root: str = "/inputs") -> None:
        super().__init__("this is not what the model takes or gives")
        self.faults = faults
        self.root = root

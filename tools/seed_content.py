"""What the seed of a server for tests holds: drawn card payments, and models trained on them."""

import csv
import random
from collections.abc import Mapping
from math import exp
from pathlib import Path
from typing import Any

import duckdb
from flaml.automl.task.factory import task_factory

from projects_api.engines import (
    Candidate,
    Task,
    TrainingConfig,
    TrainingResult,
    data_summary,
    table,
)
from projects_api.engines.flaml import candidates
from projects_api.engines.flaml.fitting import Clock, fit
from projects_api.engines.flaml.shared import Shared
from projects_api.engines.flaml.validation import Validated
from projects_api.engines.interface import rank
from projects_api.engines.training_data import TrainingData, prepare
from projects_api.tables import convert_table

ROWS = 50_000
CHARGEBACKS = 1_840
CUSTOMERS = 500
MERCHANTS = 1_200
UNCATEGORISED = 144
NIGHT = range(6)
SUSPICIOUS = range(40, 200)
TARGET = "is_fraud"
CHANNELS = ("chip", "contactless", "online", "stripe")
CATEGORIES = ("food", "fuel", "fashion", "travel", "games", "health")
COLUMNS = (
    "transaction_id",
    "customer",
    "merchant",
    "category",
    "channel",
    "amount",
    "hour",
    "weekday",
    "abroad",
    "night",
    "first_purchase",
    "distance_km",
    "purchases_today",
    "card_age_years",
    TARGET,
)
CONFIG = {"max_runtime_secs": 600, "max_models": 4, "seed": 42}
Rows = list[tuple[Any, ...]]

MERCHANT_COLUMNS = (
    "merchant_id",
    "name",
    "category",
    "country",
    "online",
    "since",
    "terminals",
    "contested_percent",
)


SEARCHED = (
    ("GBM", "lgbm"),
    ("DRF", "rf"),
    ("XRT", "extra_tree"),
    ("GLM", "lrl2"),
)


def make_transactions(random_numbers: random.Random) -> Rows:
    """Draw card payments; frauds are likelier online, abroad, at night and for large amounts."""
    rows: Rows = []
    for number in range(1, ROWS + 1):
        hour = random_numbers.randrange(24)
        abroad = random_numbers.choices((0, 1), (16, 1))[0]
        first = random_numbers.choices((0, 1), (4, 1))[0]
        channel = random_numbers.choices(CHANNELS, (5, 8, 6, 1))[0]
        amount = int(random_numbers.lognormvariate(3, 1)) + 1
        today = random_numbers.choice((0, 0, 0, 1, 1, 2, 5))
        night = int(hour in NIGHT)
        # What counts is what comes together, and that is hard for models that only add up.
        risk = (
            3 * abroad * (1 - night) + 4 * night * first + 3 * (amount in SUSPICIOUS) * (today > 1)
        )
        rows.append(
            (
                number,
                random_numbers.randrange(1, CUSTOMERS + 1),
                random_numbers.randrange(1, MERCHANTS + 1),
                random_numbers.choice(CATEGORIES),
                channel,
                amount,
                hour,
                random_numbers.randrange(1, 8),
                abroad,
                night,
                first,
                random_numbers.choice((1, 2, 3, 5, 8)) * (100 if abroad else 1),
                today,
                random_numbers.randrange(6),
                int(random_numbers.random() < 1 / (1 + exp(5 - risk))),
            )
        )
    return rows


def make_merchants(random_numbers: random.Random) -> Rows:
    """Draw merchants; the category of some is not known."""
    unknown = set(random_numbers.sample(range(1, MERCHANTS + 1), UNCATEGORISED))
    return [
        (
            number,
            f"Merchant {number:04}",
            "" if number in unknown else random_numbers.choice(CATEGORIES),
            random_numbers.choice(("DE", "FR", "GB", "IT", "PL", "US")),
            random_numbers.randrange(2),
            random_numbers.randrange(1990, 2026),
            random_numbers.choice((1, 1, 1, 2, 4, 12)),
            random_numbers.randrange(50) / 10,
        )
        for number in range(1, MERCHANTS + 1)
    ]


def write_csv(path: Path, header: tuple[str, ...], rows: Rows) -> Path:
    """Write a table."""
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
    return path


def write_parquet(path: Path, source: Path) -> Path:
    """Write what became of the first payments that were contested, as Parquet."""
    with duckdb.connect() as connection:
        connection.execute(
            f"""
            COPY (
                SELECT transaction_id, customer, amount, channel,
                       DATE '2026-01-01' + CAST(transaction_id % 28 AS INTEGER) AS contested_on,
                       {TARGET} = 1 AS accepted
                FROM read_csv(?) ORDER BY {TARGET} DESC, transaction_id LIMIT {CHARGEBACKS}
            ) TO '{path}' (FORMAT parquet, COMPRESSION zstd)
            """,  # noqa: S608 - COPY takes no parameters for these
            [str(source)],
        )
    return path


def train(folder: Path, source: Path, version: Mapping[str, Any], run: int) -> TrainingResult:
    """Train four models of an experiment, small enough to be packaged; later runs try harder.

    Everything is as the engine makes it but for the settings, which are given and not searched.
    """
    parquet_file = folder / f"{source.stem}.parquet"
    convert_table(source, version["dialect"], "parquet", parquet_file)
    config = TrainingConfig.from_mapping(CONFIG)
    order = Task(parquet_file, TARGET, "classification", config)
    data = table.read(order, Quiet())
    prepared = prepare(data, config)
    signature = data_summary.signature(data, order)
    found = [
        _fit(
            folder,
            prepared,
            signature,
            name=f"{kind} {run + 1}",
            kind=kind,
            learner=learner,
            run=run,
        )
        for kind, learner in SEARCHED
    ]
    return TrainingResult(
        rank(found, "auc"),
        signature,
        data_summary.reference(data, config.seed),
        "auc",
    )


def _fit(
    folder: Path,
    prepared: TrainingData,
    signature: dict[str, Any],
    *,
    name: str,
    kind: str,
    learner: str,
    run: int,
) -> Candidate:
    trees: dict[str, Any] = {"n_estimators": 4 + run, "max_leaves": 8}
    settings: dict[str, dict[str, Any]] = {
        "lgbm": {"n_estimators": 24 + 6 * run, "num_leaves": 10, "learning_rate": 0.2},
        "rf": {**trees, "max_features": 0.5, "criterion": "gini"},
        "extra_tree": {**trees, "max_features": 0.5, "criterion": "gini"},
        "lrl2": {"C": 10.0 ** (1 - run)},
    }
    clock = Clock(3600)
    model = fit(
        learner,
        task=task_factory("binary"),
        config=settings[learner],
        values=prepared.values,
        target=prepared.target,
        weights=None,
        seed=run,
        seconds=clock.left(),
    )
    shared = Shared(prepared, "binary", folder, "auc", signature, seed=run)
    validated = Validated({}, prepared.decide([]), None, None, ())
    seconds = round(clock.spent(), 3)
    about = candidates.About(name, kind, settings[learner], seconds, validated)
    return candidates.make(model, shared, about)


class Quiet:
    """Nobody to tell how far a training is."""

    def report(
        self, percent: float, *, stage: str | None = None, seconds_left: float | None = None
    ) -> None:
        """Take how much is done."""

    def log(self, message: str) -> None:
        """Take a line."""

    def count(self, candidates: int) -> None:
        """Take how many models there are."""

    def is_to_stop(self) -> bool:
        """Let it go on to its end."""
        return False

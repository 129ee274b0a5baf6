"""What the seed of a server for tests holds: drawn card payments, and models trained on them."""

import csv
import random
from collections.abc import Iterator
from math import exp
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import skops.io
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

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
FEATURES = COLUMNS[5:-1]
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


class Trained(NamedTuple):
    """A model on disk, its family, and what it scored on rows that it has not seen."""

    path: Path
    name: str
    family: str
    metrics: dict[str, float]


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


def train(folder: Path, rows: Rows) -> Iterator[Trained]:
    """Train twelve models, four for each of three experiments, small enough to be packaged."""
    columns = [COLUMNS.index(name) for name in FEATURES]
    table = np.array([[row[i] for i in columns] for row in rows], dtype=float)
    target = np.array([row[-1] for row in rows])
    split = ROWS * 4 // 5
    for run in range(3):
        models = {
            "GBM": GradientBoostingClassifier(n_estimators=8 + 4 * run, random_state=run),
            "GLM": make_pipeline(StandardScaler(), LogisticRegression(C=10.0 ** (1 - run))),
            "DRF": RandomForestClassifier(6 + run, max_depth=4, random_state=run),
            "NaiveBayes": GaussianNB(var_smoothing=10.0 ** (run - 9)),
        }
        for family, model in models.items():
            model.fit(table[:split], target[:split])
            probability = model.predict_proba(table[split:])[:, 1]
            path = folder / f"{run}-{family}.skops"
            path.write_bytes(skops.io.dumps(model, compression=8, compresslevel=9))
            known = target[split:]
            scores = {
                "auc": roc_auc_score(known, probability),
                "accuracy": accuracy_score(known, probability > 0.5),  # noqa: PLR2004 - even odds
                "logloss": log_loss(known, probability),
            }
            metrics = {name: round(float(score), 6) for name, score in scores.items()}
            yield Trained(path, f"{family} {run + 1}", family, metrics)

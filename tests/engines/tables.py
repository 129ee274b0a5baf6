"""Tables for trainings: real ones that scikit-learn ships, and one with all that is awkward."""

import numpy as np
import pandas as pd
import sklearn.datasets

from projects_api.engines.splitting import hold_out


def breast_cancer() -> pd.DataFrame:
    return sklearn.datasets.load_breast_cancer(as_frame=True).frame


def wine() -> pd.DataFrame:
    frame = sklearn.datasets.load_wine(as_frame=True).frame
    return frame.assign(target=frame["target"].map({0: "barolo", 1: "grignolino", 2: "barbera"}))


def digits() -> pd.DataFrame:
    return sklearn.datasets.load_digits(as_frame=True).frame


def diabetes() -> pd.DataFrame:
    return sklearn.datasets.load_diabetes(as_frame=True).frame


def titanic(rows: int = 300) -> pd.DataFrame:
    """Passengers, of whom some survive, by rules with noise: every kind of column, and gaps."""
    random = np.random.default_rng(1912)
    sex = random.choice(["male", "female"], rows, p=[0.65, 0.35])
    class_ = random.choice([1, 2, 3], rows, p=[0.25, 0.2, 0.55])
    age = np.where(random.random(rows) < 0.2, np.nan, random.normal(30, 13, rows).clip(0.5, 80))
    title = np.where(sex == "male", np.where(age < 14, "Master", "Mr"), "Mrs")
    families = [f"Family{number}" for number in range(rows // 2)]
    given = ["John", "Mary", "Ada", "Otto"]
    names = [
        f"{random.choice(families)}, {word}. {random.choice(given)} {number}"
        for number, word in enumerate(title)
    ]
    alone = random.random(rows) < 0.6
    cabin = np.where(random.random(rows) < 0.7, None, random.choice([*"ABCDEF"], rows))
    town = [f"town {number}" for number in random.integers(0, 60, rows)]
    days = pd.Timestamp("1912-04-10T09:30") + pd.to_timedelta(random.integers(0, 3, rows), "D")
    boarded = pd.Series(days).where(random.random(rows) > 0.05)
    odds = 2.4 * (sex == "female") - 0.9 * (class_ - 2) - 0.02 * (np.nan_to_num(age, nan=30) - 30)
    survived = random.random(rows) < 1 / (1 + np.exp(-(odds - 1)))
    return pd.DataFrame(
        {
            "PassengerId": range(1, rows + 1),
            "survived": survived,
            "class": class_,
            "name": names,
            "sex": sex,
            "age": age,
            "alone": alone,
            "fare": random.lognormal(3, 1, rows) / class_,
            "cabin deck": cabin,
            "home": town,
            "boarded": boarded,
            "ship": "Titanic",
            "ticket": [f"T{number:06}" for number in random.permutation(rows)],
        }
    )


def held_out(trained):
    """The rows that the training held out, by position, and all others."""
    target = trained.frame[trained.task.target]
    if trained.task.problem_type == "regression":
        return hold_out(target.to_numpy(), 0, trained.task.config.seed)
    labels, codes = np.unique(target.to_numpy(), return_inverse=True)
    return hold_out(codes, len(labels), trained.task.config.seed)

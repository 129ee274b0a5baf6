"""What attacks need: models of each kind to forge, and a running installation to break."""

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import ExtraTreesRegressor, RandomForestClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, TargetEncoder
from xgboost import XGBClassifier

from projects_api.engines.transformers import Numbers, WordWeights
from tests.support.fixtures import deployment, kinds, local, s3_server, start, work, workers

__all__ = ["deployment", "kinds", "local", "s3_server", "start", "work", "workers"]

ESTIMATORS = {
    "forest": lambda: RandomForestClassifier(n_estimators=2, max_depth=4, random_state=1),
    "extra trees": lambda: ExtraTreesRegressor(n_estimators=2, max_depth=4, random_state=1),
    "lightgbm": lambda: LGBMClassifier(n_estimators=3, n_jobs=1, verbose=-1),
    "lightgbm numbers": lambda: LGBMRegressor(n_estimators=3, n_jobs=1, verbose=-1),
    "xgboost": lambda: XGBClassifier(n_estimators=3, max_depth=3, n_jobs=1),
}


@pytest.fixture(scope="session")
def table() -> pd.DataFrame:
    random = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "amount": random.normal(size=120),
            "plan": random.choice(["a", "b", "c"], 120),
            "town": random.choice(["x", "y", "z"], 120),
            "text": random.choice(["red sky", "blue sea", "red sea"], 120),
        }
    )


@pytest.fixture
def fitted(table):
    """Fit a pipeline as trainings make them."""

    def fit(kind: str) -> Pipeline:
        preparation = ColumnTransformer(
            [
                ("number", Numbers(), [0]),
                ("few", OneHotEncoder(handle_unknown="ignore", sparse_output=False), [1]),
                ("many", TargetEncoder(target_type="multiclass", random_state=1), [2]),
                ("text", WordWeights(max_features=50, token_pattern=r"\w+"), 3),
            ],
            sparse_threshold=0,
        )
        target = (table["amount"] > 0).astype(int) + (table["amount"] > 1)
        values = preparation.fit_transform(table, target)
        model = ESTIMATORS[kind]().fit(values, target)
        return Pipeline([("prepare", preparation), ("model", model)])

    return fit

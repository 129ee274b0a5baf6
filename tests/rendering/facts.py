"""Facts for reports: what the tables hold after trainings, with names that people may choose."""

from typing import Any

NAMES = (
    "<script>alert('x')</script>",
    "$\\frac{a}{$ __",
    "שם עמודה",
    "emoji 🐟 日本",
    "x" * 255,
    "\u202eturned-->]]>&amp;\n\"'",
)
MOMENT = "2026-02-10T09:40:00Z"


def project() -> dict[str, Any]:
    return {
        "id": "p",
        "name": "<h1>Πρόβλεψη</h1> прогноз",
        "description": "Who leaves,\nand <why>?",
        "dataset_count": 2,
        "experiment_count": 2,
        "model_count": 4,
        "created_at": "2026-02-10T09:00:00Z",
    }


def dataset(name: str = NAMES[0]) -> dict[str, Any]:
    issue = {"kind": "missing_values", "column": NAMES[4], "message": "7 of 90 cells are empty."}
    return {
        "name": name,
        "version": 1,
        "rows": 1200,
        "columns": 7,
        "size_bytes": 96310,
        "quality": {"overall_score": 98.5, "issues": [issue]},
    }


def experiment(kind: str, **changes: Any) -> dict[str, Any]:
    inputs = {
        name: {"kind": "number", "missing": 10 * place, "counts": [], "edges": []}
        for place, name in enumerate(NAMES)
    }
    return {
        "id": kind,
        "name": f"Run <i>{kind}</i>",
        "status": "succeeded",
        "target_column": NAMES[0],
        "problem_type": kind,
        "best_model_type": "GBM",
        "duration": 342.0,
        "engine": "flaml",
        "config": {"max_models": 20, "exclude_algos": ["DRF"], "sort_metric": "AUTO"},
        "message": None,
        "signature": {"inputs": [{"name": name, "kind": "number"} for name in NAMES]},
        "reference": {"rows": 900, "inputs": inputs},
        "started_at": MOMENT,
        "created_at": MOMENT,
        **changes,
    }


def models(kind: str) -> list[dict[str, Any]]:
    """Give two models in the order of the leaderboard, the first with all that can be shown."""
    scores = {
        "classification": (
            {"auc": 0.9375, "logloss": 0.25, "cv_auc": 0.875},
            {"auc": 0.8125, "logloss": 0.5},
        ),
        "regression": ({"rmse": 56.5, "r2": 0.5}, {"rmse": 60.25, "r2": 0.25}),
    }[kind]
    explained = [
        {"feature": name, "importance": 0.5 - 0.11 * place, "deviation": 0.01}
        for place, name in enumerate(NAMES)
    ]
    shap = [{"feature": name, "mean_absolute": 0.4} for name in NAMES]
    return [
        {
            "id": f"{kind}-{rank}",
            "experiment_id": kind,
            "name": f"GBM {rank} {NAMES[3]}",
            "model_type": "GBM",
            "engine": "flaml",
            "rank": rank,
            "is_best": rank == 1,
            "metrics": metrics,
            "parameters": {"learning_rate": 0.1, "max_depth": None},
            "explanation": {"permutation_importance": explained, "shap": shap},
            "evaluation": evaluation(kind),
            "training_seconds": 1.25,
        }
        for rank, metrics in enumerate(scores, start=1)
    ]


def evaluation(kind: str) -> dict[str, Any]:
    if kind == "regression":
        return {"rows": 3, "residuals": [[1.0, 2.0], [3.0, 2.5], [4.0, 4.5]]}
    labels = list(NAMES[:5])
    points = [[0.0, 0.0], [0.1, 0.9], [1.0, 1.0]]
    return {
        "rows": 60,
        "class_balance": dict(zip(labels, (20, 15, 12, 10, 3), strict=True)),
        "confusion": {"labels": labels, "matrix": [[8, 1, 0, 2, 3]] * 5},
        "roc": [{"label": one, "auc": 0.9, "points": points} for one in labels],
        "precision_recall": [
            {"label": one, "average_precision": 0.8, "points": points} for one in labels
        ],
    }


def report(kind: str, **changes: Any) -> dict[str, Any]:
    facts = {
        "kind": kind,
        "title": "Churn <b>&</b> שלום",
        "sections": None,
        "created_at": "2026-02-11T08:00:00Z",
        "project": project(),
        "datasets": [dataset()],
        "experiments": [experiment("classification")],
        "models": models("classification"),
        "deployments": [],
        "detailed": [],
        "model_id": None,
    }
    return {**facts, **changes}

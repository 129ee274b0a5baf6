"""A training by the engine `h2o` in a cluster, as a program: URL FOLDER TARGET MODELS."""

import json
import sys
from pathlib import Path

from projects_api import engines
from projects_api.engines import Task, TrainingConfig
from tests.engines.test_h2o_cluster import PASSWORD, USER, Silent


def main() -> None:
    url, folder, target, models = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    engines.join_h2o(url, USER, PASSWORD)
    config = TrainingConfig(max_models=models, nfolds=2, exclude_algos=("StackedEnsemble",))
    task = Task(folder / "table.parquet", target, "classification", config)
    result = engines.train("h2o", task, folder, Silent())
    board = [[one.name, one.metrics, one.parameters["seed"]] for one in result.candidates]
    (folder / "board.json").write_text(json.dumps(board))


if __name__ == "__main__":
    main()

"""The ensemble of a training: made of its best models, where that is better than each of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from projects_api.engines import model_files
from projects_api.engines.calibration import Answers
from projects_api.engines.ensemble import Choice, Ensemble, EnsembleOfLabels, combine, select
from projects_api.engines.evaluation import loss
from projects_api.engines.flaml import candidates
from projects_api.engines.flaml.shared import Shared
from projects_api.engines.flaml.validation import Validated, judge
from projects_api.engines.interface import ENSEMBLE, Candidate, TrainingConfig

LEAST_MODELS = 2
_MOST_BYTES = 1 << 29


class NoEnsemble(Exception):
    """There is no ensemble; the text says why."""


def is_wanted(config: TrainingConfig, learners: int) -> bool:
    """Tell whether the last place is left for an ensemble: each learner has its turn before."""
    excluded = {name.lower() for name in config.exclude_algos}
    is_allowed = ENSEMBLE.lower() not in excluded and learners >= LEAST_MODELS
    return is_allowed and config.max_models > learners


@dataclass(frozen=True, slots=True)
class _Member:
    candidate: Candidate
    weight: float


def make(choice: Choice, found: list[Candidate], shared: Shared) -> tuple[Candidate, Validated]:
    """Make an ensemble of the best of what was found. Raises `NoEnsemble`."""
    by, models = shared.sort_metric, choice.models

    def validate(said: Answers) -> Validated:
        return judge(said, shared.data, {by}, mends=False)

    answers = [said for _, said in models]
    weights = select(answers, lambda said: loss(by, validate(said).scores.get(by)))
    validated = validate(combine(answers, weights))
    if not loss(by, validated.scores.get(by)) < choice.lowest:
        raise NoEnsemble(f"none has a better {by} than the best model")
    named = {one.name: one for one in found}
    members = [
        _Member(named[name], float(weight))
        for (name, _), weight in zip(models, weights, strict=True)
        if weight
    ]
    return _fitted(members, shared, validated), validated


def _fitted(members: list[_Member], shared: Shared, validated: Validated) -> Candidate:
    """Make an ensemble of models as their files hold them."""
    if sum(one.candidate.path.stat().st_size for one in members) > _MOST_BYTES:
        raise NoEnsemble("its models would be too large together")
    kind: Any = EnsembleOfLabels if shared.data.label_count else Ensemble
    about = candidates.About(
        name=f"{ENSEMBLE}_1",
        model_type=ENSEMBLE,
        parameters={
            "models": [{"name": one.candidate.name, "weight": one.weight} for one in members]
        },
        seconds=sum(one.candidate.training_seconds for one in members),
        validated=validated,
    )
    try:
        models = [model_files.load(one.candidate.path).steps[-1][1] for one in members]
        model = kind(models, np.array([one.weight for one in members]))
        return candidates.make(model, shared, about)
    except model_files.ModelRefused as refused:
        raise NoEnsemble(str(refused)) from refused

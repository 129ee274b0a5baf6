"""The whole story with the Python client that openapi-generator generates."""

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from projects_client import (
    ApiClient,
    ApiException,
    Configuration,
    DatasetEvent,
    DatasetsApi,
    DeploymentCreate,
    DeploymentsApi,
    DeploymentStage,
    ExperimentConfig,
    ExperimentCreate,
    ExperimentRequestedType,
    ExperimentsApi,
    ExportApi,
    MemberAdd,
    MemberRole,
    MembersApi,
    PredictionOptions,
    PredictionRequest,
    Problem,
    ProjectCreate,
    ProjectsApi,
    ProjectUpdate,
    TimelineApi,
    TrainedModelsApi,
)


def sign_in(api_key: str) -> ApiClient:
    """Make a client that calls as the key's owner."""
    return ApiClient(Configuration(host=os.environ["BASE_URL"], access_token=api_key))


def report(call: Callable[..., object], *arguments: object) -> None:
    """Call and print what kind of problem it raises."""
    problem = None
    try:
        call(*arguments)
    except ApiException as error:
        problem = error.data
    assert isinstance(problem, Problem)
    print(problem.status, problem.type.rpartition(":")[2])


table = Path(os.environ["DATASET"])
me = sign_in(os.environ["API_KEY"])
colleague = sign_in(os.environ["COLLEAGUE_KEY"])
stranger = sign_in("no such key")
projects, members, datasets = ProjectsApi(me), MembersApi(me), DatasetsApi(me)

# Create a project and rename it.
created = projects.create_project(ProjectCreate(name="Iris"))
project_id: UUID = created.project_id
print("created:", created.project.name)

updated = projects.update_project(project_id, ProjectUpdate(name="Iris flowers"))
print("updated:", updated.project.name)

found = projects.list_projects(search="FLOWERS", limit=10)
print("found:", found.total, found.items[0].status.value)

# Share it.
invitation = MemberAdd(email=os.environ["COLLEAGUE_EMAIL"], role=MemberRole.EDITOR)
members.add_member(project_id, invitation)
everybody = members.list_members(project_id).items
print("members:", *[f"{member.name} {member.role.value}" for member in everybody])

# Upload a file, see it in the timeline, download it again.
file = (table.name, table.read_bytes())
uploaded = DatasetsApi(colleague).upload_dataset(project_id, table.name, file)
print("uploaded: score", round(uploaded.quality.overall_score))

event = TimelineApi(me).get_timeline(project_id).events[0].actual_instance
assert isinstance(event, DatasetEvent)
print("timeline:", event.name, event.rows, "rows,", event.columns, "columns")

downloaded: bytes = datasets.download_dataset(uploaded.dataset_id)
assert downloaded == table.read_bytes()
print("downloaded:", len(downloaded), "bytes")

# Export the project and unzip the archive.
exported: bytes = ExportApi(me).export_project(project_id)
with zipfile.ZipFile(io.BytesIO(exported)) as archive:
    names = archive.namelist()
    assert archive.read(names[1]) == table.read_bytes()
print("exported:", *[name.rpartition("/")[2] for name in names])

# Start an experiment, and cancel it.
wanted = ExperimentCreate(
    project_id=project_id,
    dataset_version_id=uploaded.dataset_version_id,
    name="AutoML Run 1",
    target_column="species",
    problem_type=ExperimentRequestedType.MULTICLASS,
    config=ExperimentConfig(max_models=2),
)
started = ExperimentsApi(me).create_experiment(wanted)
status, config = started.experiment.status.value, started.experiment.config
print("experiment:", status, config.max_models, "models", config.nfolds, "folds")
ExperimentsApi(me).delete_experiment(started.experiment_id)

# Deploy a model that is trained, and ask it by its new name.
deployments, payments = DeploymentsApi(me), UUID(os.environ["PROJECT_ID"])
(model,) = TrainedModelsApi(me).list_models(payments, limit=1).items
production = DeploymentCreate(
    model_id=model.id, name="Fraud check", stage=DeploymentStage.PRODUCTION
)
deployed = deployments.create_deployment(payments, production)
print("deployed:", deployed.deployment.stage.value, deployed.deployment.status.value)

question = PredictionRequest(
    inputs={"amount": 12.5, "channel": "chip"}, options=PredictionOptions(probabilities=False)
)
(told,) = deployments.predict_with_deployment(deployed.deployment_id, question).predictions
assert told.probabilities is None
print("asked:", told.prediction)

# What can go wrong is raised.
report(ProjectsApi(stranger).get_project, project_id)
report(ProjectsApi(colleague).delete_project, project_id)
report(members.remove_member, project_id, everybody[0].user_id)
report(datasets.upload_dataset, project_id, "archive.csv", ("archive.csv", exported))

deleted = projects.delete_project(project_id)
print("deleted:", deleted.ok)
report(projects.get_project, project_id)

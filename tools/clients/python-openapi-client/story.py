"""The whole story with the client that openapi-python-client generates."""

import io
import os
import zipfile
from pathlib import Path
from uuid import UUID

from projects_client import AuthenticatedClient
from projects_client.api.datasets import download_dataset, upload_dataset
from projects_client.api.deployments import create_deployment, predict_with_deployment
from projects_client.api.experiments import create_experiment, delete_experiment
from projects_client.api.export import export_project
from projects_client.api.members import add_member, list_members, remove_member
from projects_client.api.projects import (
    create_project,
    delete_project,
    get_project,
    list_projects,
    update_project,
)
from projects_client.api.timeline import get_timeline
from projects_client.api.trained_models import list_models
from projects_client.models import (
    Acknowledgement,
    DatasetEvent,
    DatasetUpload,
    DatasetUploadForm,
    DeploymentCreate,
    DeploymentCreated,
    DeploymentStage,
    ExperimentConfig,
    ExperimentCreate,
    ExperimentCreated,
    ExperimentRequestedType,
    MemberAdd,
    MemberEnvelope,
    MemberList,
    MemberRole,
    PredictionList,
    PredictionOptions,
    PredictionRequest,
    Problem,
    ProjectCreate,
    ProjectCreated,
    ProjectEnvelope,
    ProjectList,
    ProjectUpdate,
    Timeline,
    TrainedModelList,
)
from projects_client.types import File


def sign_in(api_key: str) -> AuthenticatedClient:
    """Make a client that calls as the key's owner."""
    return AuthenticatedClient(base_url=os.environ["BASE_URL"], token=api_key)


def report(answer: object) -> None:
    """Print what kind of problem the answer is; every operation gives its problems as results."""
    assert isinstance(answer, Problem), answer
    print(answer.status, answer.type_.rpartition(":")[2])


table = Path(os.environ["DATASET"])
me = sign_in(os.environ["API_KEY"])
colleague = sign_in(os.environ["COLLEAGUE_KEY"])
stranger = sign_in("no such key")

# Create a project and rename it.
created = create_project.sync(client=me, body=ProjectCreate(name="Iris"))
assert isinstance(created, ProjectCreated)
project_id: UUID = created.project_id
print("created:", created.project.name)

updated = update_project.sync(project_id, client=me, body=ProjectUpdate(name="Iris flowers"))
assert isinstance(updated, ProjectEnvelope)
print("updated:", updated.project.name)

found = list_projects.sync(client=me, search="FLOWERS", limit=10)
assert isinstance(found, ProjectList)
print("found:", found.total, found.items[0].status)

# Share it.
invitation = MemberAdd(email=os.environ["COLLEAGUE_EMAIL"], role=MemberRole.EDITOR)
shared = add_member.sync(project_id, client=me, body=invitation)
assert isinstance(shared, MemberEnvelope)
members = list_members.sync(project_id, client=me)
assert isinstance(members, MemberList)
print("members:", *[f"{member.name} {member.role}" for member in members.items])

# Upload a file, see it in the timeline, download it again.
with table.open("rb") as content:
    form = DatasetUploadForm(
        project_id=project_id, name=table.name, file=File(content, file_name=table.name)
    )
    uploaded = upload_dataset.sync(client=colleague, body=form)
assert isinstance(uploaded, DatasetUpload)
print("uploaded: score", round(uploaded.quality.overall_score))

timeline = get_timeline.sync(project_id, client=me)
assert isinstance(timeline, Timeline)
event = timeline.events[0]
assert isinstance(event, DatasetEvent)
print("timeline:", event.name, event.rows, "rows,", event.columns, "columns")

downloaded = download_dataset.sync(uploaded.dataset_id, client=me)
assert isinstance(downloaded, File)
assert downloaded.payload.read() == table.read_bytes()
print("downloaded:", table.stat().st_size, "bytes")

# Export the project and unzip the archive.
exported = export_project.sync(project_id, client=me)
assert isinstance(exported, File)
with zipfile.ZipFile(io.BytesIO(exported.payload.read())) as archive:
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
started = create_experiment.sync(client=me, body=wanted)
assert isinstance(started, ExperimentCreated)
config = started.experiment.config
print("experiment:", started.experiment.status, config.max_models, "models", config.nfolds, "folds")

cancelled = delete_experiment.sync(started.experiment_id, client=me)
assert isinstance(cancelled, Acknowledgement)

# Deploy a model that is trained, and ask it by its new name.
payments = UUID(os.environ["PROJECT_ID"])
models = list_models.sync(client=me, project_id=payments, limit=1)
assert isinstance(models, TrainedModelList)
production = DeploymentCreate(
    model_id=models.items[0].id, name="Fraud check", stage=DeploymentStage.PRODUCTION
)
deployed = create_deployment.sync(payments, client=me, body=production)
assert isinstance(deployed, DeploymentCreated)
print("deployed:", deployed.deployment.stage, deployed.deployment.status)

question = PredictionRequest(
    inputs={"amount": 12.5, "channel": "chip"}, options=PredictionOptions(probabilities=False)
)
answer = predict_with_deployment.sync(deployed.deployment_id, client=me, body=question)
assert isinstance(answer, PredictionList)
assert answer.predictions[0].probabilities is None
print("asked:", answer.predictions[0].prediction)

# What can go wrong is a result too.
report(get_project.sync(project_id, client=stranger))
report(delete_project.sync(project_id, client=colleague))
report(remove_member.sync(project_id, members.items[0].user_id, client=me))
exported.payload.seek(0)
no_table = File(exported.payload, file_name="archive.csv")
form = DatasetUploadForm(project_id=project_id, name="archive.csv", file=no_table)
report(upload_dataset.sync(client=me, body=form))

deleted = delete_project.sync(project_id, client=me)
assert isinstance(deleted, Acknowledgement)
print("deleted:", deleted.ok)
report(get_project.sync(project_id, client=me))

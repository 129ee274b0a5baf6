"""What answers hold; `make docs` writes it, so change `openapi.yaml` instead."""

from typing import Any, Literal, NotRequired, TypedDict

ProjectStatus = Literal["active"]


class Project(TypedDict):
    """A project, the unit of organisation that everything else belongs to."""

    id: str
    name: str
    description: str
    status: ProjectStatus
    dataset_count: int
    experiment_count: int
    model_count: int
    created_at: str
    updated_at: str


class ProjectList(TypedDict):
    """A page of projects."""

    items: list[Project]
    total: int
    limit: int
    offset: int


class ProjectCreated(TypedDict):
    """A project that was just made, and once more its id."""

    project_id: str
    project: Project


class ProjectEnvelope(TypedDict):
    """One project."""

    project: Project


MemberRole = Literal["viewer", "editor", "admin", "owner"]

TeamProjectRole = Literal["viewer", "editor", "admin"]


class MemberThrough(TypedDict):
    """By what somebody is a member: a role given to the person, roles of teams, or both."""

    direct: NotRequired[MemberRole]
    teams: NotRequired[TeamProjectRole]


class Member(TypedDict):
    """A user who may work in a project."""

    user_id: str
    email: str
    name: str
    role: MemberRole
    created_at: str
    through: NotRequired[MemberThrough]


class MemberCaller(TypedDict):
    """Who asks, and what this person may do in the project."""

    user_id: str
    role: MemberRole


class MemberList(TypedDict):
    """A page of members."""

    items: list[Member]
    caller: MemberCaller
    total: int
    limit: int
    offset: int


class MemberEnvelope(TypedDict):
    """One member."""

    member: Member


class ProjectTeam(TypedDict):
    """A team whose people are members of a project."""

    team_id: str
    name: str
    role: TeamProjectRole
    created_at: str


class ProjectTeamList(TypedDict):
    """A page of a project's teams."""

    items: list[ProjectTeam]
    total: int
    limit: int
    offset: int


class ProjectTeamEnvelope(TypedDict):
    """One team of a project."""

    team: ProjectTeam


class DatasetEvent(TypedDict):
    """A data set was added."""

    id: str
    type: Literal["dataset"]
    name: str
    timestamp: str
    rows: int
    columns: int


ExperimentStatus = Literal["queued", "running", "succeeded", "completed", "failed", "cancelled"]

ExperimentProblemType = Literal["classification", "regression"]


class ExperimentEvent(TypedDict):
    """An experiment was started."""

    id: str
    type: Literal["experiment"]
    name: str
    timestamp: str
    status: ExperimentStatus
    target_column: str
    problem_type: ExperimentProblemType
    best_model_type: str | None
    duration: float | None


class Timeline(TypedDict):
    """A page of what happened in a project, oldest first."""

    project_id: str
    events: list[DatasetEvent | ExperimentEvent]
    total: int
    limit: int
    offset: int
    has_more: bool


class ProjectImported(TypedDict):
    """The job that makes a project from an archive."""

    job_id: str


class DatasetQualityIssue(TypedDict):
    """Something that a table is found wanting in."""

    kind: str
    column: str | None
    message: str


class DatasetQuality(TypedDict):
    """What a look at every row of the table found."""

    overall_score: float
    issues: list[DatasetQualityIssue]


class TableReading(TypedDict):
    """How a CSV is read by all that look at it, decided when it was uploaded."""

    encoding: NotRequired[str]
    delimiter: NotRequired[str | None]
    quote: NotRequired[Literal['"', "'"]]
    decimal: NotRequired[Literal[".", ","]]
    header: NotRequired[bool]
    skip_lines: NotRequired[int]
    missing: NotRequired[list[str]]
    malformed: NotRequired[Literal["refuse", "repair", "leave_out"]]
    short_rows: NotRequired[int]
    repaired_rows: NotRequired[int]
    left_out_rows: NotRequired[int]
    given: NotRequired[
        list[
            Literal[
                "encoding", "delimiter", "decimal", "header", "skip_lines", "missing", "malformed"
            ]
        ]
    ]


class DatasetUpload(TypedDict):
    """The ids of a data set that was just made, and what was found in its table."""

    id: str
    dataset_id: str
    dataset_version_id: str
    artifact_id: str
    quality: DatasetQuality
    reading: TableReading


DatasetFormat = Literal["csv", "parquet"]


class Dataset(TypedDict):
    """A data set with the facts of its newest version."""

    id: str
    project_id: str
    name: str
    description: str
    format: DatasetFormat
    rows: int
    columns: int
    size_bytes: int
    sha256: str
    dataset_version_id: str
    artifact_id: str
    version: int
    quality: DatasetQuality
    reading: TableReading
    created_at: str
    updated_at: str


class DatasetList(TypedDict):
    """A page of data sets."""

    items: list[Dataset]
    total: int
    limit: int
    offset: int


class DatasetEnvelope(TypedDict):
    """One data set."""

    dataset: Dataset


class DatasetVersion(TypedDict):
    """One upload of a data set."""

    id: str
    dataset_id: str
    version: int
    format: DatasetFormat
    rows: int
    columns: int
    size_bytes: int
    sha256: str
    artifact_id: str
    quality: DatasetQuality
    reading: TableReading
    created_at: str


class DatasetVersionList(TypedDict):
    """A page of the versions of a data set."""

    items: list[DatasetVersion]
    total: int
    limit: int
    offset: int


class DatasetVersionUpload(TypedDict):
    """The ids of a version that was just made, and what was found in its table."""

    id: str
    dataset_id: str
    dataset_version_id: str
    artifact_id: str
    version: int
    quality: DatasetQuality
    reading: TableReading


class DatasetQualityEnvelope(TypedDict):
    """The quality of a version."""

    dataset_version_id: str
    version: int
    quality: DatasetQuality


ColumnType = Literal["boolean", "integer", "number", "date", "datetime", "text", "other"]


class FrequentValue(TypedDict):
    """A value and how often it occurs."""

    value: str
    count: int


class DatasetColumn(TypedDict):
    """A column of a table and its statistics."""

    name: str
    type: ColumnType
    nullable: bool
    missing_count: int
    distinct_count: int
    distinct_is_exact: bool
    min: float | None
    max: float | None
    mean: float | None
    standard_deviation: float | None
    earliest: str | None
    latest: str | None
    top_values: list[FrequentValue]


class DatasetColumns(TypedDict):
    """The columns of a version."""

    dataset_version_id: str
    version: int
    rows: int
    columns: list[DatasetColumn]


class NumberBin(TypedDict):
    """An interval, without its upper end unless it is the last one, and what is in it."""

    lower: float
    upper: float
    count: int


class PeriodBin(TypedDict):
    """A period, without its end unless it is the last one, and what is in it."""

    start: str
    end: str
    count: int


class ColumnDistribution(TypedDict):
    """How the values of a column are distributed."""

    name: str
    type: ColumnType
    missing_count: int
    bins: list[NumberBin]
    periods: list[PeriodBin]
    top_values: list[FrequentValue]
    other_count: int


class ColumnCorrelation(TypedDict):
    """How two numeric columns go together."""

    first: str
    second: str
    coefficient: float


class DatasetAnalysis(TypedDict):
    """What an analysis of a version found."""

    dataset_version_id: str
    version: int
    rows: int
    columns: int
    distributions: list[ColumnDistribution]
    correlations: list[ColumnCorrelation]


class PreviewColumn(TypedDict):
    """The name and the type of a column."""

    name: str
    type: ColumnType


class DatasetPreview(TypedDict):
    """The first rows of a version."""

    dataset_version_id: str
    version: int
    total_rows: int
    total_columns: int
    columns: list[PreviewColumn]
    rows: list[list[Any]]


ExperimentEngine = Literal["flaml", "h2o"]

ExperimentExecutionMode = Literal["single", "parallel"]


class ExperimentConfig(TypedDict):
    """How to search for models."""

    max_runtime_secs: NotRequired[float]
    max_models: NotRequired[int]
    max_runtime_secs_per_model: NotRequired[float | None]
    sort_metric: NotRequired[str]
    seed: NotRequired[int]
    nfolds: NotRequired[int]
    exclude_algos: NotRequired[list[str]]
    balance_classes: NotRequired[bool]
    stopping_rounds: NotRequired[int]
    stopping_metric: NotRequired[str]
    stopping_tolerance: NotRequired[float]
    positive_label: NotRequired[Any]
    threshold_metric: NotRequired[Literal["auto", "none", "f1", "accuracy", "mean_per_class_error"]]
    features: NotRequired[list[str] | None]
    ignored_columns: NotRequired[list[str]]
    column_kinds: NotRequired[dict[str, Literal["number", "category", "text", "datetime"]]]
    split: NotRequired[Literal["random", "time", "group"]]
    split_column: NotRequired[str | None]
    weight_column: NotRequired[str | None]
    test_dataset_version_id: NotRequired[str | None]


class Experiment(TypedDict):
    """A training on a version of a data set."""

    id: str
    project_id: str
    dataset_version_id: str | None
    name: str
    status: ExperimentStatus
    target_column: str
    problem_type: ExperimentProblemType
    engine: ExperimentEngine
    execution_mode: ExperimentExecutionMode
    config: ExperimentConfig
    best_model_type: str | None
    duration: float | None
    message: str | None
    job_id: str | None
    created_at: str
    started_at: str | None
    finished_at: str | None


class ExperimentCreated(TypedDict):
    """An experiment that was just made, its id, and the job that does it."""

    experiment_id: str
    job_id: str
    experiment: Experiment


class ExperimentList(TypedDict):
    """A page of experiments."""

    items: list[Experiment]
    total: int
    limit: int
    offset: int


class UnavailableEngine(TypedDict):
    """An engine that cannot run here, and what it lacks."""

    engine: ExperimentEngine
    reason: str


class Cluster(TypedDict):
    """What the nodes of Ray have together, as this server last saw them."""

    nodes: int
    cpus: float
    memory_bytes: int
    gpus: float
    seen_at: str


class ExperimentCapabilities(TypedDict):
    """What experiments can use on this server."""

    allowed_engines: list[ExperimentEngine]
    execution_modes: list[ExperimentExecutionMode]
    use_gpu: bool
    unavailable: list[UnavailableEngine]
    cluster: NotRequired[Cluster]


class ExperimentEnvelope(TypedDict):
    """One experiment."""

    experiment: Experiment


class ExperimentProgress(TypedDict):
    """How far an experiment is."""

    experiment_id: str
    job_id: str | None
    status: ExperimentStatus
    progress: float
    stage: str | None
    seconds_left: float | None
    message: str | None


class ExperimentLog(TypedDict):
    """A page of the lines that an experiment wrote."""

    logs: list[str]
    total: int
    limit: int
    offset: int


class FeatureImportance(TypedDict):
    """How much a column matters."""

    feature: str
    importance: float
    deviation: float


class FeatureContribution(TypedDict):
    """How much a column moves predictions."""

    feature: str
    mean_absolute: float


class Explanation(TypedDict):
    """What a model goes by, measured on rows that it has not seen."""

    permutation_importance: NotRequired[list[FeatureImportance]]
    shap: NotRequired[list[FeatureContribution] | None]


class ExperimentExplanation(TypedDict):
    """What the best model of an experiment goes by."""

    experiment_id: str
    model_id: str
    model_type: str
    explanation: Explanation


class EngineRun(TypedDict):
    """What one engine did in an experiment."""

    engine: ExperimentEngine
    status: ExperimentStatus
    model_count: int
    best_model_type: str | None
    duration: float | None
    message: str | None


class EngineRunList(TypedDict):
    """A page of engine runs."""

    items: list[EngineRun]
    total: int
    limit: int
    offset: int


class TrainedModel(TypedDict):
    """A model that an experiment trained."""

    id: str
    project_id: str
    experiment_id: str
    name: str
    model_type: str
    engine: ExperimentEngine
    rank: int
    is_best: bool
    metrics: dict[str, float]
    training_seconds: float | None
    size_bytes: int
    sha256: str
    created_at: str


class TrainedModelList(TypedDict):
    """A page of models."""

    items: list[TrainedModel]
    total: int
    limit: int
    offset: int


TrainedModelInputKind = Literal["number", "boolean", "category", "date", "text"]


class TrainedModelInput(TypedDict):
    """One of the inputs of a model."""

    name: str
    kind: TrainedModelInputKind
    categories: list[str] | None
    format: NotRequired[str]
    of: NotRequired[Literal["number", "boolean", "text"]]


class TrainedModelSignature(TypedDict):
    """What a model takes and gives; absent where nobody has kept it."""

    target: str
    problem_type: ExperimentProblemType
    labels: list[Any] | None
    positive_label: NotRequired[Any]
    missing: NotRequired[list[str]]
    inputs: list[TrainedModelInput]


class TrainedModelEnvelope(TypedDict):
    """One model, and what it takes and gives."""

    model: TrainedModel
    signature: NotRequired[TrainedModelSignature]


class TrainedModelExplanation(TypedDict):
    """What a model goes by."""

    model_id: str
    explanation: Explanation


class Confusion(TypedDict):
    """Which labels the model took for which."""

    labels: list[Any]
    matrix: list[list[int]]


class RocCurve(TypedDict):
    """The false positive rate and the true positive rate, by falling thresholds."""

    label: Any
    auc: float
    points: list[list[float]]


class PrecisionRecallCurve(TypedDict):
    """Recall and precision, by rising thresholds."""

    label: Any
    average_precision: float
    points: list[list[float]]


class CalibrationBin(TypedDict):
    """Rows of similar probability."""

    predicted: float
    observed: float
    rows: int


class Calibration(TypedDict):
    """How often a label comes true where the model says that it does so with a probability, in."""

    label: Any
    bins: list[CalibrationBin]


class Evaluation(TypedDict):
    """How a model did on the rows that were held out."""

    rows: NotRequired[int]
    class_balance: NotRequired[dict[str, int]]
    confusion: NotRequired[Confusion]
    roc: NotRequired[list[RocCurve]]
    precision_recall: NotRequired[list[PrecisionRecallCurve]]
    calibration: NotRequired[list[Calibration]]
    residuals: NotRequired[list[list[float]]]


class TrainedModelEvaluation(TypedDict):
    """How a model did on rows that it had not seen."""

    model_id: str
    evaluation: Evaluation


class TrainedModelParameters(TypedDict):
    """What a model was trained with."""

    model_id: str
    parameters: dict[str, Any]


class Prediction(TypedDict):
    """What a model says of a row."""

    prediction: Any
    probabilities: dict[str, float] | None
    explanation: NotRequired[dict[str, float]]
    row_id: NotRequired[int]


class PredictionList(TypedDict):
    """A prediction for each row, in the order of the rows."""

    predictions: list[Prediction]
    ignored_fields: list[str]


class DatasetPredicted(TypedDict):
    """The job that asks a model, and the id of the data set that it makes."""

    job_id: str
    dataset_id: str


JobStatus = Literal["queued", "running", "succeeded", "failed", "cancelled"]


class Job(TypedDict):
    """Long work, and how far it is."""

    id: str
    kind: str
    status: JobStatus
    progress: float
    stage: str | None
    seconds_left: float | None
    message: str | None
    project_id: str | None
    entity_id: str
    attempts: int
    created_at: str
    started_at: str | None
    finished_at: str | None


class JobEnvelope(TypedDict):
    """One job."""

    job: Job


class ServerJob(TypedDict):
    """A job, and who asked for it."""

    user_id: str
    email: str
    job: Job


class ServerJobList(TypedDict):
    """A page of everybody's jobs."""

    items: list[ServerJob]
    total: int
    limit: int
    offset: int


ReportKind = Literal["project", "experiment", "model", "deployment"]

ReportStatus = Literal["queued", "running", "succeeded", "failed", "cancelled"]

ReportSection = Literal[
    "data",
    "experiments",
    "leaderboard",
    "performance",
    "explanation",
    "configuration",
    "deployments",
]


class ReportOptions(TypedDict):
    """What a report is called, and what it contains."""

    title: NotRequired[str]
    sections: NotRequired[list[ReportSection]]


class Report(TypedDict):
    """A document about something in a project."""

    id: str
    project_id: str
    kind: ReportKind
    entity_id: str
    name: str
    status: ReportStatus
    message: str | None
    options: ReportOptions
    job_id: str | None
    created_at: str


class ReportCreated(TypedDict):
    """A report that was just made, the id of its job, and once more its own id."""

    report_id: str
    job_id: str
    report: Report


class ReportList(TypedDict):
    """A page of reports."""

    items: list[Report]
    total: int
    limit: int
    offset: int


class ReportEnvelope(TypedDict):
    """One report."""

    report: Report


DeploymentStage = Literal["staging", "production"]

DeploymentStatus = Literal["active", "archived", "inactive"]


class Deployment(TypedDict):
    """A model that answers under a name."""

    id: str
    project_id: str
    model_id: str
    name: str
    stage: DeploymentStage
    status: DeploymentStatus
    traffic_percent: int
    replaced_id: str | None
    threshold: NotRequired[float | None]
    created_at: str
    updated_at: str


class DeploymentList(TypedDict):
    """A page of deployments."""

    items: list[Deployment]
    total: int
    limit: int
    offset: int


class DeploymentCreated(TypedDict):
    """A deployment that was just made, and once more its id."""

    deployment_id: str
    deployment: Deployment


class DeploymentEnvelope(TypedDict):
    """One deployment."""

    deployment: Deployment


class FeedbackKept(TypedDict):
    """How many rows a truth is kept of."""

    kept: int
    unknown_row_ids: list[int]


DriftVerdict = Literal["not_enough_data", "stable", "moderate", "drift"]


class FeatureDrift(TypedDict):
    """How far one input has moved."""

    name: str
    kind: TrainedModelInputKind
    rows: int
    missing: int
    reference_missing: int
    psi: float | None
    ks_statistic: float | None
    ks_p_value: float | None
    verdict: DriftVerdict


class PredictionDrift(TypedDict):
    """How far what the deployment answered has moved from what the model said of the held-out ."""

    name: str
    kind: TrainedModelInputKind
    rows: int
    reference_rows: int
    missing: int
    reference_missing: int
    psi: float | None
    ks_statistic: float | None
    ks_p_value: float | None
    verdict: DriftVerdict


class DriftQuality(TypedDict):
    """How good the predictions were, of the rows whose truth `give_feedback` told; left out wh."""

    rows: int
    metrics: dict[str, float]
    held_out: dict[str, float]


class Drift(TypedDict):
    """How far rows have moved from those of a training."""

    rows: int
    minimum_rows: int
    reference_rows: int
    verdict: DriftVerdict
    features: list[FeatureDrift]
    predictions: NotRequired[PredictionDrift]
    quality: NotRequired[DriftQuality]


class DeploymentDrift(TypedDict):
    """How far what a deployment is asked has moved."""

    deployment_id: str
    drift: Drift


WebhookEventType = Literal[
    "dataset.uploaded",
    "dataset.deleted",
    "experiment.ended",
    "report.ended",
    "deployment.created",
    "deployment.promoted",
    "deployment.rolled_back",
    "deployment.deactivated",
    "deployment.drifted",
]


class Webhook(TypedDict):
    """An address that is told what happens in a project."""

    id: str
    project_id: str
    url: str
    events: list[WebhookEventType]
    created_at: str


class WebhookList(TypedDict):
    """A page of webhooks."""

    items: list[Webhook]
    total: int
    limit: int
    offset: int


class WebhookCreated(TypedDict):
    """A webhook that was just registered, once more its id, and its secret."""

    webhook_id: str
    webhook: Webhook
    secret: str


class WebhookEventData(TypedDict):
    """Where it happened and to what, by the id of what the event's type begins with; ask the A."""

    project_id: str
    dataset_id: NotRequired[str]
    dataset_version_id: NotRequired[str]
    experiment_id: NotRequired[str]
    report_id: NotRequired[str]
    deployment_id: NotRequired[str]
    model_id: NotRequired[str]
    name: NotRequired[str]
    stage: NotRequired[DeploymentStage]
    status: NotRequired[str]
    verdict: NotRequired[DriftVerdict]


class WebhookEvent(TypedDict):
    """What an address is sent."""

    type: WebhookEventType
    timestamp: str
    data: WebhookEventData


DeliveryStatus = Literal["pending", "succeeded", "failed"]


class Delivery(TypedDict):
    """An event on its way to an address."""

    id: str
    webhook_id: str
    event: WebhookEvent
    status: DeliveryStatus
    attempts: int
    created_at: str
    next_attempt_at: str | None
    last_attempt_at: str | None
    finished_at: str | None
    response_status: int | None
    response_body: str | None
    error: str | None


class DeliveryList(TypedDict):
    """A page of deliveries."""

    items: list[Delivery]
    total: int
    limit: int
    offset: int


class DeliveryEnvelope(TypedDict):
    """One delivery."""

    delivery: Delivery


class ProjectUsage(TypedDict):
    """What is kept in a project."""

    project_id: str
    name: str
    stored_bytes: int
    file_count: int
    quota_bytes: int | None
    left_bytes: int | None


class Usage(TypedDict):
    """What is kept for the caller, and a page of the projects that the caller owns."""

    stored_bytes: int
    file_count: int
    quota_bytes: int | None
    left_bytes: int | None
    items: list[ProjectUsage]
    total: int
    limit: int
    offset: int


class AuditEntry(TypedDict):
    """A request that changed something or was refused."""

    id: str
    created_at: str
    operation: str | None
    status: int
    project_id: str | None
    user_id: str | None
    key_id: str | None
    resource_id: str | None
    request_id: str | None
    client: str | None
    request_count: int


class AuditList(TypedDict):
    """A page of the audit log, of a project or of the server."""

    items: list[AuditEntry]
    total: int
    limit: int
    offset: int


TeamRole = Literal["member", "maintainer"]


class Team(TypedDict):
    """A group of people who together are members of projects."""

    id: str
    name: str
    role: TeamRole
    created_at: str
    project_count: int


class TeamList(TypedDict):
    """A page of teams."""

    items: list[Team]
    total: int
    limit: int
    offset: int


class TeamCreated(TypedDict):
    """The new team and, once more, its id."""

    team_id: str
    team: Team


class TeamEnvelope(TypedDict):
    """One team."""

    team: Team


class TeamPerson(TypedDict):
    """A user in a team."""

    user_id: str
    email: str
    name: str
    role: TeamRole
    created_at: str


class TeamPersonList(TypedDict):
    """A page of a team's people."""

    items: list[TeamPerson]
    total: int
    limit: int
    offset: int


class TeamPersonEnvelope(TypedDict):
    """One person of a team."""

    person: TeamPerson


class ServiceAccount(TypedDict):
    """An account for a program."""

    id: str
    name: str
    email: str
    created_at: str
    deactivated_at: str | None


class ServiceAccountList(TypedDict):
    """A page of service accounts."""

    items: list[ServiceAccount]
    total: int
    limit: int
    offset: int


class ServiceAccountCreated(TypedDict):
    """The new service account and, once more, its id."""

    account_id: str
    account: ServiceAccount


class ServiceAccountEnvelope(TypedDict):
    """One service account."""

    account: ServiceAccount


KeyScope = Literal["read", "write", "predict", "admin"]


class ApiKey(TypedDict):
    """An API key that works, without its secret."""

    id: str
    user_id: str
    email: str
    name: str
    scopes: list[KeyScope]
    created_at: str
    expires_at: str | None
    last_used_at: str | None


class ServiceAccountKeyList(TypedDict):
    """A page of a service account's keys."""

    items: list[ApiKey]
    total: int
    limit: int
    offset: int


class KeyCreated(TypedDict):
    """A new key, and its secret."""

    key_id: str
    key: ApiKey
    secret: str


class KeyCaller(TypedDict):
    """Who asks, by which key, and what that may do."""

    user_id: str
    key_id: str
    scopes: list[KeyScope]


class KeyList(TypedDict):
    """A page of keys."""

    items: list[ApiKey]
    caller: KeyCaller
    total: int
    limit: int
    offset: int


class KeyEnvelope(TypedDict):
    """One key."""

    key: ApiKey


class Person(TypedDict):
    """Somebody who is registered on the server."""

    id: str
    email: str
    name: str
    created_at: str
    deactivated_at: str | None
    own_quota_bytes: int | None


class PersonList(TypedDict):
    """A page of people."""

    items: list[Person]
    total: int
    limit: int
    offset: int


class PersonCreated(TypedDict):
    """The new person and, once more, the id."""

    person_id: str
    person: Person


class PersonUsage(TypedDict):
    """What is kept for a person, and what may be."""

    stored_bytes: int
    file_count: int
    quota_bytes: int | None
    left_bytes: int | None


class PersonDetails(TypedDict):
    """One person, and what is kept for the person."""

    person: Person
    usage: PersonUsage


class PersonEnvelope(TypedDict):
    """One person."""

    person: Person


class LivenessReport(TypedDict):
    """Says that the server answers."""

    status: Literal["alive"]


class ReadinessChecks(TypedDict):
    """What was asked."""

    database: Literal["ok"]
    artifact_store: Literal["ok"]


class ReadinessReport(TypedDict):
    """Says that the server can do its work."""

    status: Literal["ready"]
    checks: ReadinessChecks

<?php
// The whole story with the PHP client that openapi-generator generates.

declare(strict_types=1);

use ProjectsClient\Api\DatasetsApi;
use ProjectsClient\Api\DeploymentsApi;
use ProjectsClient\Api\ExperimentsApi;
use ProjectsClient\Api\ExportApi;
use ProjectsClient\Api\MembersApi;
use ProjectsClient\Api\ProjectsApi;
use ProjectsClient\Api\TimelineApi;
use ProjectsClient\Api\TrainedModelsApi;
use ProjectsClient\ApiException;
use ProjectsClient\Configuration;
use ProjectsClient\Model\DeploymentCreate;
use ProjectsClient\Model\DeploymentStage;
use ProjectsClient\Model\ExperimentConfig;
use ProjectsClient\Model\ExperimentCreate;
use ProjectsClient\Model\ExperimentRequestedType;
use ProjectsClient\Model\MemberAdd;
use ProjectsClient\Model\MemberRole;
use ProjectsClient\Model\PredictionOptions;
use ProjectsClient\Model\PredictionRequest;
use ProjectsClient\Model\Problem;
use ProjectsClient\Model\ProjectCreate;
use ProjectsClient\Model\ProjectUpdate;

require 'vendor/autoload.php';

/** What calls as the key's owner. */
function sign_in(string $api_key): Configuration
{
    return (new Configuration())->setHost(getenv('BASE_URL'))->setAccessToken($api_key);
}

/** Print what kind of problem a call ends with. */
function report(callable $call): void
{
    try {
        $call();
    } catch (ApiException $error) {
        $problem = $error->getResponseObject();
        expect($problem instanceof Problem);
        $type = explode(':', $problem->getType());
        echo $problem->getStatus(), ' ', end($type), "\n";
        return;
    }
    throw new LogicException('no problem');
}

function expect(bool $held): void
{
    $held or throw new LogicException('not as told');
}

$me = sign_in(getenv('API_KEY'));
$colleague = sign_in(getenv('COLLEAGUE_KEY'));
$stranger = sign_in('no such key');
$projects = new ProjectsApi(config: $me);
$members = new MembersApi(config: $me);
$datasets = new DatasetsApi(config: $me);
$table = new SplFileObject(getenv('DATASET'));
$content = file_get_contents(getenv('DATASET'));

// Create a project and rename it.
$created = $projects->createProject(new ProjectCreate(['name' => 'Iris']));
$project_id = $created->getProjectId();
echo 'created: ', $created->getProject()->getName(), "\n";

$updated = $projects->updateProject($project_id, new ProjectUpdate(['name' => 'Iris flowers']));
echo 'updated: ', $updated->getProject()->getName(), "\n";

$found = $projects->listProjects(search: 'FLOWERS', limit: 10);
echo 'found: ', $found->getTotal(), ' ', $found->getItems()[0]->getStatus(), "\n";

// Share it.
$invitation = new MemberAdd(['email' => getenv('COLLEAGUE_EMAIL'), 'role' => MemberRole::EDITOR]);
$members->addMember($project_id, $invitation);
$everybody = $members->listMembers($project_id)->getItems();
echo 'members:';
foreach ($everybody as $member) {
    echo ' ', $member->getName(), ' ', $member->getRole();
}
echo "\n";

// Upload a file, see it in the timeline, download it again.
$uploaded = (new DatasetsApi(config: $colleague))->uploadDataset($project_id, $table->getFilename(), $table);
echo 'uploaded: score ', round($uploaded->getQuality()->getOverallScore()), "\n";

$event = (new TimelineApi(config: $me))->getTimeline($project_id)->getEvents()[0];
echo 'timeline: ', $event->getName(), ' ', $event->getRows(), ' rows, ', $event->getColumns(), " columns\n";

$downloaded = $datasets->downloadDataset($uploaded->getDatasetId());
expect(file_get_contents($downloaded->getPathname()) === $content);
echo 'downloaded: ', $downloaded->getSize(), " bytes\n";

// Export the project and unzip the archive.
$exported = (new ExportApi(config: $me))->exportProject($project_id);
$archive = new ZipArchive();
expect($archive->open($exported->getPathname()) === true);
expect($archive->getFromIndex(1) === $content);
echo 'exported: ', $archive->getNameIndex(0), ' ', basename($archive->getNameIndex(1)), "\n";

// Start an experiment, and cancel it.
$experiments = new ExperimentsApi(config: $me);
$started = $experiments->createExperiment(new ExperimentCreate([
    'project_id' => $project_id,
    'dataset_version_id' => $uploaded->getDatasetVersionId(),
    'name' => 'AutoML Run 1',
    'target_column' => 'species',
    'problem_type' => ExperimentRequestedType::MULTICLASS,
    'config' => new ExperimentConfig(['max_models' => 2]),
]));
$config = $started->getExperiment()->getConfig();
echo 'experiment: ', $started->getExperiment()->getStatus(), ' ';
echo $config->getMaxModels(), ' models ', $config->getNfolds(), " folds\n";
$experiments->deleteExperiment($started->getExperimentId());

// Deploy a model that is trained, and ask it by its new name.
$deployments = new DeploymentsApi(config: $me);
[$model] = (new TrainedModelsApi(config: $me))->listModels(getenv('PROJECT_ID'), limit: 1)->getItems();
$deployed = $deployments->createDeployment(getenv('PROJECT_ID'), new DeploymentCreate([
    'model_id' => $model->getId(),
    'name' => 'Fraud check',
    'stage' => DeploymentStage::PRODUCTION,
]));
echo 'deployed: ', $deployed->getDeployment()->getStage(), ' ', $deployed->getDeployment()->getStatus(), "\n";

$question = new PredictionRequest([
    'inputs' => ['amount' => 12.5, 'channel' => 'chip'],
    'options' => new PredictionOptions(['probabilities' => false]),
]);
[$told] = $deployments->predictWithDeployment($deployed->getDeploymentId(), $question)->getPredictions();
expect($told->getProbabilities() === null);
echo 'asked: ', $told->getPrediction(), "\n";

// What can go wrong is thrown.
report(fn() => (new ProjectsApi(config: $stranger))->getProject($project_id));
report(fn() => (new ProjectsApi(config: $colleague))->deleteProject($project_id));
report(fn() => $members->removeMember($project_id, $everybody[0]->getUserId()));
report(fn() => $datasets->uploadDataset($project_id, 'archive.csv', $exported));

echo 'deleted: ', json_encode($projects->deleteProject($project_id)->getOk()), "\n";
report(fn() => $projects->getProject($project_id));

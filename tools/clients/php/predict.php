<?php
// Ask a model with the PHP client that openapi-generator generates.

declare(strict_types=1);

use ProjectsClient\Api\TrainedModelsApi;
use ProjectsClient\ApiException;
use ProjectsClient\Configuration;
use ProjectsClient\Model\PredictionRequest;

require 'vendor/autoload.php';

$me = (new Configuration())->setHost(getenv('BASE_URL'))->setAccessToken(getenv('API_KEY'));
$models = new TrainedModelsApi(config: $me);

// The newest experiment's models come first, the best of them at the top.
$best = $models->listModels(getenv('PROJECT_ID'))->getItems()[0];
echo 'model: ', $best->getModelType(), "\n";

// A row is an array with names; what it leaves out counts as missing.
$row = ['amount' => 120, 'night' => 1, 'first_purchase' => 1, 'purchases_today' => 5];
$request = new PredictionRequest(['inputs' => $row]);
[$told] = $models->predict($best->getId(), $request)->getPredictions();
if ($told->getProbabilities() !== null) { // it is null where the model predicts a number
    $percent = round(100 * $told->getProbabilities()[$told->getPrediction()]);
    echo 'one row: ', $told->getPrediction(), " $percent%\n";
}

// Many rows are a list of arrays.
$request = new PredictionRequest(['inputs' => [$row, ['amount' => 12.5, 'channel' => 'chip']]]);
echo 'two rows:';
foreach ($models->predict($best->getId(), $request)->getPredictions() as $each) {
    echo ' ', $each->getPrediction();
}
echo "\n";

// A value of the wrong type is refused, with its place.
$request = new PredictionRequest(['inputs' => [$row, ['amount' => 'much']]]);
try {
    $models->predict($best->getId(), $request);
} catch (ApiException $error) {
    foreach ($error->getResponseObject()->getErrors() as $fault) {
        echo $error->getCode(), ' ', $fault->getPointer(), ' ', $fault->getMessage(), "\n";
    }
}

"""Ask a model with the Python client that openapi-generator generates."""

import os
from uuid import UUID

from projects_client import (
    ApiClient,
    ApiException,
    Configuration,
    PredictionRequest,
    Problem,
    TrainedModelsApi,
)

me = ApiClient(Configuration(host=os.environ["BASE_URL"], access_token=os.environ["API_KEY"]))
models = TrainedModelsApi(me)

# The newest experiment's models come first, the best of them at the top.
best = models.list_models(UUID(os.environ["PROJECT_ID"])).items[0]
print("model:", best.model_type)

# A row is a dict; what it leaves out counts as missing.
row = {"amount": 120, "night": 1, "first_purchase": 1, "purchases_today": 5}
(told,) = models.predict(best.id, PredictionRequest(inputs=row)).predictions
if told.probabilities:  # there are none where the model predicts a number
    print("one row:", told.prediction, f"{told.probabilities[str(told.prediction)]:.0%}")

# Many rows are a list of dicts.
rows = [row, {"amount": 12.5, "channel": "chip"}]
answer = models.predict(best.id, PredictionRequest(inputs=rows))
print("two rows:", *[each.prediction for each in answer.predictions])

# A value of the wrong type is refused, with its place.
try:
    models.predict(best.id, PredictionRequest(inputs=[row, {"amount": "much"}]))
except ApiException as error:
    problem = error.data
    assert isinstance(problem, Problem)
    for fault in problem.errors or []:
        print(problem.status, fault.pointer, fault.message)

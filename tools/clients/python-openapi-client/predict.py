"""Ask a model with the client that openapi-python-client generates."""

import os
from uuid import UUID

from projects_client import AuthenticatedClient
from projects_client.api.trained_models import list_models, predict
from projects_client.models import PredictionList, PredictionRequest, Problem, TrainedModelList

me = AuthenticatedClient(base_url=os.environ["BASE_URL"], token=os.environ["API_KEY"])

# The newest experiment's models come first, the best of them at the top.
models = list_models.sync(client=me, project_id=UUID(os.environ["PROJECT_ID"]))
assert isinstance(models, TrainedModelList)
best = models.items[0]
print("model:", best.model_type)

# A row is a dict; what it leaves out counts as missing.
row = {"amount": 120, "night": 1, "first_purchase": 1, "purchases_today": 5}
answer = predict.sync(best.id, client=me, body=PredictionRequest(inputs=row))
assert isinstance(answer, PredictionList)
(told,) = answer.predictions
if told.probabilities:  # there are none where the model predicts a number
    print("one row:", told.prediction, f"{told.probabilities[str(told.prediction)]:.0%}")

# Many rows are a list of dicts.
rows = [row, {"amount": 12.5, "channel": "chip"}]
answer = predict.sync(best.id, client=me, body=PredictionRequest(inputs=rows))
assert isinstance(answer, PredictionList)
print("two rows:", *[each.prediction for each in answer.predictions])

# A value of the wrong type is refused, with its place.
wrong = PredictionRequest(inputs=[row, {"amount": "much"}])
problem = predict.sync(best.id, client=me, body=wrong)
assert isinstance(problem, Problem)
for fault in problem.errors or []:
    print(problem.status, fault.pointer, fault.message)

// Ask a model with the TypeScript client that openapi-generator generates.

import { Configuration, ProblemFromJSON, ResponseError, TrainedModelsApi } from "./client/index.js";

const { BASE_URL, API_KEY, PROJECT_ID } = process.env as Record<string, string>;
const models = new TrainedModelsApi(
  new Configuration({ basePath: BASE_URL, accessToken: API_KEY }),
);

// The newest experiment's models come first, the best of them at the top.
const [best] = (await models.listModels({ projectId: PROJECT_ID })).items;
const modelId = best.id;
console.log("model:", best.modelType);

// A row is an object; what it leaves out counts as missing.
const row = { amount: 120, night: 1, first_purchase: 1, purchases_today: 5 };
const answer = await models.predict({ modelId, predictionRequest: { inputs: row } });
const [{ prediction, probabilities }] = answer.predictions;
if (probabilities) {
  // There are none where the model predicts a number.
  console.log("one row:", prediction, `${Math.round(100 * probabilities[prediction])}%`);
}

// Many rows are an array.
const rows = [row, { amount: 12.5, channel: "chip" }];
const { predictions } = await models.predict({ modelId, predictionRequest: { inputs: rows } });
console.log("two rows:", ...predictions.map((each) => each.prediction));

// A value of the wrong type is refused, with its place.
try {
  await models.predict({ modelId, predictionRequest: { inputs: [row, { amount: "much" }] } });
} catch (error) {
  if (!(error instanceof ResponseError)) throw error;
  const problem = ProblemFromJSON(await error.response.json());
  for (const fault of problem.errors ?? []) {
    console.log(problem.status, fault.pointer, fault.message);
  }
}

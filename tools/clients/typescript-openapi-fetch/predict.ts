// Ask a model with openapi-fetch and the types that openapi-typescript generates.

import createClient from "openapi-fetch";

import type { paths } from "./client.js";

const { BASE_URL, API_KEY, PROJECT_ID } = process.env as Record<string, string>;
const me = createClient<paths>({
  baseUrl: BASE_URL,
  headers: { Authorization: `Bearer ${API_KEY}` },
});

// The newest experiment's models come first, the best of them at the top.
const listed = await me.GET("/api/models", { params: { query: { project_id: PROJECT_ID } } });
if (listed.error) throw new Error(listed.error.detail);
const [best] = listed.data.items;
console.log("model:", best.model_type);

const predict = (inputs: unknown) =>
  me.POST("/api/models/{model_id}/predict", {
    params: { path: { model_id: best.id } },
    body: { inputs },
  });

// A row is an object; what it leaves out counts as missing.
const row = { amount: 120, night: 1, first_purchase: 1, purchases_today: 5 };
const one = await predict(row);
if (one.error) throw new Error(one.error.detail);
const [{ prediction, probabilities }] = one.data.predictions;
if (probabilities) {
  // There are none where the model predicts a number.
  const percent = Math.round(100 * probabilities[String(prediction)]);
  console.log("one row:", prediction, `${percent}%`);
}

// Many rows are an array.
const two = await predict([row, { amount: 12.5, channel: "chip" }]);
if (two.error) throw new Error(two.error.detail);
console.log("two rows:", ...two.data.predictions.map((each) => each.prediction));

// A value of the wrong type is refused, with its place.
const { error } = await predict([row, { amount: "much" }]);
for (const fault of error?.errors ?? []) {
  console.log(error?.status, fault.pointer, fault.message);
}

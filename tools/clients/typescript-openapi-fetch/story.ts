// The whole story with openapi-fetch and the types that openapi-typescript generates.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";

import { unzipSync } from "fflate";
import createClient from "openapi-fetch";

import type { components, paths } from "./client.js";

type Problem = components["schemas"]["Problem"];
type DatasetUploadForm = components["schemas"]["DatasetUploadForm"];

const { BASE_URL, API_KEY, COLLEAGUE_KEY, COLLEAGUE_EMAIL, DATASET, PROJECT_ID } =
  process.env as Record<string, string>;

/** A client that calls as the key's owner. */
const signIn = (apiKey: string) =>
  createClient<paths>({ baseUrl: BASE_URL, headers: { Authorization: `Bearer ${apiKey}` } });

/** The result of a call that went well. */
function expect<Data>({ data, error }: { data?: Data; error?: Problem }): Data {
  if (data === undefined) throw new Error(error?.detail);
  return data;
}

/** Print what kind of problem a call ended with. */
function report({ error }: { error?: Problem }): void {
  assert(error);
  console.log(error.status, error.type.split(":").at(-1));
}

function asForm(fields: DatasetUploadForm): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  return form;
}

const me = signIn(API_KEY);
const colleague = signIn(COLLEAGUE_KEY);
const stranger = signIn("no such key");
const content = await readFile(DATASET);
const name = basename(DATASET);

// Create a project and rename it.
const created = expect(await me.POST("/api/projects", { body: { name: "Iris" } }));
const params = { path: { project_id: created.project_id } };
console.log("created:", created.project.name);

const updated = expect(
  await me.PUT("/api/projects/{project_id}", { params, body: { name: "Iris flowers" } }),
);
console.log("updated:", updated.project.name);

const query = { search: "FLOWERS", limit: 10 };
const found = expect(await me.GET("/api/projects", { params: { query } }));
console.log("found:", found.total, found.items[0].status);

// Share it.
const invitation = { email: COLLEAGUE_EMAIL, role: "editor" } as const;
expect(await me.POST("/api/projects/{project_id}/members", { params, body: invitation }));
const members = expect(await me.GET("/api/projects/{project_id}/members", { params })).items;
console.log("members:", ...members.map((member) => `${member.name} ${member.role}`));

// Upload a file, see it in the timeline, download it again.
const uploaded = expect(
  await colleague.POST("/api/datasets/upload", {
    body: { project_id: created.project_id, name, file: new File([content], name) },
    bodySerializer: asForm,
  }),
);
console.log("uploaded: score", Math.round(uploaded.quality.overall_score));

const timeline = expect(await me.GET("/api/projects/{project_id}/timeline", { params }));
const event = timeline.events[0];
assert(event.type === "dataset");
console.log("timeline:", event.name, event.rows, "rows,", event.columns, "columns");

const downloaded: Blob = expect(
  await me.GET("/api/datasets/{dataset_id}/download", {
    params: { path: { dataset_id: uploaded.dataset_id } },
    parseAs: "blob",
  }),
);
assert(content.equals(new Uint8Array(await downloaded.arrayBuffer())));
console.log("downloaded:", downloaded.size, "bytes");

// Export the project and unzip the archive.
const exported: Blob = expect(
  await me.GET("/api/projects/{project_id}/export", { params, parseAs: "blob" }),
);
const files = Object.entries(unzipSync(new Uint8Array(await exported.arrayBuffer())));
assert(content.equals(files[1][1]));
console.log("exported:", ...files.map(([path]) => basename(path)));

// Start an experiment, and cancel it.
const { experiment_id, experiment } = expect(
  await me.POST("/api/experiments", {
    body: {
      project_id: created.project_id,
      dataset_version_id: uploaded.dataset_version_id,
      name: "AutoML Run 1",
      target_column: "species",
      problem_type: "multiclass",
      config: { max_models: 2 },
    },
  }),
);
const { max_models, nfolds } = experiment.config;
console.log("experiment:", experiment.status, max_models, "models", nfolds, "folds");
expect(
  await me.DELETE("/api/experiments/{experiment_id}", { params: { path: { experiment_id } } }),
);

// Deploy a model that is trained, and ask it by its new name.
const models = expect(
  await me.GET("/api/models", { params: { query: { project_id: PROJECT_ID, limit: 1 } } }),
);
const { deployment_id, deployment } = expect(
  await me.POST("/api/mlops/projects/{project_id}/deployments", {
    params: { path: { project_id: PROJECT_ID } },
    body: { model_id: models.items[0].id, name: "Fraud check", stage: "production" },
  }),
);
console.log("deployed:", deployment.stage, deployment.status);

const { predictions } = expect(
  await me.POST("/api/mlops/deployments/{deployment_id}/predict", {
    params: { path: { deployment_id } },
    body: { inputs: { amount: 12.5, channel: "chip" }, options: { probabilities: false } },
  }),
);
assert(predictions[0].probabilities === null);
console.log("asked:", predictions[0].prediction);

// What can go wrong is a result too.
report(await stranger.GET("/api/projects/{project_id}", { params }));
report(await colleague.DELETE("/api/projects/{project_id}", { params }));
report(
  await me.DELETE("/api/projects/{project_id}/members/{member_id}", {
    params: { path: { ...params.path, member_id: members[0].user_id } },
  }),
);
report(
  await me.POST("/api/datasets/upload", {
    body: {
      project_id: created.project_id,
      name: "archive.csv",
      file: new File([exported], "archive.csv"),
    },
    bodySerializer: asForm,
  }),
);

const deleted = expect(await me.DELETE("/api/projects/{project_id}", { params }));
console.log("deleted:", deleted.ok);
report(await me.GET("/api/projects/{project_id}", { params }));

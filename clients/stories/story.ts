// A whole story with the TypeScript package: a project is made, filled, taken away and removed.

import { readFile } from "node:fs/promises";

import { Client, JobTimeout, ProblemError } from "projects-api-client";

const { BASE_URL, API_KEY, DATASET } = process.env as Record<string, string>;
const content = await readFile(DATASET!);
const client = new Client(BASE_URL!, API_KEY!);

// Where the answer is lost, the call is repeated, and the project made once all the same.
const created = await client.createProject({ name: "Iris" });
const { project_id } = created;
console.log("created:", created.project.name);
const same: string[] = [];
for await (const one of client.iterateProjects({ limit: 1 })) {
  if (one.name === "Iris") same.push(one.id);
}
console.log("of this name:", same.length);

const sent: number[] = [];
const uploaded = await client.uploadDataset(
  { project_id, name: "iris.csv", file: new Blob([content]) },
  { onProgress: (done) => sent.push(done) },
);
console.log("uploaded: all", Math.max(...sent) >= content.byteLength);
for (const number of [0, 1, 2]) {
  const file = new File([`x,y\n${number},1\n`], `part${number}.csv`);
  await client.uploadDataset({ project_id, name: file.name, file });
}
const names: string[] = [];
for await (const one of client.iterateDatasets({ project_id, limit: 2 })) names.push(one.name);
console.log("data sets:", ...names.sort());

// A download that breaks off goes on where it was.
const copy = await client.downloadDataset(uploaded.dataset_id);
console.log("downloaded: same", content.equals(new Uint8Array(await copy.arrayBuffer())));

const archive = await client.exportProject(project_id);
const imported = await client.importProject({ name: "Iris again", file: archive });
const job = await client.waitForJob(imported.job_id, { timeoutSeconds: 120 });
console.log("imported:", job.status, job.progress);

const experiment = await client.createExperiment({
  project_id,
  dataset_version_id: uploaded.dataset_version_id,
  name: "AutoML Run 1",
  target_column: "species",
  problem_type: "multiclass",
});
try {
  await client.waitForJob(experiment.job_id, { timeoutSeconds: 0 });
} catch (error) {
  if (!(error instanceof JobTimeout)) throw error;
  console.log("training:", error.job.kind);
}
await client.deleteExperiment(experiment.experiment_id);

try {
  await client.predict("00000000-0000-7000-8000-000000000000", { inputs: { x: 1 } });
} catch (problem) {
  if (!(problem instanceof ProblemError)) throw problem;
  console.log(problem.status, problem.kind, "with a request id", problem.requestId !== "");
}
try {
  await client.createProject({ name: "" });
} catch (problem) {
  if (!(problem instanceof ProblemError)) throw problem;
  console.log(problem.status, problem.kind, problem.errors[0]?.pointer);
}

console.log("deleted:", (await client.deleteProject(project_id)).ok);

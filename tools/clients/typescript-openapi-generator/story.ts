// The whole story with the TypeScript client that openapi-generator generates.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";

import { unzipSync } from "fflate";

import {
  Configuration,
  DatasetsApi,
  DeploymentsApi,
  DeploymentStage,
  ExperimentRequestedType,
  ExperimentsApi,
  ExportApi,
  MemberRole,
  MembersApi,
  type Problem,
  ProblemFromJSON,
  ProjectsApi,
  ResponseError,
  TimelineApi,
  TrainedModelsApi,
} from "./client/index.js";

const { BASE_URL, API_KEY, COLLEAGUE_KEY, COLLEAGUE_EMAIL, DATASET, PROJECT_ID } =
  process.env as Record<string, string>;

/** What calls as the key's owner. */
const signIn = (apiKey: string) =>
  new Configuration({ basePath: BASE_URL, accessToken: apiKey });

/** Print what kind of problem a call ends with. */
async function report(call: Promise<unknown>): Promise<void> {
  const error: unknown = await call.catch((reason: unknown) => reason);
  assert(error instanceof ResponseError);
  const problem: Problem = ProblemFromJSON(await error.response.json());
  console.log(problem.status, problem.type.split(":").at(-1));
}

const me = signIn(API_KEY);
const colleague = signIn(COLLEAGUE_KEY);
const stranger = signIn("no such key");
const projects = new ProjectsApi(me);
const members = new MembersApi(me);
const datasets = new DatasetsApi(me);
const content = await readFile(DATASET);
const name = basename(DATASET);

// Create a project and rename it.
const { projectId, project } = await projects.createProject({ projectCreate: { name: "Iris" } });
console.log("created:", project.name);

const updated = await projects.updateProject({ projectId, projectUpdate: { name: "Iris flowers" } });
console.log("updated:", updated.project.name);

const found = await projects.listProjects({ search: "FLOWERS", limit: 10 });
console.log("found:", found.total, found.items[0].status);

// Share it.
const memberAdd = { email: COLLEAGUE_EMAIL, role: MemberRole.Editor };
await members.addMember({ projectId, memberAdd });
const everybody = (await members.listMembers({ projectId })).items;
console.log("members:", ...everybody.map((member) => `${member.name} ${member.role}`));

// Upload a file, see it in the timeline, download it again.
const file = new File([content], name);
const uploaded = await new DatasetsApi(colleague).uploadDataset({ projectId, name, file });
console.log("uploaded: score", Math.round(uploaded.quality.overallScore));

const event = (await new TimelineApi(me).getTimeline({ projectId })).events[0];
assert(event.type === "dataset");
console.log("timeline:", event.name, event.rows, "rows,", event.columns, "columns");

const downloaded: Blob = await datasets.downloadDataset({ datasetId: uploaded.datasetId });
assert(content.equals(new Uint8Array(await downloaded.arrayBuffer())));
console.log("downloaded:", downloaded.size, "bytes");

// Export the project and unzip the archive.
const exported: Blob = await new ExportApi(me).exportProject({ projectId });
const files = Object.entries(unzipSync(new Uint8Array(await exported.arrayBuffer())));
assert(content.equals(files[1][1]));
console.log("exported:", ...files.map(([path]) => basename(path)));

// Start an experiment, and cancel it.
const experiments = new ExperimentsApi(me);
const experimentCreate = {
  projectId,
  datasetVersionId: uploaded.datasetVersionId,
  name: "AutoML Run 1",
  targetColumn: "species",
  problemType: ExperimentRequestedType.Multiclass,
  config: { maxModels: 2 },
};
const { experimentId, experiment } = await experiments.createExperiment({ experimentCreate });
const { maxModels, nfolds } = experiment.config;
console.log("experiment:", experiment.status, maxModels, "models", nfolds, "folds");
await experiments.deleteExperiment({ experimentId });

// Deploy a model that is trained, and ask it by its new name.
const deployments = new DeploymentsApi(me);
const [model] = (await new TrainedModelsApi(me).listModels({ projectId: PROJECT_ID })).items;
const { deploymentId, deployment } = await deployments.createDeployment({
  projectId: PROJECT_ID,
  deploymentCreate: { modelId: model.id, name: "Fraud check", stage: DeploymentStage.Production },
});
console.log("deployed:", deployment.stage, deployment.status);

const { predictions } = await deployments.predictWithDeployment({
  deploymentId,
  predictionRequest: {
    inputs: { amount: 12.5, channel: "chip" },
    options: { probabilities: false },
  },
});
assert(predictions[0].probabilities === null);
console.log("asked:", predictions[0].prediction);

// What can go wrong is thrown.
await report(new ProjectsApi(stranger).getProject({ projectId }));
await report(new ProjectsApi(colleague).deleteProject({ projectId }));
await report(members.removeMember({ projectId, memberId: everybody[0].userId }));
const noTable = new File([exported], "archive.csv");
await report(datasets.uploadDataset({ projectId, name: noTable.name, file: noTable }));

const deleted = await projects.deleteProject({ projectId });
console.log("deleted:", deleted.ok);
await report(projects.getProject({ projectId }));

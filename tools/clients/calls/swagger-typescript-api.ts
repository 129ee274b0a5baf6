// One call with the client that swagger-typescript-api generates.

import { Api, type HttpResponse, type Problem, type ProjectEnvelope } from "./client/api.js";

const { BASE_URL, API_KEY } = process.env as Record<string, string>;
const { api } = new Api({
  baseUrl: BASE_URL,
  baseApiParams: { secure: true },
  securityWorker: () => ({ headers: { Authorization: `Bearer ${API_KEY}` } }),
});
const { data } = await api.listProjects({ limit: 1 });
console.log(data.total, data.items[0].name);

try {
  await api.getProject("00000000-0000-7000-8000-000000000000");
} catch (thrown) {
  const { error } = thrown as HttpResponse<ProjectEnvelope, Problem>;
  console.log(error.status, error.type);
}

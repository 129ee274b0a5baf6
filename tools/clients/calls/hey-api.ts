// One call with the client that hey-api generates.

import { createClient } from "./client/client/index.js";
import { getProject, listProjects } from "./client/index.js";

const { BASE_URL, API_KEY } = process.env as Record<string, string>;
const client = createClient({ baseUrl: BASE_URL, auth: () => API_KEY });
const { data } = await listProjects({ client, query: { limit: 1 } });
console.log(data?.total, data?.items[0].name);

const path = { project_id: "00000000-0000-7000-8000-000000000000" };
const { error } = await getProject({ client, path });
console.log(error?.status, error?.type);

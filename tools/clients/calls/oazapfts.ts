// One call with the client that oazapfts generates.

import { defaults, getProject, listProjects } from "./client.js";

const { BASE_URL, API_KEY } = process.env as Record<string, string>;
defaults.baseUrl = BASE_URL;
defaults.headers = { Authorization: `Bearer ${API_KEY}` };
const answer = await listProjects({ limit: 1 });
if (answer.status === 200) console.log(answer.data.total, answer.data.items[0].name);

const missing = await getProject("00000000-0000-7000-8000-000000000000");
if (missing.status === 404) console.log(missing.data.status, missing.data.type);

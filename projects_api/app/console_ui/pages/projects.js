// The caller's projects: found, sorted, made, brought back from an archive.

import { call, upload } from "../api.js";
import { jobEnd, useAnswer } from "../data.js";
import { count } from "../format.js";
import { Asked, Field, Form, Pager, pageOf, Progress, Table, Time, Title } from "../parts.js";
import { amend, go, useRoute } from "../route.js";
import { html, useState } from "../view.js";

/** @type {[string, string][]} */
const SORTS = [
  ["created_at desc", "Newest first"],
  ["created_at asc", "Oldest first"],
  ["name asc", "Name, A to Z"],
  ["name desc", "Name, Z to A"],
  ["dataset_count desc", "Most data sets"],
  ["experiment_count desc", "Most experiments"],
  ["model_count desc", "Most models"],
];

export function Projects() {
  const { query } = useRoute();
  const sort = query.get("sort") || "created_at desc";
  const [field, direction] = /** @type {any} */ (sort.split(" "));
  const search = query.get("search") || "";
  const found = useAnswer("list_projects", {
    query: { ...pageOf(), search, sort_field: field, sort_direction: direction },
  });
  return html`
    <${Title} name="Projects" />
    <section aria-label="Your projects">
      <form class="row" role="search" aria-label="Find projects" onSubmit=${(/** @type {any} */ event) => {
        event.preventDefault();
        amend({ search: event.currentTarget.elements.search.value, offset: 0 });
      }}>
        <${Field} label="Name or description has" type="search" name="search" defaultValue=${search} dir="auto" />
        <${Field} label="Order" as="select" value=${sort}
          onChange=${(/** @type {any} */ event) => amend({ sort: event.currentTarget.value, offset: 0 })}>
          ${SORTS.map(([value, name]) => html`<option value=${value}>${name}</option>`)}
        <//>
        <div class="field"><button>Search</button></div>
      </form>
      <${Asked} of=${found}>
        ${(/** @type {import("../api.js").Answer<"list_projects">} */ list) =>
          list.items.length === 0
            ? html`<p role="status">
                ${search ? "No project has that in its name or description." : "You are in no project yet. Create one below."}
              </p>`
            : html`<${Rows} list=${list} /><${Pager} of=${list} />`}
      <//>
    </section>
    <div class="grid-2"><${Create} /><${Import} /></div>
  `;
}

/** @param {{list: import("../api.js").Answer<"list_projects">}} props */
const Rows = ({ list }) => html`
  <${Table} label="Projects" heads=${["Name", "Data sets", "Experiments", "Models", "Created"]}>
    ${list.items.map(
      (one) => html`<tr>
        <td>
          <a href=${`#/projects/${one.id}`} dir="auto">${one.name}</a>
          ${one.description && html`<div class="small" dir="auto">${one.description}</div>`}
        </td>
        <td>${count(one.dataset_count)}</td>
        <td>${count(one.experiment_count)}</td>
        <td>${count(one.model_count)}</td>
        <td><${Time} at=${one.created_at} /></td>
      </tr>`,
    )}
  <//>
`;

const Create = () => html`
  <section>
    <h2>Create a project</h2>
    <${Form} label="Create a project" button="Create" run=${async (/** @type {any} */ { name, description }) => {
      const made = await call("create_project", { body: { name, description } });
      go(`/projects/${made.project_id}`);
    }}>
      <${Field} label="Name" name="name" required most=${255} dir="auto" />
      <${Field} label="Description" name="description" as="textarea" rows="2" dir="auto" />
    <//>
  </section>
`;

function Import() {
  const [progress, tell] = useState(/** @type {{value: number, note: string} | null} */ (null));
  /** @param {any} values */
  const run = async ({ file, name }) => {
    try {
      const { job_id } = await upload("import_project", {
        form: name ? { file, name } : { file },
        signal: new AbortController().signal,
        onProgress: (value) => tell({ value, note: "sending" }),
      });
      const job = await jobEnd(job_id, (one) => tell({ value: one.progress / 100, note: one.stage || one.status }));
      if (job.status !== "succeeded") throw new Error(job.message || "The import did not succeed.");
      go(`/projects/${job.entity_id}`);
    } finally {
      tell(null);
    }
  };
  return html`
    <section>
      <h2>Import a project</h2>
      <${Form} label="Import a project" button="Import" run=${run}>
        <${Field} label="Archive" hint="What “Export” of a project gave, from any server" type="file" name="file" accept=".zip" required />
        <${Field} label="Another name (optional)" name="name" most=${255} dir="auto" />
      <//>
      ${progress && html`<${Progress} label="Import" ...${progress} />`}
    </section>
  `;
}

// Everybody's jobs, for operators: which wait, which run, and how to end one.

import { call } from "../api.js";
import { isOver, useAnswer } from "../data.js";
import { share, words } from "../format.js";
import { Asked, Field, Pager, pageOf, Status, Table, Time, Title, Twice } from "../parts.js";
import { amend, useRoute } from "../route.js";
import { html } from "../view.js";

const STATUSES = ["queued", "running", "succeeded", "failed", "cancelled"];

export function ServerJobs() {
  const status = /** @type {any} */ (useRoute().query.get("status") || "");
  const found = useAnswer("list_jobs", { query: { ...pageOf(), status } });
  /** @param {string} job_id */
  const cancel = async (job_id) => {
    await call("cancel_job", { path: { job_id } });
    found.reload();
  };
  return html`
    <${Title} name="Jobs" />
    <section aria-label="Everybody's jobs">
      <${Field} label="Status" as="select" value=${status}
        onChange=${(/** @type {any} */ event) => amend({ status: event.currentTarget.value, offset: 0 })}>
        <option value="">All</option>
        ${STATUSES.map((one) => html`<option value=${one}>${one}</option>`)}
      <//>
      <${Asked} of=${found}>
        ${(/** @type {import("../api.js").Answer<"list_jobs">} */ list) =>
          list.items.length === 0
            ? html`<p role="status">There is no such job.</p>`
            : html`
                <${Table} label="Jobs" heads=${["Kind", "Of", "Status", "Done", "Queued", "Begun", "Ended", "Cancel"]}>
                  ${list.items.map((one) => html`<${Row} key=${one.job.id} one=${one} cancel=${cancel} />`)}
                <//>
                <${Pager} of=${list} />
              `}
      <//>
    </section>
  `;
}

/** @param {{one: import("../api.js").Schemas["ServerJob"], cancel: (id: string) => Promise<void>}} props */
const Row = ({ one: { job, user_id, email }, cancel }) => html`
  <tr>
    <td>${words(job.kind)}<div class="small"><code>${job.id}</code></div></td>
    <td><a href=${`#/people/${user_id}`}>${email}</a></td>
    <td>
      <${Status} status=${job.status} />
      ${job.message && html`<div class="small" dir="auto">${job.message}</div>`}
    </td>
    <td>${share(job.progress / 100)}</td>
    <td><${Time} at=${job.created_at} /></td>
    <td><${Time} at=${job.started_at} /></td>
    <td><${Time} at=${job.finished_at} /></td>
    <td>
      ${!isOver(job.status) &&
      html`<${Twice} verb="Cancel" name=${`the job ${job.id}`} run=${() => cancel(job.id)} warning="" />`}
    </td>
  </tr>
`;

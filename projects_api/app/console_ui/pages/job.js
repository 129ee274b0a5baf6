// Long work, by its id.

import { isOver, useAnswer } from "../data.js";
import { seconds, words } from "../format.js";
import { Asked, Crumbs, Facts, Progress, Status, Time, Title } from "../parts.js";
import { html } from "../view.js";

/** @param {{id: string}} props */
export function JobPage({ id }) {
  const found = useAnswer("get_job", { path: { job_id: id } }, { every: 1000, until: ({ job }) => isOver(job.status) });
  return html`
    <${Asked} of=${found}>
      ${(/** @type {import("../api.js").Answer<"get_job">} */ { job }) => html`
        <${Crumbs} links=${[["/projects", "Projects"], ...(job.project_id ? [[`/projects/${job.project_id}`, "Project"]] : [])]} />
        <${Title} name=${`Job: ${words(job.kind)}`} />
        <section aria-label="The job">
          <p role="status"><${Status} status=${job.status} /> ${job.message}</p>
          <${Progress} label="Progress" value=${job.progress / 100} note=${job.stage || ""} />
          <${Facts} of=${[
            ["Left", seconds(job.seconds_left)],
            ["Attempts", job.attempts],
            ["Created", html`<${Time} at=${job.created_at} />`],
            ["Started", html`<${Time} at=${job.started_at} />`],
            ["Finished", html`<${Time} at=${job.finished_at} />`],
          ]} />
        </section>
      `}
    <//>
  `;
}

// What happened in a project, one after the other.

import { useAnswer } from "../data.js";
import { count, seconds } from "../format.js";
import { Asked, Pager, pageOf, Status, Time } from "../parts.js";
import { html } from "../view.js";

/** @param {{project: import("../api.js").Schemas["Project"]}} props */
export function Timeline({ project }) {
  const found = useAnswer("get_timeline", { path: { project_id: project.id }, query: pageOf() });
  return html`
    <section>
      <h2>Timeline</h2>
      <${Asked} of=${found}>
        ${(/** @type {import("../api.js").Answer<"get_timeline">} */ page) =>
          page.events.length === 0
            ? html`<p>Nothing has happened yet. <a href=${`#/projects/${project.id}/data`}>Upload a table</a>.</p>`
            : html`<ol class="timeline">${page.events.map(event)}</ol><${Pager} of=${page} />`}
      <//>
    </section>
  `;
}

/** @param {import("../api.js").Answer<"get_timeline">["events"][number]} one */
function event(one) {
  if (one.type === "dataset") {
    return html`<li class="dataset">
      <p class="small"><${Time} at=${one.timestamp} />, data set</p>
      <p><a href=${`#/datasets/${one.id}`} dir="auto">${one.name}</a></p>
      <p class="small">${count(one.rows)} rows, ${count(one.columns)} columns</p>
    </li>`;
  }
  return html`<li class="experiment">
    <p class="small"><${Time} at=${one.timestamp} />, experiment <${Status} status=${one.status} /></p>
    <p><a href=${`#/experiments/${one.id}`} dir="auto">${one.name}</a></p>
    <p class="small" dir="auto">
      ${one.problem_type} of ${one.target_column}
      ${one.best_model_type && html`, best with ${one.best_model_type}`}
      ${one.duration !== null && html`, in ${seconds(one.duration)}`}
    </p>
  </li>`;
}

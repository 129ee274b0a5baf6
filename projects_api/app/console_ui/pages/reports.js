// The reports of a project, and the form that makes one.

import { call } from "../api.js";
import { useAnswer, useChoices } from "../data.js";
import { Asked, Field, Form, May, Pager, Status, Table, Time, pageOf } from "../parts.js";
import { go } from "../route.js";
import { html, useState } from "../view.js";

/** @param {{project: import("../api.js").Schemas["Project"]}} props */
export function Reports({ project }) {
  const found = useAnswer("list_reports", { query: { project_id: project.id, ...pageOf() } });
  return html`
    <section>
      <h2>Reports</h2>
      <${Asked} of=${found}>
        ${(/** @type {import("../api.js").Answer<"list_reports">} */ list) =>
          list.items.length === 0
            ? html`<p>There is no report yet.</p>`
            : html`
                <${Table} label="Reports" heads=${["Name", "About a", "Status", "Created"]}>
                  ${list.items.map(
                    (one) => html`<tr>
                      <td><a href=${`#/reports/${one.id}`} dir="auto">${one.name}</a></td>
                      <td>${one.kind}</td>
                      <td><${Status} status=${one.status} /></td>
                      <td><${Time} at=${one.created_at} /></td>
                    </tr>`,
                  )}
                <//>
                <${Pager} of=${list} />
              `}
      <//>
    </section>
    <${May} project=${project.id} to="create_report"><section>
      <h2>Make a report</h2>
      <${Make} project=${project} />
    </section><//>
  `;
}

/** @typedef {import("../api.js").Schemas["ReportKind"]} Kind */

/** @typedef {{limit: number, offset: number}} Page */
/** @typedef {{items: {id: string, name: string}[], total: number}} Found */

/** @type {Record<Kind, (id: string) => (page: Page) => Promise<Found>>} */
const LISTS = {
  project: () => async () => ({ items: [], total: 0 }),
  experiment: (id) => (page) => call("list_experiments", { query: { project_id: id, ...page } }),
  model: (id) => (page) => call("list_models", { query: { project_id: id, ...page } }),
  deployment: (id) => (page) => call("list_deployments", { path: { project_id: id }, query: page }),
};

/** @param {{project: import("../api.js").Schemas["Project"]}} props */
function Make({ project }) {
  const [kind, choose] = useState(/** @type {Kind} */ ("project"));
  const all = useChoices(LISTS[kind](project.id), [project.id, kind === "project" ? null : kind]);
  /** @param {any} values */
  const run = async ({ subject, title }) => {
    const made = await call("create_report", {
      body: {
        project_id: project.id,
        kind,
        ...(kind === "project" ? {} : { entity_id: subject }),
        options: title ? { title } : {},
      },
    });
    go(`/reports/${made.report_id}`);
  };
  return html`
    <${Form} label="Make a report" button="Make" run=${run}>
      <div class="fields">
        <${Field} label="About a" as="select" value=${kind}
          onChange=${(/** @type {any} */ event) => choose(event.currentTarget.value)}>
          ${["project", "experiment", "model", "deployment"].map((one) => html`<option>${one}</option>`)}
        <//>
        ${kind !== "project" &&
        html`<${Field} label="Which one" as="select" name="subject" key=${kind} required dir="auto">
          ${all.items.map((one) => html`<option value=${one.id}>${one.name}</option>`)}
        <//>`}
        <${Field} label="Title (optional)" name="title" most=${255} dir="auto" />
      </div>
    <//>
  `;
}

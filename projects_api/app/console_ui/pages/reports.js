// The reports of a project, and the form that makes one.

import { call } from "../api.js";
import { useAnswer } from "../data.js";
import { Asked, Field, Form, Pager, pageOf, Status, Table, Time } from "../parts.js";
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
            ? html`<p>There is no report yet. Make one below.</p>`
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
    <section>
      <h2>Make a report</h2>
      <${Make} project=${project} />
    </section>
  `;
}

/** @typedef {import("../api.js").Schemas["ReportKind"]} Kind */

/** @param {{project: import("../api.js").Schemas["Project"]}} props */
function Make({ project }) {
  const [kind, choose] = useState(/** @type {Kind} */ ("project"));
  const query = { project_id: project.id, limit: 500 };
  const experiments = useAnswer("list_experiments", { query }, { skip: kind !== "experiment" });
  const models = useAnswer("list_models", { query }, { skip: kind !== "model" });
  const path = { project_id: project.id };
  const deployments = useAnswer("list_deployments", { path, query: { limit: 500 } }, { skip: kind !== "deployment" });
  const all = { project: null, experiment: experiments, model: models, deployment: deployments }[kind];
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
        html`<${Field} label="Which one" as="select" name="subject" required dir="auto">
          ${all?.answer?.items.map((one) => html`<option value=${one.id}>${one.name}</option>`)}
        <//>`}
        <${Field} label="Title (optional)" name="title" maxlength="255" dir="auto" />
      </div>
    <//>
  `;
}

// The deployments of a project, by stage.

import { useAnswer } from "../data.js";
import { Asked, Pager, pageOf, Status, Table, Time } from "../parts.js";
import { html } from "../view.js";

/** @param {{project: import("../api.js").Schemas["Project"]}} props */
export function Deployments({ project }) {
  const found = useAnswer("list_deployments", { path: { project_id: project.id }, query: pageOf() });
  return html`
    <section>
      <h2>Deployments</h2>
      <${Asked} of=${found}>
        ${(/** @type {import("../api.js").Answer<"list_deployments">} */ list) =>
          list.items.length === 0
            ? html`<p>No model is deployed yet. The page of a model deploys it.</p>`
            : html`
                <${Table} label="Deployments" heads=${["Name", "Stage", "Status", "Traffic", "Model", "Changed"]}>
                  ${list.items.map(
                    (one) => html`<tr>
                      <td><a href=${`#/deployments/${one.id}`} dir="auto">${one.name}</a></td>
                      <td><${Status} status=${one.stage} /></td>
                      <td><${Status} status=${one.status} /></td>
                      <td>${one.traffic_percent} %</td>
                      <td><a href=${`#/models/${one.model_id}`}>Its model</a></td>
                      <td><${Time} at=${one.updated_at} /></td>
                    </tr>`,
                  )}
                <//>
                <${Pager} of=${list} />
              `}
      <//>
    </section>
  `;
}

// The data sets of a project, and where another one is uploaded.

import { useAnswer } from "../data.js";
import { bytes, count } from "../format.js";
import { Asked, May, Pager, pageOf, Table, Time } from "../parts.js";
import { go } from "../route.js";
import { html } from "../view.js";
import { Upload } from "./upload.js";

/** @param {{project: import("../api.js").Schemas["Project"]}} props */
export function Data({ project }) {
  const found = useAnswer("list_datasets", { query: { project_id: project.id, ...pageOf() } });
  return html`
    <section>
      <h2>Data sets</h2>
      <${Asked} of=${found}>
        ${(/** @type {import("../api.js").Answer<"list_datasets">} */ list) =>
          list.items.length === 0
            ? html`<p>There is no data set yet.</p>`
            : html`
                <${Table} label="Data sets" heads=${["Name", "Rows", "Columns", "Quality", "Size", "Version", "Changed"]}>
                  ${list.items.map(
                    (one) => html`<tr>
                      <td><a href=${`#/datasets/${one.id}`} dir="auto">${one.name}</a></td>
                      <td>${count(one.rows)}</td>
                      <td>${count(one.columns)}</td>
                      <td>${one.quality.overall_score} of 100</td>
                      <td>${bytes(one.size_bytes)}</td>
                      <td>${one.version}</td>
                      <td><${Time} at=${one.updated_at} /></td>
                    </tr>`,
                  )}
                <//>
                <${Pager} of=${list} />
              `}
      <//>
    </section>
    <${May} project=${project.id} to="upload_dataset"><section>
      <h2>Upload a table</h2>
      <${Upload} label="Upload a table" target=${{ project_id: project.id }}
        done=${(/** @type {any} */ made) => go(`/datasets/${made.dataset_id}`)} />
    </section><//>
  `;
}

// A data set: how it was read, what is wrong with it, what its columns hold, and its versions.

import { call } from "../api.js";
import { useAnswer } from "../data.js";
import { bytes, cell, count, words } from "../format.js";
import { Asked, Crumbs, Delete, Download, Facts, May, Pager, pageOf, Table, Time, Title } from "../parts.js";
import { amend, go, useRoute } from "../route.js";
import { html } from "../view.js";
import { Columns } from "./columns.js";
import { Upload } from "./upload.js";

/** @param {{id: string}} props */
export function DatasetPage({ id }) {
  const path = { dataset_id: id };
  const found = useAnswer("get_dataset", { path });
  const asked = useRoute().query.get("version");
  const version = asked && /^[1-9]\d{0,8}$/.test(asked) ? Number(asked) : undefined;
  return html`
    <${Asked} of=${found}>
      ${(/** @type {import("../api.js").Answer<"get_dataset">} */ { dataset }) => html`
        <${Crumbs} links=${[["/projects", "Projects"], [`/projects/${dataset.project_id}`, "Project"],
          [`/projects/${dataset.project_id}/data`, "Data sets"]]} />
        <${Title} name=${dataset.name} />
        <section aria-label="The data set">
          ${dataset.description && html`<p dir="auto">${dataset.description}</p>`}
          <${Facts} of=${[
            ["Rows", count(dataset.rows)],
            ["Columns", count(dataset.columns)],
            ["Format", dataset.format],
            ["Size", bytes(dataset.size_bytes)],
            ["Version", dataset.version],
            ["Changed", html`<${Time} at=${dataset.updated_at} />`],
          ]} />
          <p class="row">
            <${May} project=${dataset.project_id} to="create_experiment">
              <a href=${`#/projects/${dataset.project_id}/experiments?dataset=${id}`}>Train models on it</a>
            <//>
            <${Download} operation="download_dataset" request=${{ path, query: { format: "csv", version } }}>Download as CSV<//>
            <${Download} operation="download_dataset" request=${{ path, query: { format: "parquet", version } }}>Download as Parquet<//>
          </p>
        </section>
        ${version && html`<p class="note">
          You look at version ${version}. <button onClick=${() => amend({ version: "" })}>See the newest one</button>
        </p>`}
        <div class="grid-2 apart">
          <${Reading} reading=${dataset.reading} />
          <${Quality} path=${path} version=${version} />
        </div>
        <${Preview} path=${path} version=${version} />
        <${Columns} path=${path} version=${version} />
        <${Versions} path=${path} current=${version || dataset.version} key=${`versions ${dataset.version}`} />
        <${May} project=${dataset.project_id} to="upload_dataset_version"><section>
          <h2>Upload another version</h2>
          <${Upload} label="Upload another version" target=${path} done=${() => found.reload()} />
        </section><//>
        <${May} project=${dataset.project_id} to="delete_dataset"><section>
          <h2>Delete</h2>
          <${Delete} what="data set" name=${dataset.name} run=${async () => {
            await call("delete_dataset", { path });
            go(`/projects/${dataset.project_id}/data`);
          }} />
        </section><//>
      `}
    <//>
  `;
}

/** @param {{reading: import("../api.js").Schemas["TableReading"]}} props */
function Reading({ reading }) {
  const said = new Set(/** @type {string[]} */ (reading.given || []));
  const rows = Object.entries(reading).filter(([name]) => name !== "given");
  return html`
    <section>
      <h2>How it was read</h2>
      ${rows.length === 0
        ? html`<p>As its file says; only a CSV leaves open how it is to be read.</p>`
        : html`<${Facts} of=${rows.map(([name, value]) => [
            `${words(name)}${said.has(name) ? " (as you said)" : ""}`,
            Array.isArray(value)
              ? [...new Set(value.map((one) => one.trim() || "(blank)"))].join(", ") || "–"
              : shown(value),
          ])} />`}
    </section>
  `;
}

/** @param {unknown} value */
function shown(value) {
  if (value === "\t") return "tab";
  if (value === true) return "yes";
  return value === false ? "no" : cell(value) || "–";
}

/** @param {{path: {dataset_id: string}, version?: number}} props */
function Quality({ path, version }) {
  const found = useAnswer("get_dataset_quality", { path, query: { version } });
  return html`
    <section>
      <h2>Quality</h2>
      <${Asked} of=${found}>
        ${(/** @type {import("../api.js").Answer<"get_dataset_quality">} */ { quality }) => html`
          <p>
            <meter min="0" max="100" value=${quality.overall_score} aria-label="Quality"></meter>
            ${" "}<strong>${quality.overall_score}</strong> of 100
          </p>
          ${quality.issues.length === 0
            ? html`<p>Nothing was found wanting.</p>`
            : html`<ul>
                ${quality.issues.map(
                  (one) => html`<li dir="auto">
                    <strong>${words(one.kind)}</strong>${one.column !== null && html` in <code>${one.column}</code>`}: ${one.message}
                  </li>`,
                )}
              </ul>`}
        `}
      <//>
    </section>
  `;
}

/** @param {{path: {dataset_id: string}, version?: number}} props */
function Preview({ path, version }) {
  const found = useAnswer("preview_dataset", { path, query: { limit: 20, version } });
  return html`
    <section>
      <h2>First rows</h2>
      <${Asked} of=${found}>
        ${(/** @type {import("../api.js").Answer<"preview_dataset">} */ page) => html`
          <${Table} label="First rows" heads=${page.columns.map((one) => html`<span dir="auto">${one.name}</span>`)}>
            ${page.rows.map((row) => html`<tr>${row.map((value) => html`<td dir="auto">${cell(value)}</td>`)}</tr>`)}
          <//>
          <p class="small">
            ${count(page.rows.length)} of ${count(page.total_rows)} rows,
            ${" "}${count(page.columns.length)} of ${count(page.total_columns)} columns
          </p>
        `}
      <//>
    </section>
  `;
}

/** @param {{path: {dataset_id: string}, current: number}} props */
function Versions({ path, current }) {
  const found = useAnswer("list_dataset_versions", { path, query: pageOf("versions") });
  return html`
    <section>
      <h2>Versions</h2>
      <${Asked} of=${found}>
        ${(/** @type {import("../api.js").Answer<"list_dataset_versions">} */ list) => html`
          <${Table} label="Versions" heads=${["Version", "Rows", "Columns", "Quality", "Size", "Uploaded", "Look"]}>
            ${list.items.map(
              (one) => html`<tr>
                <td>${one.version}</td>
                <td>${count(one.rows)}</td>
                <td>${count(one.columns)}</td>
                <td>${one.quality.overall_score}</td>
                <td>${bytes(one.size_bytes)}</td>
                <td><${Time} at=${one.created_at} /></td>
                <td>
                  ${one.version === current
                    ? "shown"
                    : html`<button aria-label=${`Look at version ${one.version}`}
                        onClick=${() => amend({ version: one.version })}>Look</button>`}
                </td>
              </tr>`,
            )}
          <//>
          <${Pager} of=${list} name="versions" />
        `}
      <//>
    </section>
  `;
}

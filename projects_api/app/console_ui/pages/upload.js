// Sends a table, chosen or dropped, tells how far it is, and can be told to stop.

import { NotDone, upload } from "../api.js";
import { useAction } from "../data.js";
import { bytes } from "../format.js";
import { Field, Problem, Progress } from "../parts.js";
import { html, useEffect, useRef, useState } from "../view.js";

/**
 * `target` says where the file belongs: a project to make a data set in, or a data set.
 * @param {{target: {project_id: string} | {dataset_id: string}, done: (made: any) => void, label: string}} props
 */
export function Upload({ target, done, label }) {
  const [file, choose] = useState(/** @type {File | null} */ (null));
  const [over, hover] = useState(false);
  const [sent, tell] = useState(/** @type {number | null} */ (null));
  const stop = useRef(/** @type {AbortController | null} */ (null));
  useEffect(() => () => stop.current?.abort(), []);
  const action = useAction(async (/** @type {Record<string, any>} */ values) => {
    if (!file) throw new NotDone("Choose a CSV or Parquet file first.");
    stop.current = new AbortController();
    const given = { signal: stop.current.signal, onProgress: tell };
    const said = Object.fromEntries(Object.entries(values).filter(([name, value]) => value && !["file", "name"].includes(name)));
    try {
      done(
        "project_id" in target
          ? await upload("upload_dataset", { form: { ...said, ...target, name: values.name || file.name, file }, ...given })
          : await upload("upload_dataset_version", { path: target, form: { ...said, file }, ...given }),
      );
    } finally {
      tell(null);
    }
  });
  /** @param {any} event */
  const drop = (event) => {
    event.preventDefault();
    hover(false);
    choose(event.dataTransfer.files[0] || null);
  };
  /** @param {any} event */
  const allow = (event) => {
    event.preventDefault();
    hover(true);
  };
  /** @param {any} event */
  const submit = (event) => {
    event.preventDefault();
    action.run(Object.fromEntries(new FormData(event.currentTarget)));
  };
  return html`
    <form aria-label=${label} onSubmit=${submit} aria-busy=${action.busy}>
      <div class=${`drop ${over ? "over" : ""}`} onDragOver=${allow} onDragLeave=${() => hover(false)} onDrop=${drop}>
        <${Field} label="CSV or Parquet file" type="file" accept=".csv,.tsv,.txt,.parquet"
          hint="Or drop one here" onChange=${(/** @type {any} */ event) => choose(event.currentTarget.files[0] || null)} />
        ${file && html`<p role="status" dir="auto">${file.name}, ${bytes(file.size)}</p>`}
      </div>
      ${"project_id" in target &&
      html`<${Field} label="Name (optional)" name="name" most=${255} dir="auto" hint="Without one, the file's" />`}
      <details>
        <summary>Say how a CSV is to be read</summary>
        <p class="hint">What is left empty is found out.</p>
        <div class="fields">
          <${Field} label="Encoding" name="encoding" placeholder="windows-1252" />
          <${Field} label="Delimiter" name="delimiter" placeholder=";" />
          <${Field} label="Decimal mark" as="select" name="decimal">
            <option></option><option>.</option><option>,</option>
          <//>
          <${Field} label="Has a header" as="select" name="header">
            <option></option><option>true</option><option>false</option>
          <//>
          <${Field} label="Lines to skip" name="skip_lines" inputmode="numeric" />
          <${Field} label="Missing values" name="missing" placeholder="-999,?" hint="Commas between; in place of NA, null and the like" />
          <${Field} label="Malformed lines" as="select" name="malformed">
            <option></option><option>refuse</option><option>repair</option><option value="leave_out">leave out</option>
          <//>
        </div>
      </details>
      <${Problem} problem=${action.problem} />
      ${sent !== null && html`<${Progress} label="Upload" value=${sent} note=${sent === 1 ? "the server reads it" : ""} />`}
      <p class="row">
        <button class="primary" disabled=${action.busy}>${action.busy ? "Sending…" : "Upload"}</button>
        ${action.busy && html`<button type="button" onClick=${() => stop.current?.abort()}>Cancel</button>`}
      </p>
    </form>
  `;
}

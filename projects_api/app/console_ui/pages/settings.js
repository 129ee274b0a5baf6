// What an owner does with a project as a whole: rename, take away, delete.

import { call, callTagged, NotDone } from "../api.js";
import { useAnswer } from "../data.js";
import { bytes, count } from "../format.js";
import { Asked, Delete, Download, Facts, Field, Form, May } from "../parts.js";
import { go } from "../route.js";
import { html, useState } from "../view.js";

/** @typedef {{project: import("../api.js").Schemas["Project"], etag: string, reload: () => void}} Props */

/** The project is read anew: what was done on the other parts has changed its ETag. @param {Props} props */
export function Settings({ project, reload }) {
  const found = useAnswer("get_project", { path: { project_id: project.id } });
  return html`
    <${Asked} of=${found}>
      ${(/** @type {import("../api.js").Answer<"get_project">} */ now) => html`
        <${Parts} project=${now.project} etag=${found.etag} reload=${() => {
          found.reload();
          reload();
        }} />
      `}
    <//>
  `;
}

/** @param {Props} props */
const Parts = ({ project, etag, reload }) => html`
  <${May} project=${project.id} to="update_project"><section>
    <h2>Name and description</h2>
    <${Rename} project=${project} etag=${etag} reload=${reload} />
  </section><//>
  <section>
    <h2>Export</h2>
    <p>Everything in the project as one archive, which this or another server can import.</p>
    <${Download} operation="export_project" request=${{ path: { project_id: project.id } }}>Export<//>
  </section>
  <section>
    <h2>Usage</h2>
    <${Usage} project=${project} />
  </section>
  <${May} project=${project.id} to="delete_project"><section>
    <h2>Delete</h2>
    <${Delete} what="project" name=${project.name} run=${async () => {
      try {
        await call("delete_project", { path: { project_id: project.id }, ifMatch: etag });
      } catch (/** @type {any} */ problem) {
        if (problem.status !== 412) throw problem;
        reload();
        throw new NotDone("Somebody has changed the project since this page showed it. Look at it as it is now; then delete it if you still want to.");
      }
      go("/projects");
    }} />
  </section><//>
`;

/** @param {Props} props */
function Rename({ project, etag, reload }) {
  const path = { project_id: project.id };
  // The version that the form began with: reading anew must not hide another person's change.
  const [base, rebase] = useState(etag);
  const [theirs, show] = useState(/** @type {import("../api.js").Schemas["Project"] | null} */ (null));
  const [mine, keep] = useState(/** @type {any} */ (null));
  /** @param {any} values */
  const run = async ({ name, description }) => {
    try {
      const { etag: next } = await callTagged("update_project", { path, body: { name, description }, ifMatch: base });
      show(null);
      rebase(next || "");
      reload();
    } catch (/** @type {any} */ problem) {
      if (problem.status !== 412) throw problem;
      const now = await callTagged("get_project", { path });
      keep({ name, description });
      show(now.body.project);
      rebase(now.etag || "");
    }
  };
  return html`
    <${Form} label="Name and description" button=${theirs ? "Save mine over theirs" : "Save"} run=${run}>
      <${Field} label="Name" name="name" required most=${255} defaultValue=${project.name} dir="auto" />
      <${Field} label="Description" name="description" as="textarea" rows="3" defaultValue=${project.description} dir="auto" />
      ${theirs && html`<${Both} mine=${mine} theirs=${theirs} />`}
    <//>
  `;
}

/** @param {{mine: {name: string, description: string}, theirs: {name: string, description: string}}} props */
const Both = ({ mine, theirs }) => html`
  <div role="alert" class="problem">
    <p><strong>Somebody else has changed the project in the meantime</strong></p>
    <p>Nothing was saved. Save once more to have yours, or leave the page to keep theirs.</p>
    <h3>Yours</h3>
    <p dir="auto">${mine.name}</p>
    <p dir="auto">${mine.description}</p>
    <h3>Theirs</h3>
    <p dir="auto">${theirs.name}</p>
    <p dir="auto">${theirs.description}</p>
  </div>
`;

/** @param {{project: import("../api.js").Schemas["Project"]}} props */
function Usage({ project }) {
  const found = useAnswer("get_usage", { query: { limit: 500 } });
  return html`
    <${Asked} of=${found}>
      ${(/** @type {import("../api.js").Answer<"get_usage">} */ usage) => {
        const mine = usage.items.find((one) => one.project_id === project.id);
        return mine
          ? html`<${Facts} of=${[
              ["Kept", bytes(mine.stored_bytes)],
              ["Files", count(mine.file_count)],
              ["Left", bytes(mine.left_bytes)],
            ]} />`
          : html`<p>Its owners see what the project takes. <a href="#/usage">See your own usage</a>.</p>`;
      }}
    <//>
  `;
}

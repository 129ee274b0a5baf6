// Who changed what in a project, and who was refused; owners may see it.

import { useAnswer } from "../data.js";
import { words } from "../format.js";
import { Asked, Pager, pageOf, Table, Time } from "../parts.js";
import { html } from "../view.js";

/** @param {{project: import("../api.js").Schemas["Project"]}} props */
export function Audit({ project }) {
  const path = { project_id: project.id };
  const found = useAnswer("list_audit_entries", { path, query: pageOf() });
  const members = useAnswer("list_members", { path, query: { limit: 100 } });
  /** @param {string | null} id */
  const nameOf = (id) => members.answer?.items.find((one) => one.user_id === id)?.name || id || "–";
  return html`
    <section>
      <h2>Audit</h2>
      <${Asked} of=${found}>
        ${(/** @type {import("../api.js").Answer<"list_audit_entries">} */ list) =>
          list.items.length === 0
            ? html`<p>Nobody has changed anything yet.</p>`
            : html`
                <${Table} label="Audit" heads=${["When", "Who", "What", "Answer", "Times", "Request"]}>
                  ${list.items.map(
                    (one) => html`<tr>
                      <td><${Time} at=${one.created_at} /></td>
                      <td dir="auto">${nameOf(one.user_id)}</td>
                      <td>${words(one.operation || "–")}</td>
                      <td>${one.status}</td>
                      <td>${one.request_count}</td>
                      <td><code class="small">${one.request_id || "–"}</code></td>
                    </tr>`,
                  )}
                <//>
                <${Pager} of=${list} />
              `}
      <//>
    </section>
  `;
}

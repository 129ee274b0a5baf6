// How much is kept for the caller, and how much may be.

import { useAnswer } from "../data.js";
import { bytes, count } from "../format.js";
import { Asked, Facts, Pager, pageOf, Table, Title } from "../parts.js";
import { html } from "../view.js";

export function UsagePage() {
  const found = useAnswer("get_usage", { query: pageOf() });
  return html`
    <${Title} name="Usage" />
    <${Asked} of=${found}>
      ${(/** @type {import("../api.js").Answer<"get_usage">} */ usage) => html`
        <section aria-label="All that you own">
          <${Facts} of=${[
            ["Kept", bytes(usage.stored_bytes)],
            ["Files", count(usage.file_count)],
            ["Allowed", bytes(usage.quota_bytes)],
            ["Left", bytes(usage.left_bytes)],
          ]} />
        </section>
        <section>
          <h2>By project</h2>
          <${Table} label="Usage by project" heads=${["Project", "Kept", "Files", "Allowed"]}>
            ${usage.items.map(
              (one) => html`<tr>
                <td><a href=${`#/projects/${one.project_id}`} dir="auto">${one.name}</a></td>
                <td>${bytes(one.stored_bytes)}</td>
                <td>${count(one.file_count)}</td>
                <td>${bytes(one.quota_bytes)}</td>
              </tr>`,
            )}
          <//>
          <${Pager} of=${usage} />
        </section>
      `}
    <//>
  `;
}

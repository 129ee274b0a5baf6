// The audit log of the whole server, for operators.

import { call, NotDone } from "../api.js";
import { useAnswer } from "../data.js";
import { words } from "../format.js";
import { Asked, Field, Form, Pager, pageOf, Table, Time, Title } from "../parts.js";
import { amend, useRoute } from "../route.js";
import { html } from "../view.js";

const FIELDS = ["user_id", "project_id", "operation", "status", "since"];

export function ServerAudit() {
  const { query } = useRoute();
  const wanted = Object.fromEntries(FIELDS.map((name) => [name, query.get(name) || ""]));
  const since = wanted["since"] ? new Date(wanted["since"]) : null;
  const found = useAnswer("list_all_audit_entries", {
    query: /** @type {any} */ ({
      ...pageOf(),
      ...wanted,
      since: since && !Number.isNaN(since.getTime()) ? since.toISOString() : "",
    }),
  });
  /** @param {any} values */
  const choose = async (values) => {
    const named = Object.fromEntries(FIELDS.map((name) => [name, values[name].trim()]));
    amend({ ...named, user_id: await idOf(named["user_id"]), offset: 0 });
  };
  return html`
    <${Title} name="Audit" />
    <section aria-label="Who did what on this server">
      <${Form} label="Choose entries" button="Show" run=${choose}>
        <div class="fields">
          <${Field} label="Operation" name="operation" defaultValue=${wanted["operation"]} hint="Such as add_member" />
          <${Field} label="Answer" name="status" type="number" min="100" max="599" defaultValue=${wanted["status"]} hint="Such as 403" />
          <${Field} label="Since" name="since" type="datetime-local" defaultValue=${wanted["since"]} />
          <${Field} label="Person" name="user_id" defaultValue=${wanted["user_id"]} hint="By address or id" />
          <${Field} label="Id of the project" name="project_id" defaultValue=${wanted["project_id"]} />
        </div>
      <//>
      <${Asked} of=${found}>
        ${(/** @type {import("../api.js").Answer<"list_all_audit_entries">} */ list) =>
          list.items.length === 0
            ? html`<p role="status">There is no such entry.</p>`
            : html`<${Rows} list=${list} /><${Pager} of=${list} />`}
      <//>
    </section>
  `;
}

/** Find the person whose address somebody typed; an id is one already. @param {string} typed */
async function idOf(typed) {
  if (!typed.includes("@")) return typed;
  const { items } = await call("list_people", { query: { search: typed, limit: 500 } });
  const found = items.find((one) => one.email.toLowerCase() === typed.toLowerCase());
  if (!found) throw new NotDone(`Nobody has the address ${typed} here. The page People finds a person by a part of it.`);
  return found.id;
}

/** @param {{list: import("../api.js").Schemas["AuditList"]}} props */
const Rows = ({ list }) => html`
  <${Table} label="Audit" heads=${["When", "What", "Answer", "Times", "Who", "About", "Request"]}>
    ${list.items.map(
      (one) => html`<tr key=${one.id}>
        <td><${Time} at=${one.created_at} /></td>
        <td>${words(one.operation || "–")}</td>
        <td>${one.status}</td>
        <td>${one.request_count}</td>
        <td>${one.user_id ? html`<a href=${`#/people/${one.user_id}`}><code class="small">${one.user_id}</code></a>` : "nobody known"}</td>
        <td><code class="small">${one.resource_id || one.project_id || "–"}</code></td>
        <td><code class="small">${one.request_id || "–"}</code></td>
      </tr>`,
    )}
  <//>
`;

// Who outside is told what happens in a project.

import { call, NotDone } from "../../api.js";
import { useAnswer } from "../../data.js";
import { Asked, Field, Form, May, Pager, pageOf, Table, Time, Twice } from "../../parts.js";
import { amend, useRoute } from "../../route.js";
import { html, useState } from "../../view.js";
import { Secret } from "../secret.js";
import { Deliveries } from "./deliveries.js";

/** @typedef {import("../../api.js").Schemas["WebhookEventType"]} EventType */

/** @type {EventType[]} */
const EVENTS = [
  "dataset.uploaded",
  "dataset.deleted",
  "experiment.ended",
  "report.ended",
  "deployment.created",
  "deployment.promoted",
  "deployment.rolled_back",
  "deployment.deactivated",
  "deployment.drifted",
];

/** @param {{project: import("../../api.js").Schemas["Project"]}} props */
export function Webhooks({ project }) {
  const path = { project_id: project.id };
  const found = useAnswer("list_webhooks", { path, query: pageOf() });
  const shown = useRoute().query.get("of");
  /** @param {string} id */
  const remove = async (id) => {
    await call("delete_webhook", { path: { webhook_id: id } });
    if (id === shown) amend({ of: "", from: "" });
    found.reload();
  };
  return html`
    <section>
      <h2>Webhooks</h2>
      <${Asked} of=${found}>
        ${(/** @type {import("../../api.js").Answer<"list_webhooks">} */ list) =>
          list.total === 0
            ? html`<p role="status">No address is told of this project.</p>`
            : html`<${Rows} list=${list} shown=${shown} remove=${remove} /><${Pager} of=${list} />`}
      <//>
    </section>
    ${shown && html`<${Deliveries} key=${shown} id=${shown} />`}
    <${May} project=${project.id} to="create_webhook"><${Register} path=${path} reload=${found.reload} /><//>
  `;
}

/** @param {{list: import("../../api.js").Answer<"list_webhooks">, shown: string | null, remove: (id: string) => Promise<void>}} props */
const Rows = ({ list, shown, remove }) => html`
  <${Table} label="Webhooks" heads=${["Address", "Is told of", "Since", "Deliveries", "Delete"]}>
    ${list.items.map(
      (one) => html`<tr key=${one.id}>
        <td class="address">${one.url}</td>
        <td>${one.events.join(", ")}</td>
        <td><${Time} at=${one.created_at} /></td>
        <td>
          <button aria-pressed=${one.id === shown} aria-label=${`Show what was sent to ${one.url}`}
            onClick=${() => amend({ of: one.id === shown ? "" : one.id, from: "" })}>Show</button>
        </td>
        <td>
          <${Twice} verb="Delete" name=${one.url} run=${() => remove(one.id)}
            warning="What waits to be sent to it is not sent." />
        </td>
      </tr>`,
    )}
  <//>
`;

/** @param {{path: {project_id: string}, reload: () => void}} props */
function Register({ path, reload }) {
  const [made, tell] = useState(
    /** @type {import("../../api.js").Answer<"create_webhook"> | null} */ (null),
  );
  /** @param {any} values @param {HTMLFormElement} form */
  const run = async ({ url }, form) => {
    const events = /** @type {EventType[]} */ (new FormData(form).getAll("events"));
    if (!events.length) throw new NotDone("Choose what it is told of: one thing at least.");
    tell(null);
    tell(await call("create_webhook", { path, body: { url: url.trim(), events } }));
    reload();
    form.reset();
  };
  return html`
    <section>
      <h2>Register an address</h2>
      <${Form} label="Register an address" button="Register" run=${run}>
        <${Field} label="Address" name="url" type="url" required most=${2000} placeholder="https://"
          hint="It gets a POST request with JSON for each event, signed as Standard Webhooks says" />
        <fieldset class="choices">
          <legend>It is told of</legend>
          ${EVENTS.map((one) => html`<label><input type="checkbox" name="events" value=${one} /> ${one}</label>`)}
        </fieldset>
      <//>
      ${made && html`<${Secret} key=${made.webhook_id} label="The secret of the webhook" value=${made.secret}
        done=${() => tell(null)}>With this secret the receiver checks that an event is of this server.<//>`}
    </section>
  `;
}

// What was sent to an address, and what it answered.

import { call } from "../../api.js";
import { useAnswer } from "../../data.js";
import { count } from "../../format.js";
import { Asked, Button, Pager, pageOf, Status, Table, Time } from "../../parts.js";
import { html } from "../../view.js";

/** @typedef {import("../../api.js").Schemas["Delivery"]} Delivery */

/** @param {{id: string}} props */
export function Deliveries({ id }) {
  const path = { webhook_id: id };
  const found = useAnswer(
    "list_deliveries",
    { path, query: pageOf("from") },
    { every: 2000, until: ({ items }) => items.every((one) => one.status !== "pending") },
  );
  /** @param {string} delivery_id */
  const again = async (delivery_id) => {
    await call("redeliver", { path: { ...path, delivery_id } });
    found.reload();
  };
  return html`
    <section>
      <h2>Deliveries</h2>
      <${Asked} of=${found}>
        ${(/** @type {import("../../api.js").Answer<"list_deliveries">} */ list) =>
          list.total === 0
            ? html`<p role="status">Nothing was sent to this address yet.</p>`
            : html`
                <${Table} label="Deliveries" heads=${["Event", "Status", "Attempts", "Last attempt", "Answer", "Next attempt", "Send again"]}>
                  ${list.items.map((one) => html`<${Row} key=${one.id} one=${one} again=${again} />`)}
                <//>
                <${Pager} of=${list} name="from" />
              `}
      <//>
    </section>
  `;
}

/** @param {{one: Delivery, again: (id: string) => Promise<void>}} props */
const Row = ({ one, again }) => html`
  <tr>
    <td>
      ${one.event.type}
      <div class="small"><${Time} at=${one.event.timestamp} />, <code>${one.id}</code></div>
    </td>
    <td><${Status} status=${one.status} /></td>
    <td>${count(one.attempts)}</td>
    <td><${Time} at=${one.last_attempt_at} /></td>
    <td>
      ${one.response_status ?? "–"}
      ${one.error && html`<div class="small" dir="auto">${one.error}</div>`}
      ${one.response_body && html`<details>
        <summary>What it said</summary>
        <pre dir="auto">${one.response_body}</pre>
      </details>`}
    </td>
    <td><${Time} at=${one.next_attempt_at} /></td>
    <td>
      ${one.status !== "pending" && html`<${Button} aria-label=${`Send again ${one.event.type}, ${one.id}`}
        run=${() => again(one.id)}>Send again<//>`}
    </td>
  </tr>
`;

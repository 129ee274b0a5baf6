// A person as operators see one: whether the keys work, which there are, and how much is kept.

import { call } from "../api.js";
import { useAnswer } from "../data.js";
import { bytes, count } from "../format.js";
import { Asked, Button, Crumbs, Facts, Field, Form, pageOf, Status, Time, Title } from "../parts.js";
import { html, useState } from "../view.js";
import { KeyForm } from "./key_form.js";
import { KeyTable } from "./keys.js";

/** @typedef {import("../api.js").Answer<"get_person">} Details */

/** @param {{id: string}} props */
export function PersonPage({ id }) {
  const path = { person_id: id };
  const found = useAnswer("get_person", { path });
  const keys = useAnswer("list_all_keys", { query: { ...pageOf(), user_id: id } });
  return html`
    <${Crumbs} links=${[["/people", "People"]]} />
    <${Asked} of=${found}>
      ${(/** @type {Details} */ { person, usage }) => html`
        <${Title} name=${person.name} />
        <${State} person=${person} reload=${found.reload} />
        <section aria-label="What is kept">
          <${Facts} of=${[
            ["Kept", bytes(usage.stored_bytes)],
            ["Files", count(usage.file_count)],
            ["Allowed", bytes(usage.quota_bytes)],
            ["Left", bytes(usage.left_bytes)],
          ]} />
          <${Quota} key=${person.own_quota_bytes} person=${person} reload=${found.reload} />
        </section>
      `}
    <//>
    <${Asked} of=${keys}>
      ${(/** @type {import("../api.js").Answer<"list_all_keys">} */ list) => html`
        <section>
          <h2>Keys</h2>
          ${list.total === 0
            ? html`<p>No key of this person is there. Make one below.</p>`
            : html`<${KeyTable} list=${list} verb="Revoke" remove=${async (/** @type {string} */ key_id) => {
                await call("revoke_key", { path: { key_id } });
                keys.reload();
              }} />`}
        </section>
        <${KeyForm} own=${list.caller.scopes} make=${async (/** @type {any} */ body) => {
          const made = await call("create_person_key", { path, body });
          keys.reload();
          return made;
        }} />
      `}
    <//>
  `;
}

/** @param {{person: Details["person"], reload: () => void}} props */
function State({ person, reload }) {
  /** @param {"activate_person" | "deactivate_person"} id */
  const change = async (id) => {
    await call(id, { path: { person_id: person.id } });
    reload();
  };
  return html`
    <section aria-label="The person">
      <${Facts} of=${[
        ["E-mail", person.email],
        ["State", html`<${Status} status=${person.deactivated_at ? "deactivated" : "active"} />`],
        ["Registered", html`<${Time} at=${person.created_at} />`],
        ...(person.deactivated_at ? [["Deactivated", html`<${Time} at=${person.deactivated_at} />`]] : []),
      ]} />
      ${person.deactivated_at
        ? html`<${Button} run=${() => change("activate_person")}>Activate<//>`
        : html`<p class="hint">Once deactivated, no key of the person works. Nothing is deleted.</p>
            <${Button} run=${() => change("deactivate_person")}>Deactivate<//>`}
    </section>
  `;
}

/** @param {{person: Details["person"], reload: () => void}} props */
function Quota({ person, reload }) {
  const own = person.own_quota_bytes;
  const [kind, choose] = useState(own === null ? "server" : own === 0 ? "none" : "bytes");
  /** @param {any} values */
  const run = async ({ amount }) => {
    const quota_bytes = kind === "server" ? null : kind === "none" ? 0 : Math.round(Number(amount) * 1e9);
    await call("set_person_quota", { path: { person_id: person.id }, body: { quota_bytes } });
    reload();
  };
  return html`
    <${Form} label="Quota" button="Set the quota" run=${run}>
      <div class="fields">
        <${Field} label="Quota" as="select" value=${kind}
          onChange=${(/** @type {any} */ event) => choose(event.currentTarget.value)}>
          <option value="server">The server's</option>
          <option value="bytes">Of this person's own</option>
          <option value="none">No limit</option>
        <//>
        ${kind === "bytes" &&
        html`<${Field} label="Gigabytes" name="amount" type="number" min="0.000000001" max="9000000" step="any"
          required defaultValue=${own ? own / 1e9 : ""} />`}
      </div>
    <//>
  `;
}

// An account of a program, and its keys.

import { call } from "../../api.js";
import { useAnswer, useSelf } from "../../data.js";
import { Asked, Crumbs, Delete, Facts, pageOf, Time, Title } from "../../parts.js";
import { go } from "../../route.js";
import { html } from "../../view.js";
import { KeyForm } from "../key_form.js";
import { KeyTable } from "../keys.js";
import { State } from "./accounts.js";

/** @type {import("../../api.js").Schemas["ServiceAccountScope"][]} */
const SCOPES = ["read", "write", "predict"];

/** @param {{id: string}} props */
export function AccountPage({ id }) {
  const path = { account_id: id };
  const found = useAnswer("get_service_account", { path });
  return html`
    <${Crumbs} links=${[["/accounts", "Service accounts"]]} />
    <${Asked} of=${found}>
      ${(/** @type {import("../../api.js").Answer<"get_service_account">} */ { account }) => html`
        <${Title} name=${account.name} />
        <section aria-label="The account">
          <${Facts} of=${[
            ["Address", account.email],
            ["State", html`<${State} of=${account} />`],
            ["Made", html`<${Time} at=${account.created_at} />`],
          ]} />
          <p class="hint">By its address it is made a member of projects, or taken into teams, as people are.</p>
        </section>
        <${Keys} path=${path} />
        <p class="hint">Deleted, it loses its keys and memberships. What it alone owns becomes yours.</p>
        <${Delete} what="service account" name=${account.name} run=${async () => {
          await call("delete_service_account", { path });
          go("/accounts");
        }} />
      `}
    <//>
  `;
}

/** @param {{path: {account_id: string}}} props */
function Keys({ path }) {
  const self = useSelf();
  const found = useAnswer("list_service_account_keys", { path, query: pageOf() });
  // A key makes none that may more; one of an operator may all that a program may.
  const own = SCOPES.filter((one) => self?.scopes.includes(one) || self?.scopes.includes("admin"));
  return html`
    <section>
      <h2>Keys</h2>
      <${Asked} of=${found}>
        ${(/** @type {import("../../api.js").Answer<"list_service_account_keys">} */ list) =>
          list.total === 0
            ? html`<p role="status">It has no key yet. Make one below.</p>`
            : html`<${KeyTable} list=${list} verb="Revoke" remove=${async (/** @type {string} */ key_id) => {
                await call("delete_service_account_key", { path: { ...path, key_id } });
                found.reload();
              }} />`}
      <//>
    </section>
    ${self && html`<${KeyForm} own=${own} make=${async (/** @type {any} */ body) => {
      const made = await call("create_service_account_key", { path, body });
      found.reload();
      return made;
    }} />`}
  `;
}

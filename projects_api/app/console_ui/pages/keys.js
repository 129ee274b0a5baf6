// The caller's own keys: what each may do, and when it was used.

import { call } from "../api.js";
import { useAnswer } from "../data.js";
import { Asked, Pager, pageOf, Table, Time, Title, Twice } from "../parts.js";
import { html } from "../view.js";
import { KeyForm } from "./key_form.js";

export function KeysPage() {
  const found = useAnswer("list_keys", { query: pageOf() });
  /** @param {string} id */
  const remove = async (id) => {
    await call("delete_key", { path: { key_id: id } });
    found.reload();
  };
  return html`
    <${Title} name="Keys" />
    <${Asked} of=${found}>
      ${(/** @type {import("../api.js").Answer<"list_keys">} */ list) => html`
        <section aria-label="Your keys">
          <${KeyTable} list=${list} remove=${remove} verb="Delete" />
        </section>
        <${KeyForm} own=${list.caller.scopes} make=${async (/** @type {any} */ body) => {
          const made = await call("create_key", { body });
          found.reload();
          return made;
        }} />
      `}
    <//>
  `;
}

/**
 * @typedef {import("../api.js").Schemas["KeyList"] | import("../api.js").Schemas["ServiceAccountKeyList"]} Keys
 * @param {{list: Keys, remove: (id: string) => Promise<void>, verb: string}} props
 */
export const KeyTable = ({ list, remove, verb }) => html`
  <${Table} label="Keys" heads=${["Name", "May", "Made", "Expires", "Last used", verb]}>
    ${list.items.map((one) => {
      const isThis = "caller" in list && one.id === list.caller.key_id;
      return html`<tr key=${one.id}>
        <td dir="auto">${one.name || "–"} ${isThis && html`<span class="small">(you are signed in with it)</span>`}</td>
        <td>${one.scopes.join(", ")}</td>
        <td><${Time} at=${one.created_at} /></td>
        <td>${one.expires_at ? html`<${Time} at=${one.expires_at} />` : "never"}</td>
        <td>${one.last_used_at ? html`<${Time} at=${one.last_used_at} />` : "not yet"}</td>
        <td>
          <${Twice} verb=${verb} name=${one.name || one.id} run=${() => remove(one.id)}
            warning=${isThis ? "You will be signed out." : ""} />
        </td>
      </tr>`;
    })}
  <//>
  <${Pager} of=${list} />
`;

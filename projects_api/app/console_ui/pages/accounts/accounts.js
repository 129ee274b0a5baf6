// Accounts of the caller's programs.

import { call } from "../../api.js";
import { useAnswer } from "../../data.js";
import { Asked, Field, Form, Pager, pageOf, Status, Table, Time, Title } from "../../parts.js";
import { go } from "../../route.js";
import { html } from "../../view.js";

/** @typedef {import("../../api.js").Schemas["ServiceAccount"]} Account */

/** @param {{of: Account}} props */
export const State = ({ of }) => html`<${Status} status=${of.deactivated_at ? "deactivated" : "active"} />`;

export function AccountsPage() {
  const found = useAnswer("list_service_accounts", { query: pageOf() });
  return html`
    <${Title} name="Service accounts" />
    <section aria-label="Your service accounts">
      <${Asked} of=${found}>
        ${(/** @type {import("../../api.js").Answer<"list_service_accounts">} */ list) =>
          list.total === 0
            ? html`<p role="status">You have no service account. Make one below for each program that has keys.</p>`
            : html`
                <${Table} label="Service accounts" heads=${["Name", "Address", "State", "Since"]}>
                  ${list.items.map(
                    (one) => html`<tr key=${one.id}>
                      <td><a href=${`#/accounts/${one.id}`} dir="auto">${one.name}</a></td>
                      <td>${one.email}</td>
                      <td><${State} of=${one} /></td>
                      <td><${Time} at=${one.created_at} /></td>
                    </tr>`,
                  )}
                <//>
                <${Pager} of=${list} />
              `}
      <//>
    </section>
    <section>
      <h2>Make a service account</h2>
      <${Form} label="Make a service account" button="Make the account" run=${async (/** @type {any} */ { name }) => {
        const made = await call("create_service_account", { body: { name } });
        go(`/accounts/${made.account_id}`);
      }}>
        <${Field} label="Name" name="name" required most=${255} dir="auto" hint="Of the program, such as “Nightly training”" />
      <//>
    </section>
  `;
}

// Who is registered on the server, for operators.

import { call } from "../api.js";
import { useAnswer } from "../data.js";
import { Asked, Field, Form, Pager, pageOf, Status, Table, Time, Title } from "../parts.js";
import { amend, go, useRoute } from "../route.js";
import { html } from "../view.js";

export function PeoplePage() {
  const search = useRoute().query.get("search") || "";
  const found = useAnswer("list_people", { query: { ...pageOf(), search } });
  return html`
    <${Title} name="People" />
    <section aria-label="Everybody on this server">
      <form class="row" role="search" aria-label="Find people" onSubmit=${(/** @type {any} */ event) => {
        event.preventDefault();
        amend({ search: event.currentTarget.elements.search.value, offset: 0 });
      }}>
        <${Field} label="E-mail has" type="search" name="search" defaultValue=${search} />
        <div class="field"><button>Search</button></div>
      </form>
      <${Asked} of=${found}>
        ${(/** @type {import("../api.js").Answer<"list_people">} */ list) =>
          list.items.length === 0
            ? html`<p role="status">Nobody's address has that.</p>`
            : html`<${Rows} list=${list} /><${Pager} of=${list} />`}
      <//>
    </section>
    <section>
      <h2>Register a person</h2>
      <${Form} label="Register a person" button="Register" run=${async (/** @type {any} */ { email, name }) => {
        const body = name.trim() ? { email: email.trim(), name } : { email: email.trim() };
        const made = await call("create_person", { body });
        go(`/people/${made.person_id}`);
      }}>
        <div class="fields">
          <${Field} label="E-mail" name="email" type="email" required most=${254} />
          <${Field} label="Name (optional)" name="name" dir="auto" most=${255} />
        </div>
      <//>
    </section>
  `;
}

/** @param {{list: import("../api.js").Schemas["PersonList"]}} props */
const Rows = ({ list }) => html`
  <${Table} label="People" heads=${["Name", "E-mail", "State", "Since"]}>
    ${list.items.map(
      (one) => html`<tr key=${one.id}>
        <td><a href=${`#/people/${one.id}`} dir="auto">${one.name}</a></td>
        <td>${one.email}</td>
        <td><${Status} status=${one.deactivated_at ? "deactivated" : "active"} /></td>
        <td><${Time} at=${one.created_at} /></td>
      </tr>`,
    )}
  <//>
`;

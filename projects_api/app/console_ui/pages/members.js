// Who may do what in a project.

import { call } from "../api.js";
import { useAnswer } from "../data.js";
import { Asked, Button, Field, Form, Pager, pageOf, Table, Time } from "../parts.js";
import { html } from "../view.js";

/** @type {import("../api.js").Schemas["MemberRole"][]} */
const ROLES = ["viewer", "editor", "admin", "owner"];

/** @param {{project: import("../api.js").Schemas["Project"]}} props */
export function Members({ project }) {
  const path = { project_id: project.id };
  const found = useAnswer("list_members", { path, query: pageOf() });
  /** @param {string} email @param {any} role */
  const give = async (email, role) => {
    await call("add_member", { path, body: { email, role } });
    found.reload();
  };
  return html`
    <section>
      <h2>Members</h2>
      <${Asked} of=${found}>
        ${(/** @type {import("../api.js").Answer<"list_members">} */ list) => html`
          <${Table} label="Members" heads=${["Name", "E-mail", "Role", "Since", "Remove"]}>
            ${list.items.map((one) => html`<${Row} key=${one.user_id} one=${one} give=${give}
              remove=${async () => {
                await call("remove_member", { path: { ...path, member_id: one.user_id } });
                found.reload();
              }} />`)}
          <//>
          <${Pager} of=${list} />
        `}
      <//>
    </section>
    <section>
      <h2>Add a member</h2>
      <${Form} label="Add a member" button="Add" run=${async (/** @type {any} */ { email, role }, /** @type {any} */ form) => {
        await give(email.trim(), role);
        form.reset();
      }}>
        <div class="fields">
          <${Field} label="E-mail" name="email" type="email" required
            hint="Of a person whom the server's operator has registered" />
          <${Field} label="Role" as="select" name="role"
            hint="Viewers look and ask models, editors change, admins delete, owners decide on members">
            ${ROLES.map((role) => html`<option>${role}</option>`)}
          <//>
        </div>
      <//>
    </section>
  `;
}

/** @param {any} props */
const Row = ({ one, give, remove }) => html`
  <tr>
    <td dir="auto">${one.name}</td>
    <td>${one.email}</td>
    <td><${Role} one=${one} give=${give} /></td>
    <td><${Time} at=${one.created_at} /></td>
    <td><${Button} aria-label=${`Remove ${one.name}`} run=${remove}>Remove<//></td>
  </tr>
`;

/** @param {any} props */
const Role = ({ one, give }) => html`
  <${Form} label=${`Role of ${one.name}`} button="Change" inline run=${(/** @type {any} */ { role }) => give(one.email, role)}>
    <select name="role" aria-label=${`Role of ${one.name}`}>
      ${ROLES.map((role) => html`<option selected=${role === one.role}>${role}</option>`)}
    </select>
  <//>
`;

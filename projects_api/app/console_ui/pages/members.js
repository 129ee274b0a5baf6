// Who may do what in a project.

import { call } from "../api.js";
import { ROLES, useAnswer, useCaller } from "../data.js";
import { Asked, Button, Field, Form, May, Pager, pageOf, Table, Time } from "../parts.js";
import { go } from "../route.js";
import { html } from "../view.js";
import { ProjectTeams } from "./teams/project_teams.js";

/** @param {{project: import("../api.js").Schemas["Project"]}} props */
export function Members({ project }) {
  const path = { project_id: project.id };
  const found = useAnswer("list_members", { path, query: pageOf() });
  const caller = useCaller(project.id);
  /** @param {string} email @param {any} role */
  const give = async (email, role) => {
    await call("add_member", { path, body: { email, role } });
    found.reload();
  };
  /** @param {string} id */
  const remove = async (id) => {
    await call("remove_member", { path: { ...path, member_id: id } });
    if (id === caller?.id) go("/projects");
    else found.reload();
  };
  return html`
    <section>
      <h2>Members</h2>
      <${Asked} of=${found}>
        ${(/** @type {import("../api.js").Answer<"list_members">} */ list) => html`
          <${Table} label="Members" heads=${["Name", "E-mail", "Role", "By", "Since", "Remove"]}>
            ${list.items.map((one) => html`<${Row} key=${one.user_id} one=${one} give=${give} remove=${remove}
              decides=${caller?.may("add_member")} isCaller=${one.user_id === caller?.id} />`)}
          <//>
          <${Pager} of=${list} />
        `}
      <//>
    </section>
    <${May} project=${project.id} to="add_member"><section>
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
    </section><//>
    <${ProjectTeams} project=${project} changed=${found.reload} />
  `;
}

/** By what somebody is a member, and as what where that is not the role that counts.
 * @param {import("../api.js").Schemas["Member"]} one */
const by = ({ role, through = {} }) =>
  [
    ...(through.direct ? [["in person", through.direct]] : []),
    ...(through.teams ? [["teams", through.teams]] : []),
  ]
    .map(([name, given]) => (given === role ? name : `${name} (${given})`))
    .join(", ") || "–";

/** @param {any} props */
const Row = ({ one, give, remove, decides, isCaller }) => html`
  <tr>
    <td dir="auto">${one.name}</td>
    <td>${one.email}</td>
    <td>${decides ? html`<${Role} one=${one} give=${give} />` : one.role}</td>
    <td>${by(one)}</td>
    <td><${Time} at=${one.created_at} /></td>
    <td>
      ${isCaller && html`<${Button} run=${() => remove(one.user_id)}>Leave the project<//>`}
      ${decides && !isCaller && html`<${Button} aria-label=${`Remove ${one.name}`} run=${() => remove(one.user_id)}>Remove<//>`}
    </td>
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

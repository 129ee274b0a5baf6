// A team: its name, and who is in it. Maintainers decide on both.

import { call } from "../../api.js";
import { useAnswer, useSelf } from "../../data.js";
import { Asked, Button, Crumbs, Delete, Field, Form, Pager, pageOf, Table, Time, Title } from "../../parts.js";
import { go } from "../../route.js";
import { html } from "../../view.js";

/** @typedef {import("../../api.js").Schemas["Team"]} Team */
/** @typedef {import("../../api.js").Schemas["TeamPerson"]} Person */
/** @typedef {import("../../api.js").Schemas["TeamRole"]} Role */

/** @type {Role[]} */
const ROLES = ["member", "maintainer"];

/** @param {{id: string}} props */
export function TeamPage({ id }) {
  const found = useAnswer("get_team", { path: { team_id: id } });
  return html`
    <${Crumbs} links=${[["/teams", "Teams"]]} />
    <${Asked} of=${found}>
      ${(/** @type {{team: Team}} */ { team }) => html`
        <${Title} name=${team.name} />
        <${People} team=${team} reload=${found.reload} />
        ${team.role === "maintainer" && html`<${Name} key=${team.name} team=${team} reload=${found.reload} />`}
      `}
    <//>
  `;
}

/** @param {{team: Team, reload: () => void}} props */
function People({ team, reload }) {
  const path = { team_id: team.id };
  const self = useSelf();
  const decides = team.role === "maintainer";
  const found = useAnswer("list_team_people", { path, query: pageOf() });
  /** @param {string} email @param {Role} role */
  const give = async (email, role) => {
    await call("add_team_person", { path, body: { email, role } });
    found.reload();
    reload(); // for it may have been the caller's own
  };
  /** @param {string} user_id */
  const remove = async (user_id) => {
    await call("remove_team_person", { path: { ...path, user_id } });
    if (user_id === self?.user_id) go("/teams");
    else found.reload();
  };
  return html`
    <section>
      <h2>People</h2>
      <${Asked} of=${found}>
        ${(/** @type {import("../../api.js").Answer<"list_team_people">} */ list) => html`
          <${Table} label="People" heads=${["Name", "E-mail", "Role", "Since", "Remove"]}>
            ${list.items.map((one) => html`<${Row} key=${one.user_id} one=${one} give=${give} remove=${remove}
              decides=${decides} isCaller=${one.user_id === self?.user_id} />`)}
          <//>
          <${Pager} of=${list} />
        `}
      <//>
    </section>
    ${decides && html`<section>
      <h2>Take somebody in</h2>
      <${Form} label="Take somebody in" button="Take in" run=${async (/** @type {any} */ { email, role }, /** @type {any} */ form) => {
        await give(email.trim(), role);
        form.reset();
      }}>
        <div class="fields">
          <${Field} label="E-mail" name="email" type="email" required hint="Of a person, or the address of a service account" />
          <${Field} label="Role" as="select" name="role" hint="Members see the team, maintainers decide on it">
            ${ROLES.map((role) => html`<option>${role}</option>`)}
          <//>
        </div>
      <//>
    </section>`}
  `;
}

/** @param {{one: Person, give: (email: string, role: Role) => Promise<void>, remove: (id: string) => Promise<void>, decides: boolean, isCaller: boolean}} props */
const Row = ({ one, give, remove, decides, isCaller }) => html`
  <tr>
    <td dir="auto">${one.name}</td>
    <td>${one.email}</td>
    <td>${decides
      ? html`<${Form} label=${`Role of ${one.name}`} button="Change" inline run=${(/** @type {any} */ { role }) => give(one.email, role)}>
          <select name="role" aria-label=${`Role of ${one.name}`}>
            ${ROLES.map((role) => html`<option selected=${role === one.role}>${role}</option>`)}
          </select>
        <//>`
      : one.role}</td>
    <td><${Time} at=${one.created_at} /></td>
    <td>
      ${isCaller && html`<${Button} run=${() => remove(one.user_id)}>Leave the team<//>`}
      ${decides && !isCaller && html`<${Button} aria-label=${`Remove ${one.name}`} run=${() => remove(one.user_id)}>Remove<//>`}
    </td>
  </tr>
`;

/** @param {{team: Team, reload: () => void}} props */
const Name = ({ team, reload }) => html`
  <section>
    <h2>Name</h2>
    <${Form} label="Name of the team" button="Rename" run=${async (/** @type {any} */ { name }) => {
      await call("update_team", { path: { team_id: team.id }, body: { name } });
      reload();
    }}>
      <${Field} label="Name" name="name" required most=${255} dir="auto" defaultValue=${team.name} />
    <//>
    <p class="hint">Deleted, the team makes nobody a member of any project any more.</p>
    <${Delete} what="team" name=${team.name} run=${async () => {
      await call("delete_team", { path: { team_id: team.id } });
      go("/teams");
    }} />
  </section>
`;

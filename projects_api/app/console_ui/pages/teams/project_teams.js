// The teams of a project, all of whose people are members of it.

import { call } from "../../api.js";
import { useAnswer, useCaller, useChoices } from "../../data.js";
import { Asked, Button, Field, Form, Pager, pageOf, Table, Time } from "../../parts.js";
import { html } from "../../view.js";

/** @typedef {import("../../api.js").Schemas["ProjectTeam"]} ProjectTeam */
/** @typedef {import("../../api.js").Schemas["TeamProjectRole"]} Role */

/** @type {Role[]} */
const ROLES = ["viewer", "editor", "admin"];

/** @param {{project: import("../../api.js").Schemas["Project"], changed: () => void}} props */
export function ProjectTeams({ project, changed }) {
  const path = { project_id: project.id };
  const found = useAnswer("list_project_teams", { path, query: pageOf("teams") });
  const decides = useCaller(project.id)?.may("add_project_team");
  const mine = useChoices((query) => call("list_teams", { query }), []);
  const maintained = mine.items.filter((one) => one.role === "maintainer");
  const reload = () => {
    found.reload();
    changed();
  };
  /** @param {string} team_id @param {Role} role */
  const give = async (team_id, role) => {
    await call("add_project_team", { path, body: { team_id, role } });
    reload();
  };
  /** @param {string} team_id */
  const remove = async (team_id) => {
    await call("remove_project_team", { path: { ...path, team_id } });
    reload();
  };
  return html`
    <section>
      <h2>Teams</h2>
      <${Asked} of=${found}>
        ${(/** @type {import("../../api.js").Answer<"list_project_teams">} */ list) =>
          list.total === 0
            ? html`<p role="status">No team is in this project.</p>`
            : html`
                <${Table} label="Teams" heads=${["Name", "Role", "Since", "Take out"]}>
                  ${list.items.map((one) => html`<${Row} key=${one.team_id} one=${one} decides=${decides} give=${give} remove=${remove}
                    isMaintained=${maintained.some((team) => team.id === one.team_id)} />`)}
                <//>
                <${Pager} of=${list} name="teams" />
              `}
      <//>
    </section>
    ${decides && html`<${Bring} maintained=${maintained} isDone=${mine.isDone} give=${give} />`}
  `;
}

/** Whoever brought a team takes it out, and so do those who answer for it.
 * @param {{one: ProjectTeam, decides: boolean | undefined, isMaintained: boolean, give: (id: string, role: Role) => Promise<void>, remove: (id: string) => Promise<void>}} props */
const Row = ({ one, decides, isMaintained, give, remove }) => html`
  <tr>
    <td dir="auto">${one.name}</td>
    <td>${decides
      ? html`<${Form} label=${`Role of the team ${one.name}`} button="Change" inline run=${(/** @type {any} */ { role }) => give(one.team_id, role)}>
          <select name="role" aria-label=${`Role of the team ${one.name}`}>
            ${ROLES.map((role) => html`<option selected=${role === one.role}>${role}</option>`)}
          </select>
        <//>`
      : one.role}</td>
    <td><${Time} at=${one.created_at} /></td>
    <td>${(decides || isMaintained) && html`<${Button} aria-label=${`Take out ${one.name}`} run=${() => remove(one.team_id)}>Take out<//>`}</td>
  </tr>
`;

/** @param {{maintained: import("../../api.js").Schemas["Team"][], isDone: boolean, give: (id: string, role: Role) => Promise<void>}} props */
function Bring({ maintained, isDone, give }) {
  if (isDone && maintained.length === 0) {
    return html`<p class="hint">You maintain no team that you could bring. <a href="#/teams">Make one</a>.</p>`;
  }
  return html`
    <section>
      <h2>Bring a team</h2>
      <${Form} label="Bring a team" button="Bring" run=${(/** @type {any} */ { team, role }) => give(team, role)}>
        <div class="fields">
          <${Field} label="Team" as="select" name="team" required hint="One that you maintain: its maintainers decide who is in it">
            ${maintained.map((one) => html`<option value=${one.id} dir="auto">${one.name}</option>`)}
          <//>
          <${Field} label="Role" as="select" name="role" hint="Of everybody in it; owners are people">
            ${ROLES.map((role) => html`<option>${role}</option>`)}
          <//>
        </div>
      <//>
    </section>
  `;
}

// The teams that the caller is in.

import { call } from "../../api.js";
import { useAnswer } from "../../data.js";
import { Asked, Field, Form, Pager, pageOf, Table, Time, Title } from "../../parts.js";
import { go } from "../../route.js";
import { html } from "../../view.js";

export function TeamsPage() {
  const found = useAnswer("list_teams", { query: pageOf() });
  return html`
    <${Title} name="Teams" />
    <section aria-label="Your teams">
      <${Asked} of=${found}>
        ${(/** @type {import("../../api.js").Answer<"list_teams">} */ list) =>
          list.total === 0
            ? html`<p role="status">You are in no team yet. Make one below.</p>`
            : html`
                <${Table} label="Teams" heads=${["Name", "You are", "Projects", "Since"]}>
                  ${list.items.map(
                    (one) => html`<tr key=${one.id}>
                      <td><a href=${`#/teams/${one.id}`} dir="auto">${one.name}</a></td>
                      <td>${one.role}</td>
                      <td>${one.project_count}</td>
                      <td><${Time} at=${one.created_at} /></td>
                    </tr>`,
                  )}
                <//>
                <${Pager} of=${list} />
              `}
      <//>
    </section>
    <section>
      <h2>Make a team</h2>
      <${Form} label="Make a team" button="Make the team" run=${async (/** @type {any} */ { name }) => {
        const made = await call("create_team", { body: { name } });
        go(`/teams/${made.team_id}`);
      }}>
        <${Field} label="Name" name="name" required most=${255} dir="auto"
          hint="Its people are members of every project that its owner brings the team into" />
      <//>
    </section>
  `;
}

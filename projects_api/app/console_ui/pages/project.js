// A project, and the parts it has: each part is a page of its own under one heading.

import { useAnswer, useCaller } from "../data.js";
import { count } from "../format.js";
import { Asked, Crumbs, Facts, Time, Title } from "../parts.js";
import { html } from "../view.js";
import { Audit } from "./audit.js";
import { Data } from "./data.js";
import { Deployments } from "./deployments.js";
import { Experiments } from "./experiments.js";
import { Members } from "./members.js";
import { Reports } from "./reports.js";
import { Settings } from "./settings.js";
import { Timeline } from "./timeline.js";
import { Webhooks } from "./webhooks/webhooks.js";

/** @type {Record<string, [string, any]>} */
const PARTS = {
  "": ["Overview", Timeline],
  data: ["Data sets", Data],
  experiments: ["Experiments", Experiments],
  deployments: ["Deployments", Deployments],
  reports: ["Reports", Reports],
  members: ["Members", Members],
  webhooks: ["Webhooks", Webhooks],
  audit: ["Audit", Audit],
  settings: ["Settings", Settings],
};

/** Parts that only some roles see, by what they ask. @type {Record<string, import("../api.js").Id>} */
const FOR_SOME = { webhooks: "list_webhooks", audit: "list_audit_entries" };

/** @param {{id: string, part: string}} props */
export function ProjectPage({ id, part }) {
  const found = useAnswer("get_project", { path: { project_id: id } });
  const caller = useCaller(id);
  const [name, Part] = PARTS[part] || ["Nothing is here", Missing];
  return html`
    <${Crumbs} links=${[["/projects", "Projects"]]} />
    <${Asked} of=${found}>
      ${(/** @type {import("../api.js").Answer<"get_project">} */ { project }) => html`
        <${Title} name=${part ? `${name}, ${project.name}` : project.name}>${project.name}<//>
        <nav class="tabs" aria-label="Parts of the project">
          ${Object.entries(PARTS).filter(([at]) => !FOR_SOME[at] || caller?.may(FOR_SOME[at])).map(
            ([at, [label]]) => html`<a href=${`#/projects/${id}${at && `/${at}`}`}
              aria-current=${at === part ? "page" : undefined}>${label}</a>`,
          )}
        </nav>
        ${!part && html`<${Overview} project=${project} />`}
        <${Part} project=${project} etag=${found.etag} reload=${found.reload} />
      `}
    <//>
  `;
}

const Missing = () => html`<p>A project has no such part.</p>`;

/** @param {{project: import("../api.js").Schemas["Project"]}} props */
const Overview = ({ project }) => html`
  <section aria-label="The project">
    ${project.description && html`<p dir="auto">${project.description}</p>`}
    <${Facts} of=${[
      ["Data sets", count(project.dataset_count)],
      ["Experiments", count(project.experiment_count)],
      ["Models", count(project.model_count)],
      ["Created", html`<${Time} at=${project.created_at} />`],
      ["Changed", html`<${Time} at=${project.updated_at} />`],
    ]} />
  </section>
`;

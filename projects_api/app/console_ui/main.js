// The console begins here: who is signed in, where they are, and the page of that place.

import { useSelf } from "./data.js";
import { isReturn } from "./oidc.js";
import { AccountPage } from "./pages/accounts/account.js";
import { AccountsPage } from "./pages/accounts/accounts.js";
import { DatasetPage } from "./pages/dataset.js";
import { DeploymentPage } from "./pages/deployment.js";
import { ExperimentPage } from "./pages/experiment.js";
import { JobPage } from "./pages/job.js";
import { KeysPage } from "./pages/keys.js";
import { ModelPage } from "./pages/model.js";
import { PeoplePage } from "./pages/people.js";
import { PersonPage } from "./pages/person.js";
import { ProjectPage } from "./pages/project.js";
import { Projects } from "./pages/projects.js";
import { ReportPage } from "./pages/report.js";
import { ServerAudit } from "./pages/server_audit.js";
import { ServerJobs } from "./pages/server_jobs.js";
import { SignIn } from "./pages/sign_in.js";
import { TeamPage } from "./pages/teams/team.js";
import { TeamsPage } from "./pages/teams/teams.js";
import { UsagePage } from "./pages/usage.js";
import { Title } from "./parts.js";
import { useRoute } from "./route.js";
import { key } from "./session.js";
import { html, render, useEffect, useState } from "./view.js";

/** @type {Record<string, any>} */
const PAGES = {
  accounts: AccountPage,
  datasets: DatasetPage,
  deployments: DeploymentPage,
  experiments: ExperimentPage,
  jobs: JobPage,
  models: ModelPage,
  people: PersonPage,
  reports: ReportPage,
  teams: TeamPage,
};

/** Pages that are of nothing in particular. @type {Record<string, any>} */
const PLACES = {
  accounts: AccountsPage,
  audit: ServerAudit,
  jobs: ServerJobs,
  keys: KeysPage,
  people: PeoplePage,
  projects: Projects,
  teams: TeamsPage,
  usage: UsagePage,
};

/** @param {string[]} path */
function pageOf([place, id, part]) {
  const Place = id ? undefined : PLACES[place || ""];
  if (Place) return html`<${Place} />`;
  if (place === "projects") return html`<${ProjectPage} key=${id} id=${id} part=${part || ""} />`;
  const Page = PAGES[place || ""];
  if (Page && id) return html`<${Page} key=${id} id=${id} />`;
  return html`
    <${Title} name="Nothing is here" />
    <p>The console has no such page. <a href="#/projects">Go to your projects</a>.</p>
  `;
}

/** Without a change of the address, which means a page here. @param {any} event */
function skip(event) {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

/** Where else one can go; an operator's key tells that it is one. */
function Links() {
  const operates = useSelf()?.scopes.includes("admin");
  return html`
    <a href="#/teams">Teams</a>
    <a href="#/accounts">Service accounts</a>
    <a href="#/usage">Usage</a>
    <a href="#/keys">Keys</a>
    ${operates && html`<a href="#/people">People</a><a href="#/jobs">Jobs</a><a href="#/audit">Audit</a>`}
  `;
}

function Console() {
  const { path, hash } = useRoute();
  const [refused, refuse] = useState(/** @type {"" | "key" | "token"} */ (""));
  const [signedIn, sign] = useState(Boolean(key.get()) && !isReturn);
  /** @param {boolean} wasRefused */
  const leave = (wasRefused) => {
    refuse(wasRefused ? (key.renewal() ? "token" : "key") : "");
    key.forget();
    dispatchEvent(new Event("key-left"));
    sign(false);
  };
  useEffect(() => {
    const left = () => leave(true);
    addEventListener("key-refused", left);
    return () => removeEventListener("key-refused", left);
  }, []);
  return html`
    <a class="skip" href="#main" onClick=${skip}>Skip to the content</a>
    <header class="top">
      <a class="home" href="#/projects">Projects</a>
      <nav aria-label="Main">
        ${signedIn && html`<${Links} />`}
        <a href="docs">Documentation</a>
      </nav>
      ${signedIn && html`<button onClick=${() => leave(false)}>Sign out</button>`}
    </header>
    <main id="main" tabindex="-1" data-place=${hash}>
      ${signedIn ? pageOf(path) : html`<${SignIn} refused=${refused} signIn=${() => sign(true)} />`}
    </main>
  `;
}

render(html`<${Console} />`, /** @type {HTMLElement} */ (document.getElementById("app")));

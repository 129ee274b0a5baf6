// The console begins here: who is signed in, where they are, and the page of that place.

import { key } from "./api.js";
import { DatasetPage } from "./pages/dataset.js";
import { DeploymentPage } from "./pages/deployment.js";
import { ExperimentPage } from "./pages/experiment.js";
import { JobPage } from "./pages/job.js";
import { ModelPage } from "./pages/model.js";
import { ProjectPage } from "./pages/project.js";
import { Projects } from "./pages/projects.js";
import { ReportPage } from "./pages/report.js";
import { SignIn } from "./pages/sign_in.js";
import { UsagePage } from "./pages/usage.js";
import { Title } from "./parts.js";
import { useRoute } from "./route.js";
import { html, render, useEffect, useState } from "./view.js";

/** @type {Record<string, any>} */
const PAGES = {
  datasets: DatasetPage,
  deployments: DeploymentPage,
  experiments: ExperimentPage,
  jobs: JobPage,
  models: ModelPage,
  reports: ReportPage,
};

/** @param {string[]} path */
function pageOf([place, id, part]) {
  if (place === "projects" && !id) return html`<${Projects} />`;
  if (place === "projects") return html`<${ProjectPage} key=${id} id=${id} part=${part || ""} />`;
  if (place === "usage") return html`<${UsagePage} />`;
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

function Console() {
  const { path, hash } = useRoute();
  const [refused, refuse] = useState(false);
  const [signedIn, sign] = useState(Boolean(key.get()));
  /** @param {boolean} wasRefused */
  const leave = (wasRefused) => {
    key.forget();
    dispatchEvent(new Event("key-left"));
    refuse(wasRefused);
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
        ${signedIn && html`<a href="#/usage">Usage</a>`}
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

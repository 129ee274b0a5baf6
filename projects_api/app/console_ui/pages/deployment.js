import { html } from "../view.js"; export const DeploymentPage = () => html`<p>soon</p>`;

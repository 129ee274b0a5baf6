import { html } from "../view.js"; export const Deployments = () => html`<p>soon</p>`;

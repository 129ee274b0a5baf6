import { html } from "../view.js"; export const JobPage = () => html`<p>soon</p>`;

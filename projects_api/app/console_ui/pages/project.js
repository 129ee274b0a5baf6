import { html } from "../view.js"; export const ProjectPage = () => html`<p>soon</p>`;

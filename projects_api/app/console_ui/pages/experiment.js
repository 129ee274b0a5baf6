import { html } from "../view.js"; export const ExperimentPage = () => html`<p>soon</p>`;

import { html } from "../view.js"; export const DatasetPage = () => html`<p>soon</p>`;

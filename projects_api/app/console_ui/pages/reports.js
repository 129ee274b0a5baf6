import { html } from "../view.js"; export const Reports = () => html`<p>soon</p>`;

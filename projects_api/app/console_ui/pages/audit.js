import { html } from "../view.js"; export const Audit = () => html`<p>soon</p>`;

import { html } from "../view.js"; export const UsagePage = () => html`<p>soon</p>`;

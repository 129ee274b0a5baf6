import { html } from "../view.js"; export const Experiments = () => html`<p>soon</p>`;

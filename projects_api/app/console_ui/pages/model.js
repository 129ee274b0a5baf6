import { html } from "../view.js"; export const ModelPage = () => html`<p>soon</p>`;

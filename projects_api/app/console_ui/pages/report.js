import { html } from "../view.js"; export const ReportPage = () => html`<p>soon</p>`;

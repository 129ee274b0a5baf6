// What is shown once, with a button that copies it.

import { Field } from "../parts.js";
import { html, useRef, useState } from "../view.js";

/** @param {{label: string, value: string, done: () => void, children?: any}} props */
export function Secret({ label, value, done, children }) {
  const field = useRef(/** @type {HTMLElement | null} */ (null));
  const [copied, tell] = useState(false);
  const copy = async () => {
    const input = /** @type {HTMLInputElement} */ (field.current?.querySelector("input"));
    input.select();
    // A page that came by plain HTTP from another machine has no clipboard of its own.
    if (navigator.clipboard) await navigator.clipboard.writeText(value);
    else document.execCommand("copy");
    tell(true);
  };
  return html`
    <div class="card secret" role="group" aria-label=${label} ref=${field}>
      <p role="status">${children} Copy it now: it is shown this once, and nobody can read it again.</p>
      <${Field} label=${label} readonly value=${value} autocomplete="off" spellcheck="false" />
      <p>
        <button type="button" class="primary" onClick=${copy}>${copied ? "Copied" : "Copy"}</button>
        <button type="button" onClick=${done}>I have it</button>
      </p>
    </div>
  `;
}

// A new key is asked for here, and shown once.

import { NotDone } from "../api.js";
import { Field, Form } from "../parts.js";
import { html, useState } from "../view.js";
import { Secret } from "./secret.js";

/** @typedef {import("../api.js").Schemas["KeyScope"]} Scope */
/** @typedef {import("../api.js").Schemas["KeyCreated"]} Created */

/** @type {[Scope, string][]} */
const SCOPES = [
  ["read", "look"],
  ["write", "change"],
  ["predict", "ask models"],
  ["admin", "operate the server, and all of these"],
];

/**
 * `own` are the scopes of the key that asks; `make` sends the body to one operation or another.
 * @param {{own: Scope[], make: (body: import("../api.js").Schemas["KeyCreate"]) => Promise<Created>}} props
 */
export function KeyForm({ own, make }) {
  const [made, tell] = useState(/** @type {Created | null} */ (null));
  const offered = SCOPES.filter(([scope]) => own.includes(scope) || own.includes("admin"));
  /** @param {any} values @param {HTMLFormElement} form */
  const run = async ({ name, ends }, form) => {
    const scopes = /** @type {Scope[]} */ (new FormData(form).getAll("scopes"));
    if (!scopes.length) throw new NotDone("Choose what the key may do: one thing at least.");
    tell(null);
    tell(await make({ name, scopes, ...(ends ? { expires_at: new Date(ends).toISOString() } : {}) }));
    form.reset();
  };
  return html`
    <section>
      <h2>Make a key</h2>
      <${Form} label="Make a key" button="Make the key" run=${run}>
        <div class="fields">
          <${Field} label="Name" name="name" required most=${255} dir="auto" hint="What it is for, such as “nightly build”" />
          <${Field} label="Expires (optional)" name="ends" type="datetime-local" hint="In your time zone" />
        </div>
        <fieldset class="choices">
          <legend>It may</legend>
          ${offered.map(
            ([scope, may]) => html`<label>
              <input type="checkbox" name="scopes" value=${scope} defaultChecked=${scope !== "admin"} />
              ${scope}: ${may}
            </label>`,
          )}
        </fieldset>
      <//>
      ${made && html`<${Secret} key=${made.key_id} label="The new key" value=${made.secret} done=${() => tell(null)}>
        The key “<bdi>${made.key.name}</bdi>” works.
      <//>`}
    </section>
  `;
}

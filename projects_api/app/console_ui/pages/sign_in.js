// The key is pasted here once; it stays in the tab.

import { call, key } from "../api.js";
import { Field, Form, Problem, Title } from "../parts.js";
import { html, useState } from "../view.js";

const REFUSED = {
  title: "The key was refused",
  message: "It is not known here, has expired or was revoked. Paste another one.",
};

/** @param {{refused: boolean, signIn: () => void}} props */
export function SignIn({ refused, signIn }) {
  const [tried, note] = useState(false);
  return html`
  <${Title} name="Sign in" />
  <div class="card">
    <${Form} label="Sign in" button="Sign in" run=${async (/** @type {any} */ { given }) => {
      note(true);
      if (!/^[!-~]+$/.test(given.trim())) throw new Error("No key has such letters, or blanks. Paste it once more.");
      key.set(given.trim());
      try {
        await call("list_projects", { query: { limit: 1 } });
      } catch (problem) {
        key.forget();
        throw problem;
      }
      signIn();
    }}>
      ${refused && !tried && html`<${Problem} problem=${REFUSED} />`}
      <${Field} label="API key" name="given" type="password" required autocomplete="off"
        hint="It begins with pak_. The server printed one when it was started first; its operator makes others with “projects-api keys”; who has one makes more on the page “Keys”. It is kept until this tab is closed." />
    <//>
  </div>
  `;
}

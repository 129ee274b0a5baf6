// A key is pasted here once, or a token fetched from the issuer; it stays in the tab.

import { call } from "../api.js";
import { begin, finish, isReturn, issuerHost } from "../oidc.js";
import { Button, Field, Form, Problem, Title } from "../parts.js";
import { key } from "../session.js";
import { html, useEffect, useState } from "../view.js";

const REFUSED = {
  title: "The key was refused",
  message: "It is not known here, has expired or was revoked. Paste another one.",
};
const ENDED = {
  title: "Your sign-in has ended",
  message: "Sign in again: what you were at is in the address still.",
};

/** Take what `key` holds if the server does. */
async function check() {
  try {
    await call("list_projects", { query: { limit: 1 } });
  } catch (problem) {
    key.forget();
    throw problem;
  }
}

/** @param {{refused: "" | "key" | "token", signIn: () => void}} props */
export function SignIn({ refused, signIn }) {
  const [tried, note] = useState(false);
  return html`
  <${Title} name="Sign in" />
  ${issuerHost && html`<${AtIssuer} signIn=${signIn} ended=${refused === "token" && !tried} note=${() => note(true)} />`}
  <div class="card">
    <${Form} label="Sign in" button="Sign in" run=${async (/** @type {any} */ { given }) => {
      note(true);
      if (!/^[!-~]+$/.test(given.trim())) throw new Error("No key has such letters, or blanks. Paste it once more.");
      key.set(given.trim());
      await check();
      signIn();
    }}>
      ${refused === "key" && !tried && html`<${Problem} problem=${REFUSED} />`}
      <${Field} label="API key" name="given" type="password" required autocomplete="off"
        hint="It begins with pak_. The server printed one when it was started first; its operator makes others with “projects-api keys”; who has one makes more on the page “Keys”. It is kept until this tab is closed." />
    <//>
  </div>
  `;
}

let isTaken = false;

/** @param {{signIn: () => void, ended: boolean, note: () => void}} props */
function AtIssuer({ signIn, ended, note }) {
  const [state, set] = useState(/** @type {{busy: boolean, problem?: any}} */ ({ busy: isReturn && !isTaken }));
  useEffect(() => {
    if (!state.busy) return;
    isTaken = true;
    note();
    finish().then(check).then(signIn, (problem) => set({ busy: false, problem }));
  }, []);
  if (state.busy) return html`<p class="wait" role="status">Signing in…</p>`;
  return html`
    <div class="card">
      <${Problem} problem=${state.problem || (ended ? ENDED : null)} />
      <p><${Button} class="primary" run=${() => {
        set({ busy: false });
        note();
        return begin();
      }}>Sign in with ${issuerHost}<//></p>
    </div>
  `;
}

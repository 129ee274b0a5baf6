// What many pages are made of.

import { file, NotDone } from "./api.js";
import { useAction, useCaller } from "./data.js";
import { count, moment, words } from "./format.js";
import { amend, here } from "./route.js";
import { html, useEffect, useId, useRef, useState } from "./view.js";

export const PAGE_ROWS = 25;

let shown = "";

/** The heading of a page, which takes the focus when a page replaces another. @param {any} props */
export function Title({ children, name }) {
  const ref = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    document.title = `${name} – Projects`;
    const [place] = here().hash.split("?");
    if (shown && shown !== place) ref.current?.focus();
    shown = place || "";
  }, [name]);
  return html`<h1 tabindex="-1" ref=${ref} dir="auto">${children ?? name}</h1>`;
}

/** Where the page is among the others. @param {{links: [string, string][]}} props */
export const Crumbs = ({ links }) => html`
  <nav aria-label="You are here" class="crumbs">
    <ol>
      ${links.map(([href, name]) => html`<li><a href=${`#${href}`} dir="auto">${name}</a></li>`)}
    </ol>
  </nav>
`;

/** What went wrong, in the server's words. @param {{problem: any}} props */
export function Problem({ problem }) {
  if (!problem) return null;
  return html`
    <div role="alert" class="problem">
      <p><strong>${problem.title || "Something went wrong"}</strong></p>
      <p>${problem.message}</p>
      ${problem.faults?.length > 0 &&
      html`<ul>
        ${problem.faults.map(
          (/** @type {any} */ fault) => html`<li>${fault.pointer || fault.location}: ${fault.message}</li>`,
        )}
      </ul>`}
      ${problem.requestId && html`<p class="small">Request <code>${problem.requestId}</code></p>`}
    </div>
  `;
}

/** What is asked for, its problem, or that it is coming. @param {any} props */
export const Asked = ({ of, children }) => html`
  <${Problem} problem=${of.problem} />
  ${of.answer
    ? children(of.answer)
    : !of.problem && html`<p class="wait" role="status">Loading…</p>`}
`;

/** What only those see who may do it: `to` is an operation, `project` the id of one. @param {any} props */
export function May({ project, to, children, otherwise = null }) {
  const caller = useCaller(project);
  if (!caller) return html`<p class="wait" role="status">Loading…</p>`;
  return caller.may(to) ? children : otherwise;
}

/** @param {{at: string | null | undefined}} props */
export const Time = ({ at }) => (at ? html`<time datetime=${at}>${moment(at)}</time>` : "–");

/** @param {{status: string}} props */
export const Status = ({ status }) => html`<span class=${`status ${status}`}>${words(status)}</span>`;

/** A table that scrolls sideways where it is wider than the window. @param {any} props */
export const Table = ({ label, heads, children }) => html`
  <div class="scroll" role="region" aria-label=${label} tabindex="0">
    <table>
      <thead>
        <tr>
          ${heads.map((/** @type {any} */ head) => html`<th scope="col">${head}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${children}
      </tbody>
    </table>
  </div>
`;

/** Earlier and later pages of a list; `name` is the offset's in the address. @param {any} props */
export function Pager({ of, name = "offset" }) {
  const { total, limit, offset } = of;
  if (total <= limit && !offset) return null;
  const last = Math.min(offset + limit, total);
  return html`
    <nav class="pager" aria-label="Pages of the list">
      <button disabled=${!offset} onClick=${() => amend({ [name]: Math.max(0, offset - limit) })}>
        Previous
      </button>
      <span role="status">${count(offset + 1)} to ${count(last)} of ${count(total)}</span>
      <button disabled=${last >= total} onClick=${() => amend({ [name]: offset + limit })}>Next</button>
    </nav>
  `;
}

/** The page of a list that the address asks for. */
export function pageOf(name = "offset") {
  const offset = Number.parseInt(here().query.get(name) || "0", 10);
  return { limit: PAGE_ROWS, offset: Number.isFinite(offset) ? Math.max(0, offset) : 0 };
}

/** A text may have so many characters as the contract counts them, by code point; browsers count
 * an emoji twice. @param {number} most */
const atMost = (most) => (/** @type {any} */ event) => {
  const { currentTarget: field } = event;
  const length = [...field.value].length;
  field.setCustomValidity(length > most ? `At most ${most} characters. These are ${length}.` : "");
};

/** A labelled field of a form; `most` is how many characters it takes. @param {any} props */
export function Field({ label, hint, as = "input", children, most, ...rest }) {
  const id = useId();
  const counted = most ? atMost(most) : undefined;
  if (counted) {
    const also = rest.onInput;
    rest.onInput = (/** @type {any} */ event) => (counted(event), also?.(event));
  }
  const described = hint ? { "aria-describedby": `${id}-hint` } : {};
  return html`
    <div class="field">
      <label for=${id} dir="auto">${label}</label>
      <${as} id=${id} ...${described} ...${rest}>${children}<//>
      ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
    </div>
  `;
}

/** A form that does one thing. `run` gets the form's values. @param {any} props */
export function Form({ label, button, run, children, inline }) {
  const action = useAction(run);
  /** @param {any} event */
  const submit = async (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    await action.run(Object.fromEntries(new FormData(form)), form);
  };
  return html`
    <form aria-label=${label} onSubmit=${submit} aria-busy=${action.busy} class=${inline ? "inline" : undefined}>
      ${children}
      <${Problem} problem=${action.problem} />
      <p><button class=${inline ? undefined : "primary"} disabled=${action.busy}>${action.busy ? "Working…" : button}</button></p>
    </form>
  `;
}

/** A button that does something at once. @param {any} props */
export function Button({ run, children, ...rest }) {
  const action = useAction(run);
  return html`
    <button ...${rest} disabled=${action.busy || rest.disabled} onClick=${() => action.run()}>
      ${children}
    </button>
    <${Problem} problem=${action.problem} />
  `;
}

/** A button for what cannot be taken back: it asks once more. @param {any} props */
export function Twice({ verb, name, warning, run }) {
  const [asked, ask] = useState(false);
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const before = useRef(false);
  useEffect(() => {
    // The button that was pressed is gone: who uses a keyboard goes on where it was.
    if (asked !== before.current) box.current?.querySelector("button")?.focus();
    before.current = asked;
  }, [asked]);
  const sure = `Yes, ${verb.toLowerCase()}`;
  return html`<div ref=${box}>
    ${!asked && html`<button aria-label=${`${verb} ${name}`} onClick=${() => ask(true)}>${verb}</button>`}
    ${asked && warning && html`<p class="small">${warning}</p>`}
    ${asked && html`<${Button} aria-label=${`${sure} ${name}`} run=${run}>${sure}<//>`}
    ${asked && html`<button aria-label=${`No, leave ${name}`} onClick=${() => ask(false)}>No</button>`}
  </div>`;
}

/** Saves what an operation sends. @param {any} props */
export const Download = ({ operation, request, children }) => html`
  <${Button}
    run=${async () => {
      const { blob, name } = await file(operation, request);
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    }}
    >${children}<//
  >
`;

/** A name as a page shows it, which makes one blank of several. @param {string} text */
const flat = (text) => text.trim().replace(/\s+/g, " ");

/** Deletes something, once its name is typed. @param {any} props */
export function Delete({ what, name, run }) {
  const [typed, type] = useState("");
  return html`
    <details class="danger">
      <summary>Delete this ${what}</summary>
      <${Form} label=${`Delete this ${what}`} button=${`Delete the ${what}`} run=${async () => {
        if (flat(typed) !== flat(name)) throw new NotDone("That is not its name. Type it as it stands above.");
        await run();
      }}>
        <p>
          It cannot be brought back. To go on, type its name: <strong dir="auto">${name}</strong>
        </p>
        <${Field} label="Name" autocomplete="off" value=${typed} dir="auto"
          onInput=${(/** @type {any} */ event) => type(event.currentTarget.value)} />
      <//>
    </details>
  `;
}

/** How far work is. @param {{label: string, value: number, note?: string}} props */
export const Progress = ({ label, value, note }) => html`
  <p class="progress">
    <progress aria-label=${label} max="1" value=${value}></progress>
    <span role="status">${Math.round(value * 100)} %${note ? `, ${note}` : ""}</span>
  </p>
`;

/** Names and values. @param {{of: [string, any][]}} props */
export const Facts = ({ of }) => html`
  <dl class="facts">
    ${of.map(([name, value]) => html`<div><dt>${name}</dt><dd dir="auto">${value}</dd></div>`)}
  </dl>
`;

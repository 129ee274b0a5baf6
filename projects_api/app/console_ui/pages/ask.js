// A form made from what a model takes, and its answer.

import { Bars } from "../charts.js";
import { cell, number, share } from "../format.js";
import { Field, Form, Table } from "../parts.js";
import { html, useId, useState } from "../view.js";

/**
 * @typedef {import("../api.js").Schemas["TrainedModelSignature"]} Signature
 * @typedef {import("../api.js").Schemas["TrainedModelInput"]} Input
 */

/**
 * @param {{signature: Signature, ask: (row: object, explain: boolean) => Promise<import("../api.js").Answer<"predict">>,
 *   tell?: (rowId: number, truth: string | number) => Promise<unknown>}} props
 */
export function Ask({ signature, ask, tell }) {
  const [answer, keep] = useState(/** @type {import("../api.js").Schemas["Prediction"] | null} */ (null));
  /** @param {Record<string, string>} values */
  const run = async (values) => {
    keep(null);
    const row = Object.fromEntries(signature.inputs.map((one, at) => [one.name, valueOf(one, values[`input${at}`] || "")]));
    const { predictions } = await ask(row, values["explain"] === "on");
    keep(predictions[0] || null);
  };
  return html`
    <section>
      <h2>Ask it</h2>
      <${Form} label="Ask the model" button="Ask" run=${run}>
        <div class="fields">
          ${signature.inputs.map((one, at) => html`<${Entry} of=${one} name=${`input${at}`} />`)}
        </div>
        <p class="hint">What is left empty counts as missing.</p>
        <p><label><input type="checkbox" name="explain" /> Tell what each value adds to the answer</label></p>
      <//>
      <div role="status" aria-live="polite">
        ${answer && html`
          <p class="answer" dir="auto">${signature.target}: ${cell(answer.prediction)}</p>
          ${answer.explanation && html`<${Reasons} of=${answer.explanation} />`}
          ${answer.probabilities && html`<${Bars} label="Probabilities" top=${1}
            items=${Object.entries(answer.probabilities).map(([name, value]) => ({ name, value, note: share(value) }))} />`}
        `}
      </div>
      ${tell && answer?.row_id && html`<${Truth} key=${answer.row_id} signature=${signature}
        tell=${(/** @type {string | number} */ truth) => tell(/** @type {number} */ (answer.row_id), truth)} />`}
    </section>
  `;
}

/** What each input adds, the most first. @param {{of: import("../api.js").Schemas["RowExplanation"]}} props */
const Reasons = ({ of }) => html`
  <p class="small">What each value adds (SHAP); below zero it speaks against the answer.</p>
  <${Table} label="What each value adds" heads=${["Input", "Adds"]}>
    ${Object.entries(of)
      .sort(([, one], [, other]) => Math.abs(other) - Math.abs(one))
      .map(([name, value]) => html`<tr><td dir="auto">${name}</td><td>${number(value)}</td></tr>`)}
  <//>
`;

/** @param {{signature: Signature, tell: (truth: string | number) => Promise<unknown>}} props */
function Truth({ signature, tell }) {
  const [isTold, note] = useState(false);
  const labels = signature.labels;
  /** @param {Record<string, string>} values */
  const run = async ({ truth = "" }) => {
    await tell(labels ? truth : Number(truth));
    note(true);
  };
  return html`
    <${Form} label="Tell what turned out" button="Tell" run=${run}>
      ${labels
        ? html`<${Field} label="What turned out" as="select" name="truth" required dir="auto">
            ${labels.map((one) => html`<option>${String(one)}</option>`)}
          <//>`
        : html`<${Field} label="What turned out" name="truth" type="number" step="any" required />`}
    <//>
    <p role="status">${isTold ? "It is kept: the quality below Drift counts it." : ""}</p>
  `;
}

/** @param {{of: Input, name: string}} props */
function Entry({ of, name }) {
  const list = useId();
  if (of.kind === "boolean") {
    return html`<${Field} label=${of.name} as="select" name=${name}>
      <option value=""></option><option>true</option><option>false</option>
    <//>`;
  }
  if (of.kind === "category") {
    return html`<${Field} label=${of.name} name=${name} list=${list} dir="auto" autocomplete="off" />
      <datalist id=${list}>${(of.categories || []).map((one) => html`<option value=${one} />`)}</datalist>`;
  }
  if (of.kind === "number") {
    return html`<${Field} label=${of.name} name=${name} type="number" step="any" />`;
  }
  const hint = of.kind === "date" ? of.format || "such as 2026-01-31" : "";
  return html`<${Field} label=${of.name} name=${name} hint=${hint} dir="auto" autocomplete="off" />`;
}

/** @param {Input} input @param {string} text */
function valueOf(input, text) {
  if (text === "") return null;
  if (input.kind === "number") return Number(text);
  return input.kind === "boolean" ? text === "true" : text;
}

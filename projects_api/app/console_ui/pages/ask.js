// A form made from what a model takes, and its answer.

import { Bars } from "../charts.js";
import { cell, share } from "../format.js";
import { Field, Form } from "../parts.js";
import { html, useId, useState } from "../view.js";

/**
 * @typedef {import("../api.js").Schemas["TrainedModelSignature"]} Signature
 * @typedef {import("../api.js").Schemas["TrainedModelInput"]} Input
 */

/** @param {{signature: Signature, ask: (row: object) => Promise<import("../api.js").Answer<"predict">>}} props */
export function Ask({ signature, ask }) {
  const [answer, keep] = useState(/** @type {import("../api.js").Schemas["Prediction"] | null} */ (null));
  /** @param {Record<string, string>} values */
  const run = async (values) => {
    keep(null);
    const row = Object.fromEntries(signature.inputs.map((one, at) => [one.name, valueOf(one, values[`input${at}`] || "")]));
    const { predictions } = await ask(row);
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
      <//>
      <div role="status" aria-live="polite">
        ${answer && html`
          <p class="answer" dir="auto">${signature.target}: ${cell(answer.prediction)}</p>
          ${answer.probabilities && html`<${Bars} label="Probabilities" top=${1}
            items=${Object.entries(answer.probabilities).map(([name, value]) => ({ name, value, note: share(value) }))} />`}
        `}
      </div>
    </section>
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

// A model: what it is worth, what it goes by, and what it says.

import { call } from "../api.js";
import { Bars, Confusion, Plot } from "../charts.js";
import { useAnswer } from "../data.js";
import { bytes, cell, count, number, seconds, words } from "../format.js";
import { Asked, Crumbs, Delete, Download, Facts, Field, Form, May, Time, Title } from "../parts.js";
import { go } from "../route.js";
import { html } from "../view.js";
import { Ask } from "./ask.js";
import { PredictTable } from "./predict_table.js";

/** @param {{id: string}} props */
export function ModelPage({ id }) {
  const path = { model_id: id };
  const found = useAnswer("get_model", { path });
  return html`
    <${Asked} of=${found}>
      ${(/** @type {import("../api.js").Answer<"get_model">} */ { model, signature }) => html`
        <${Crumbs} links=${[["/projects", "Projects"], [`/projects/${model.project_id}`, "Project"],
          [`/experiments/${model.experiment_id}`, "Experiment"]]} />
        <${Title} name=${model.name} />
        <section aria-label="The model">
          <${Facts} of=${[
            ["Kind", model.model_type],
            ["Rank", `${model.rank}${model.is_best ? ", the best" : ""}`],
            ...(signature ? [["Predicts", signature.target]] : []),
            ...Object.entries(model.metrics).map(([name, value]) => [words(name), number(value)]),
            ["Training", seconds(model.training_seconds)],
            ["Size", bytes(model.size_bytes)],
            ["Created", html`<${Time} at=${model.created_at} />`],
          ]} />
          <p><${Download} operation="download_model" request=${{ path }}>Download<//></p>
        </section>
        ${signature && html`<${Ask} signature=${signature}
          ask=${(/** @type {any} */ inputs, /** @type {boolean} */ explain) =>
            call("predict", { path, body: { inputs, ...(explain ? { options: { explain } } : {}) } })} />`}
        ${signature && html`<${May} project=${model.project_id} to="predict_dataset"><${PredictTable} of=${model.project_id}
          ask=${(/** @type {any} */ body) => call("predict_dataset", { path, body })} /><//>`}
        <${Evaluation} path=${path} />
        <${Importance} path=${path} />
        <${May} project=${model.project_id} to="create_deployment"><${Deploy} model=${model} /><//>
        <${Parameters} path=${path} />
        <${May} project=${model.project_id} to="delete_model"><section>
          <h2>Delete</h2>
          <${Delete} what="model" name=${model.name} run=${async () => {
            await call("delete_model", { path });
            go(`/experiments/${model.experiment_id}`);
          }} />
        </section><//>
      `}
    <//>
  `;
}

/** @param {{path: {model_id: string}}} props */
function Evaluation({ path }) {
  const found = useAnswer("get_model_evaluation", { path });
  return html`
    <section>
      <h2>On rows that it had not seen</h2>
      <${Asked} of=${found}>
        ${(/** @type {import("../api.js").Answer<"get_model_evaluation">} */ { evaluation }) =>
          Object.keys(evaluation).length === 0 ? html`<p>Nobody has kept how it did.</p>` : html`<${Pictures} of=${evaluation} />`}
      <//>
    </section>
  `;
}

/** @param {{of: import("../api.js").Schemas["Evaluation"]}} props */
function Pictures({ of }) {
  const named = (/** @type {{label: unknown, points: number[][]}[]} */ curves) =>
    curves.slice(0, 6).map((one) => ({ name: cell(one.label), points: one.points }));
  return html`
    ${of.rows !== undefined && html`<p>${count(of.rows)} rows were held out.</p>`}
    ${of.confusion && html`<${Confusion} ...${of.confusion} />`}
    <div class="grid-2">
      ${of.roc && of.roc.length > 0 && html`<div><h3>ROC</h3>
        <${Plot} unit diagonal x="false positive rate" y="true positive rate" lines=${named(of.roc)}
          label=${`ROC curve: ${of.roc.map((one) => `area ${number(one.auc)} for ${cell(one.label)}`).join(", ")}`} />
        <p class="small">${of.roc.map((one) => `Area for ${cell(one.label)}: ${number(one.auc)}`).join(". ")}</p></div>`}
      ${of.precision_recall && of.precision_recall.length > 0 && html`<div><h3>Precision and recall</h3>
        <${Plot} unit x="recall" y="precision" lines=${named(of.precision_recall)}
          label=${`Precision by recall: ${of.precision_recall.map((one) => `average ${number(one.average_precision)} for ${cell(one.label)}`).join(", ")}`} /></div>`}
      ${of.calibration && of.calibration.length > 0 && html`<div><h3>Calibration</h3>
        <${Plot} unit diagonal x="predicted" y="observed" label="Calibration: how often it comes true, by the probability given"
          lines=${of.calibration.slice(0, 6).map((one) => ({ name: cell(one.label), points: one.bins.map((bin) => [bin.predicted, bin.observed]) }))} /></div>`}
      ${of.residuals && of.residuals.length > 0 && html`<div><h3>Residuals</h3>
        <${Plot} zero x="predicted" y="residual" label="Residuals by prediction"
          points=${of.residuals.map(([said = 0, truth = 0]) => ({ x: said, y: truth - said }))} /></div>`}
    </div>
  `;
}

/** @param {{path: {model_id: string}}} props */
function Importance({ path }) {
  const found = useAnswer("explain_model", { path });
  return html`
    <section>
      <h2>What it goes by</h2>
      <${Asked} of=${found}>
        ${(/** @type {import("../api.js").Answer<"explain_model">} */ { explanation }) => html`
          <div class="grid-2">
            ${explanation.permutation_importance && html`<div><h3>What it loses without a column</h3>
              <${Bars} label="Permutation importance" items=${explanation.permutation_importance
                .slice(0, 20).map((one) => ({ name: one.feature, value: one.importance }))} /></div>`}
            ${explanation.shap && html`<div><h3>How much a column moves its answers</h3>
              <${Bars} label="SHAP" items=${explanation.shap
                .slice(0, 20).map((one) => ({ name: one.feature, value: one.mean_absolute }))} /></div>`}
          </div>
          ${!explanation.permutation_importance && !explanation.shap && html`<p>Nobody has kept what it goes by.</p>`}
        `}
      <//>
    </section>
  `;
}

/** @param {{model: import("../api.js").Schemas["TrainedModel"]}} props */
const Deploy = ({ model }) => html`
  <section>
    <h2>Deploy</h2>
    <${Form} label="Deploy" button="Deploy" run=${async (/** @type {any} */ { name, stage }) => {
      const made = await call("create_deployment", {
        path: { project_id: model.project_id },
        body: { model_id: model.id, name, stage },
      });
      go(`/deployments/${made.deployment_id}`);
    }}>
      <div class="fields">
        <${Field} label="Name" name="name" required most=${255} dir="auto" />
        <${Field} label="Stage" as="select" name="stage"><option>staging</option><option>production</option><//>
      </div>
    <//>
  </section>
`;

/** @param {{path: {model_id: string}}} props */
function Parameters({ path }) {
  const found = useAnswer("get_model_parameters", { path });
  return html`
    <section>
      <h2>Parameters</h2>
      <${Asked} of=${found}>
        ${(/** @type {import("../api.js").Answer<"get_model_parameters">} */ { parameters }) => html`
          <${Facts} of=${Object.entries(parameters).map(([name, value]) => [name, cell(value) || "–"])} />
          ${Object.keys(parameters).length === 0 && html`<p>Nobody has kept them.</p>`}
        `}
      <//>
    </section>
  `;
}

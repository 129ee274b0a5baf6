// A deployment: where it stands, how to move it, what it answers, and how far its questions moved.

import { call } from "../api.js";
import { Bars } from "../charts.js";
import { useAnswer } from "../data.js";
import { count, number, words } from "../format.js";
import { Asked, Button, Crumbs, Facts, May, Status, Table, Time, Title } from "../parts.js";
import { go } from "../route.js";
import { html } from "../view.js";
import { Ask } from "./ask.js";
import { PredictTable } from "./predict_table.js";

/** @param {{id: string}} props */
export function DeploymentPage({ id }) {
  const path = { deployment_id: id };
  const found = useAnswer("get_deployment", { path });
  return html`
    <${Asked} of=${found}>
      ${(/** @type {import("../api.js").Answer<"get_deployment">} */ { deployment }) => html`
        <${Crumbs} links=${[["/projects", "Projects"], [`/projects/${deployment.project_id}`, "Project"],
          [`/projects/${deployment.project_id}/deployments`, "Deployments"]]} />
        <${Title} name=${deployment.name} />
        <section aria-label="The deployment">
          <p><${Status} status=${deployment.stage} /> <${Status} status=${deployment.status} /></p>
          <${Facts} of=${[
            ["Traffic", `${deployment.traffic_percent} %`],
            ["Threshold", number(deployment.threshold)],
            ["Model", html`<a href=${`#/models/${deployment.model_id}`}>Look at it</a>`],
            ["Replaced", deployment.replaced_id ? html`<a href=${`#/deployments/${deployment.replaced_id}`}>Another one</a>` : "–"],
            ["Created", html`<${Time} at=${deployment.created_at} />`],
            ["Changed", html`<${Time} at=${deployment.updated_at} />`],
          ]} />
          <${May} project=${deployment.project_id} to="promote_deployment">
            <${Moves} deployment=${deployment} reload=${found.reload} />
          <//>
        </section>
        <${Drift} path=${path} />
        <${Question} deployment=${deployment} />
        ${deployment.status === "active" && html`
          <${May} project=${deployment.project_id} to="predict_dataset_with_deployment"><${PredictTable}
            of=${deployment.project_id}
            ask=${(/** @type {any} */ body) => call("predict_dataset_with_deployment", { path, body })} /><//>`}
      `}
    <//>
  `;
}

/** @param {{deployment: import("../api.js").Schemas["Deployment"], reload: () => void}} props */
function Moves({ deployment, reload }) {
  const path = { deployment_id: deployment.id };
  const other = deployment.stage === "staging" ? "production" : "staging";
  if (deployment.status !== "active") return null;
  return html`
    <h2>Move it</h2>
    <div class="row">
      <${Button} run=${async () => {
        await call("promote_deployment", { path, body: { to_stage: other } });
        reload();
      }}>Put it into ${other}<//>
      <${Button} disabled=${!deployment.replaced_id} run=${async () => {
        const back = await call("rollback_deployment", { path });
        if (back.deployment.id === deployment.id) reload();
        else go(`/deployments/${back.deployment.id}`);
      }}>Roll back<//>
      <${Button} run=${async () => {
        await call("deactivate_deployment", { path });
        reload();
      }}>Deactivate<//>
    </div>
  `;
}

/** @param {{path: {deployment_id: string}}} props */
function Drift({ path }) {
  const found = useAnswer("get_drift", { path });
  return html`
    <section>
      <h2>Drift</h2>
      <${Asked} of=${found}>
        ${(/** @type {import("../api.js").Answer<"get_drift">} */ { drift }) => html`
          <p><${Status} status=${drift.verdict} /> ${" "}
            ${count(drift.rows)} rows were asked about, ${count(drift.reference_rows)} were learned from;
            ${" "}${count(drift.minimum_rows)} are needed to judge.</p>
          ${drift.features.some((one) => one.psi !== null) && html`
            <h3>How far each input has moved</h3>
            <${Bars} label="Population stability index of each input" top=${Math.max(0.5, ...drift.features.map((one) => one.psi ?? 0))}
              items=${drift.features.map((one) => ({ name: one.name, value: one.psi ?? 0, tone: one.verdict,
                note: `${number(one.psi)}, ${words(one.verdict)}` }))} />`}
          ${drift.features.length > 0 && html`
            <${Table} label="Drift of each input" heads=${["Input", "Kind", "Verdict", "PSI", "KS", "p", "Missing", "Missing then"]}>
              ${drift.features.map((one) => html`<tr>
                <td dir="auto">${one.name}</td>
                <td>${one.kind}</td>
                <td><${Status} status=${one.verdict} /></td>
                <td>${number(one.psi)}</td>
                <td>${number(one.ks_statistic)}</td>
                <td>${number(one.ks_p_value)}</td>
                <td>${count(one.missing)} of ${count(one.rows)}</td>
                <td>${count(one.reference_missing)}</td>
              </tr>`)}
            <//>`}
          ${drift.predictions && html`
            <h3>How far the predictions have moved</h3>
            <p><${Status} status=${drift.predictions.verdict} /> ${" "}
              PSI ${number(drift.predictions.psi)}, KS ${number(drift.predictions.ks_statistic)}, beside the model's test on
              ${" "}${count(drift.predictions.reference_rows)} rows; ${count(drift.minimum_rows)} of either are needed to judge.</p>`}
          ${drift.quality && html`<${Quality} of=${drift.quality} />`}
        `}
      <//>
    </section>
  `;
}

/** @param {{of: NonNullable<import("../api.js").Answer<"get_drift">["drift"]["quality"]>}} props */
function Quality({ of }) {
  return html`
    <h3>How good the predictions were</h3>
    <p>The truth is known of ${count(of.rows)} rows.</p>
    <${Table} label="Quality of the predictions" heads=${["Metric", "Now", "In the model's test"]}>
      ${Object.entries(of.metrics).map(([name, value]) => html`<tr>
        <td>${name}</td><td>${number(value)}</td><td>${number(of.held_out[name])}</td>
      </tr>`)}
    <//>
  `;
}

/** @param {{deployment: import("../api.js").Schemas["Deployment"]}} props */
function Question({ deployment }) {
  const found = useAnswer("get_model", { path: { model_id: deployment.model_id } });
  const path = { deployment_id: deployment.id };
  return found.answer?.signature
    ? html`<${Ask} signature=${found.answer.signature}
        ask=${(/** @type {any} */ inputs, /** @type {boolean} */ explain) =>
            call("predict_with_deployment", { path, body: { inputs, ...(explain ? { options: { explain } } : {}) } })}
        tell=${(/** @type {number} */ row_id, /** @type {any} */ truth) =>
          call("give_feedback", { path, body: { truths: [{ row_id, truth }] } })} />`
    : null;
}

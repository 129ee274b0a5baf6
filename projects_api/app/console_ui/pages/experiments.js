// The experiments of a project, and the form that starts one.

import { call, NotDone } from "../api.js";
import { useAnswer, useChoices } from "../data.js";
import { seconds } from "../format.js";
import { Asked, Field, Form, May, Pager, pageOf, Problem, Status, Table, Time } from "../parts.js";
import { amend, go, useRoute } from "../route.js";
import { html, useState } from "../view.js";

/** @param {{project: import("../api.js").Schemas["Project"]}} props */
export function Experiments({ project }) {
  const found = useAnswer("list_experiments", { query: { project_id: project.id, ...pageOf() } });
  return html`
    <section>
      <h2>Experiments</h2>
      <${Asked} of=${found}>
        ${(/** @type {import("../api.js").Answer<"list_experiments">} */ list) =>
          list.items.length === 0
            ? html`<p>Nothing has been trained yet.</p>`
            : html`
                <${Table} label="Experiments" heads=${["Name", "Status", "Predicts", "Best model", "Took", "Created"]}>
                  ${list.items.map(
                    (one) => html`<tr>
                      <td><a href=${`#/experiments/${one.id}`} dir="auto">${one.name}</a></td>
                      <td><${Status} status=${one.status} /></td>
                      <td dir="auto">${one.target_column} <span class="small">${one.problem_type}</span></td>
                      <td>${one.best_model_type || "–"}</td>
                      <td>${seconds(one.duration)}</td>
                      <td><${Time} at=${one.created_at} /></td>
                    </tr>`,
                  )}
                <//>
                <${Pager} of=${list} />
              `}
      <//>
    </section>
    <${May} project=${project.id} to="create_experiment"><section>
      <h2>Start an experiment</h2>
      <${Start} project=${project} />
    </section><//>
  `;
}

/** @param {{project: import("../api.js").Schemas["Project"]}} props */
function Start({ project }) {
  const { query } = useRoute();
  const list = useChoices((page) => call("list_datasets", { query: { project_id: project.id, ...page } }), [project.id]);
  const chosen = query.get("dataset") || list.items[0]?.id || "";
  const dataset = list.items.find((one) => one.id === chosen);
  const columns = useAnswer("get_dataset_columns", { path: { dataset_id: chosen } }, { skip: !chosen });
  const able = useAnswer("get_experiment_capabilities");
  const [target, aim] = useState("");
  const [kind, decide] = useState("");
  const [name, rename] = useState(/** @type {string | null} */ (null));
  const column = columns.answer?.columns.find((one) => one.name === target);
  if (list.isDone && list.items.length === 0) {
    return html`<p>First <a href=${`#/projects/${project.id}/data`}>upload a table</a> to learn from.</p>`;
  }
  // What was typed stays, whatever the server says of the rest.
  const suggested = target && [...`Predict ${target}`].slice(0, 255).join("");
  /** @param {any} values */
  const run = async (values) => {
    if (!dataset) throw new NotDone("Choose a data set first.");
    const made = await call("create_experiment", {
      body: {
        project_id: project.id,
        dataset_version_id: dataset.dataset_version_id,
        name: values.name,
        target_column: values.target,
        problem_type: values.problem_type,
        engine: values.engine,
        config: { max_runtime_secs: Number(values.seconds), max_models: Number(values.models) },
      },
    });
    go(`/experiments/${made.experiment_id}`);
  };
  return html`
    <${Problem} problem=${list.problem || columns.problem || able.problem} />
    <${Form} label="Start an experiment" button="Start" run=${run}>
      <div class="fields">
        <${Field} label="Data set" as="select" value=${chosen} dir="auto"
          onChange=${(/** @type {any} */ event) => amend({ dataset: event.currentTarget.value })}>
          ${list.items.map((one) => html`<option value=${one.id}>${one.name}</option>`)}
        <//>
        <${Field} label="Column to predict" as="select" name="target" required value=${target} dir="auto"
          hint=${columns.answer || columns.problem ? "" : "The columns are being read…"}
          onChange=${(/** @type {any} */ event) => {
            aim(event.currentTarget.value);
            decide("");
          }}>
          <option value="">Choose one</option>
          ${columns.answer?.columns.map((one) => html`<option value=${one.name}>${one.name} (${one.type})</option>`)}
        <//>
        <${Field} label="Kind of prediction" as="select" name="problem_type"
          onChange=${(/** @type {any} */ event) => decide(event.currentTarget.value)}
          value=${kind || (column?.type === "number" || (column?.type === "integer" && column.distinct_count > 20) ? "regression" : "classification")}>
          <option value="classification">a label (classification)</option>
          <option value="regression">a number (regression)</option>
        <//>
        <${Field} label="Name" name="name" required most=${255} dir="auto"
          value=${name ?? suggested} onInput=${(/** @type {any} */ event) => rename(event.currentTarget.value)} />
        <${Field} label="Engine" as="select" name="engine"
          hint=${(able.answer?.unavailable || []).map((one) => `${one.engine}: ${one.reason}`).join(" ")}>
          ${able.answer?.allowed_engines.map((one) => html`<option>${one}</option>`)}
        <//>
        <${Field} label="Seconds at most" name="seconds" type="number" min="1" max="86400" defaultValue="60" required />
        <${Field} label="Models at most" name="models" type="number" min="1" max="100" defaultValue="10" required />
      </div>
    <//>
  `;
}

// An experiment: how far it is, what it told, and the models that it found, the best first.

import { call } from "../api.js";
import { Bars } from "../charts.js";
import { isOver, useAnswer } from "../data.js";
import { cell, number, seconds, words } from "../format.js";
import { Asked, Button, Crumbs, Delete, Facts, Pager, pageOf, Progress, Status, Table, Time, Title } from "../parts.js";
import { go } from "../route.js";
import { html, useEffect } from "../view.js";

/** @param {{id: string}} props */
export function ExperimentPage({ id }) {
  const path = { experiment_id: id };
  const found = useAnswer("get_experiment", { path });
  const watched = useAnswer("get_experiment_status", { path }, { every: 1000, until: (one) => isOver(one.status) });
  const status = watched.answer?.status || found.answer?.experiment.status || "queued";
  useEffect(() => {
    if (found.answer && found.answer.experiment.status !== status) found.reload();
  }, [status]);
  return html`
    <${Asked} of=${found}>
      ${(/** @type {import("../api.js").Answer<"get_experiment">} */ { experiment }) => html`
        <${Crumbs} links=${[["/projects", "Projects"], [`/projects/${experiment.project_id}`, "Project"],
          [`/projects/${experiment.project_id}/experiments`, "Experiments"]]} />
        <${Title} name=${experiment.name} />
        <section aria-label="The experiment">
          <p><${Status} status=${status} /> ${experiment.message}</p>
          ${watched.answer && !isOver(status) && html`<${Progress} label="Training" value=${watched.answer.progress}
            note=${[watched.answer.stage, watched.answer.seconds_left !== null && `about ${seconds(watched.answer.seconds_left)} left`].filter(Boolean).join(", ")} />`}
          ${status === "running" && html`<${Button} run=${() => call("stop_experiment", { path })}>Stop, and keep its models<//>`}
          <${Facts} of=${[
            ["Predicts", experiment.target_column],
            ["Kind", experiment.problem_type],
            ["Engine", experiment.engine],
            ["Best model", experiment.best_model_type || "–"],
            ["Took", seconds(experiment.duration)],
            ["Created", html`<${Time} at=${experiment.created_at} />`],
          ]} />
        </section>
        <${Leaderboard} key=${`models ${status}`} experiment=${experiment} />
        <${Runs} key=${`runs ${status}`} path=${path} />
        <${Log} key=${`log ${status}`} path=${path} live=${!isOver(status)} />
        <section>
          <h2>Settings of the search</h2>
          <${Facts} of=${Object.entries(experiment.config).map(([name, value]) => [words(name), cell(value) || "–"])} />
        </section>
        <section>
          <h2>Delete</h2>
          <${Delete} what="experiment" name=${experiment.name} run=${async () => {
            await call("delete_experiment", { path });
            go(`/projects/${experiment.project_id}/experiments`);
          }} />
        </section>
      `}
    <//>
  `;
}

/** @param {{experiment: import("../api.js").Schemas["Experiment"]}} props */
function Leaderboard({ experiment }) {
  const found = useAnswer("list_models", {
    query: { project_id: experiment.project_id, experiment_id: experiment.id, ...pageOf() },
  });
  return html`
    <section>
      <h2>Leaderboard</h2>
      <${Asked} of=${found}>
        ${(/** @type {import("../api.js").Answer<"list_models">} */ list) => {
          const metrics = [...new Set(list.items.flatMap((one) => Object.keys(one.metrics)))];
          const asked = experiment.config.sort_metric?.toLowerCase();
          const main = metrics.find((one) => one === asked) || metrics[0];
          return list.items.length === 0
            ? html`<p>There is no model yet.</p>`
            : html`
                <${Table} label="Leaderboard" heads=${["Rank", "Model", ...metrics.map(words), "Training"]}>
                  ${list.items.map(
                    (one) => html`<tr>
                      <td>${one.rank}${one.is_best && html` <span class="status succeeded">best</span>`}</td>
                      <td><a href=${`#/models/${one.id}`} dir="auto">${one.name}</a> <span class="small">${one.model_type}</span></td>
                      ${metrics.map((name) => html`<td>${number(one.metrics[name])}</td>`)}
                      <td>${seconds(one.training_seconds)}</td>
                    </tr>`,
                  )}
                <//>
                <${Pager} of=${list} />
                ${main && html`<h3>${words(main)}</h3>
                  <${Bars} label=${`${words(main)} of each model`}
                    items=${list.items.map((one) => ({ name: one.name, value: one.metrics[main] ?? 0 }))} />`}
              `;
        }}
      <//>
    </section>
  `;
}

/** @param {{path: {experiment_id: string}}} props */
function Runs({ path }) {
  const found = useAnswer("list_engine_runs", { path, query: pageOf("runs") });
  return html`
    <section>
      <h2>Engines</h2>
      <${Asked} of=${found}>
        ${(/** @type {import("../api.js").Answer<"list_engine_runs">} */ list) => html`
          <${Table} label="Engines" heads=${["Engine", "Status", "Models", "Best model", "Took", "Message"]}>
            ${list.items.map(
              (one) => html`<tr>
                <td>${one.engine}</td>
                <td><${Status} status=${one.status} /></td>
                <td>${one.model_count}</td>
                <td>${one.best_model_type || "–"}</td>
                <td>${seconds(one.duration)}</td>
                <td>${one.message || "–"}</td>
              </tr>`,
            )}
          <//>
          <${Pager} of=${list} name="runs" />
        `}
      <//>
    </section>
  `;
}

/** @param {{path: {experiment_id: string}, live: boolean}} props */
function Log({ path, live }) {
  const found = useAnswer("get_experiment_logs", { path, query: { limit: 1000 } }, live ? { every: 2000 } : {});
  return html`
    <section>
      <h2>Log</h2>
      <${Asked} of=${found}>
        ${(/** @type {import("../api.js").Answer<"get_experiment_logs">} */ page) => html`
          <pre tabindex="0" role="region" aria-label="Log">${page.logs.join("\n") || "Nothing yet."}</pre>
          ${page.total > page.logs.length && html`<p class="small">The first ${page.logs.length} of ${page.total} lines.</p>`}
        `}
      <//>
    </section>
  `;
}

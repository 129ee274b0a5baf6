// An experiment: how far it is, what it told, and the models that it found, the best first.

import { call } from "../api.js";
import { Bars } from "../charts.js";
import { isOver, useAnswer } from "../data.js";
import { cell, count, number, seconds, words } from "../format.js";
import { Asked, Button, Crumbs, Delete, Facts, May, Pager, pageOf, Problem, Progress, Status, Table, Time, Title } from "../parts.js";
import { go } from "../route.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../view.js";

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
          ${watched.answer && !isOver(status) && html`<${Progress} label="Training" value=${watched.answer.progress / 100}
            note=${[watched.answer.stage, watched.answer.seconds_left !== null && `about ${seconds(watched.answer.seconds_left)} left`].filter(Boolean).join(", ")} />`}
          ${status === "running" && html`<${May} project=${experiment.project_id} to="stop_experiment"><p>
            <${Button} run=${() => call("stop_experiment", { path })}>Stop, and keep its models<//>
          </p><//>`}
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
        <${Log} path=${path} live=${!isOver(status)} />
        <section>
          <h2>Settings of the search</h2>
          <${Facts} of=${Object.entries(experiment.config).map(([name, value]) => [words(name), cell(value) || "–"])} />
        </section>
        <${May} project=${experiment.project_id} to="delete_experiment"><section>
          <h2>Delete</h2>
          <${Delete} what="experiment" name=${experiment.name} run=${async () => {
            await call("delete_experiment", { path });
            go(`/projects/${experiment.project_id}/experiments`);
          }} />
        </section><//>
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

const LOG_LINES = 1000;

/** @param {{path: {experiment_id: string}, live: boolean}} props */
function Log({ path, live }) {
  const [log, show] = useState({ lines: /** @type {string[]} */ ([]), total: 0 });
  const [problem, tell] = useState(/** @type {any} */ (null));
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const follows = useRef(true);
  const next = useRef(0);
  useEffect(() => {
    let left = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const read = async () => {
      const page = await call("get_experiment_logs", { path, query: { limit: LOG_LINES, offset: next.current } });
      if (left) return;
      next.current += page.logs.length;
      const lacks = page.total - next.current;
      // The end is what one wants to see: of a long log, the middle is passed over.
      if (lacks > LOG_LINES) next.current = page.total - LOG_LINES;
      show(({ lines }) => ({
        lines: lacks > LOG_LINES ? [] : [...lines, ...page.logs].slice(-LOG_LINES),
        total: page.total,
      }));
      if (lacks > 0 && page.logs.length > 0) await read();
      else if (live) timer = setTimeout(() => read().catch(tell), 2000);
    };
    read().catch(tell);
    return () => {
      left = true;
      clearTimeout(timer);
    };
  }, [live]);
  useLayoutEffect(() => {
    if (place.current && follows.current) place.current.scrollTop = place.current.scrollHeight;
  }, [log]);
  /** Who has gone back to read something is left there. @param {any} event */
  const scrolled = ({ currentTarget: at }) => {
    follows.current = at.scrollHeight - at.scrollTop - at.clientHeight < 40;
  };
  return html`
    <section>
      <h2>Log</h2>
      <${Problem} problem=${problem} />
      <pre tabindex="0" role="region" aria-label="Log" ref=${place} onScroll=${scrolled}>${log.lines.join("\n") || "Nothing yet."}</pre>
      ${log.total > log.lines.length && html`<p class="small">The last ${count(log.lines.length)} of ${count(log.total)} lines.</p>`}
    </section>
  `;
}

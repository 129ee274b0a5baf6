// Asks a model about a whole table, which makes a data set with its answers.

import { call } from "../api.js";
import { jobEnd, useChoices } from "../data.js";
import { Field, Form, Problem, Progress } from "../parts.js";
import { go } from "../route.js";
import { html, useState } from "../view.js";

/**
 * @param {{of: string, ask: (body: {dataset_version_id: string, name?: string}) =>
 *   Promise<import("../api.js").Answer<"predict_dataset">>}} props
 */
export function PredictTable({ of, ask }) {
  const list = useChoices((page) => call("list_datasets", { query: { project_id: of, ...page } }), [of]);
  const [job, tell] = useState(/** @type {import("../api.js").Schemas["Job"] | null} */ (null));
  /** @param {any} values */
  const run = async ({ version, name }) => {
    try {
      const made = await ask({ dataset_version_id: version, ...(name ? { name } : {}) });
      const ended = await jobEnd(made.job_id, tell);
      if (ended.status !== "succeeded") throw new Error(ended.message || "It did not succeed.");
      go(`/datasets/${made.dataset_id}`);
    } finally {
      tell(null);
    }
  };
  return html`
    <section>
      <h2>Ask it about a table</h2>
      <${Problem} problem=${list.problem} />
      <${Form} label="Ask about a table" button="Predict" run=${run}>
        <div class="fields">
          <${Field} label="Data set" as="select" name="version" required dir="auto">
            ${list.items.map((one) => html`<option value=${one.dataset_version_id}>${one.name}</option>`)}
          <//>
          <${Field} label="Name of the answers (optional)" name="name" most=${255} dir="auto" />
        </div>
      <//>
      ${job && html`<p><a href=${`#/jobs/${job.id}`}>Its job</a></p>
        <${Progress} label="Prediction" value=${job.progress / 100} note=${job.stage || job.status} />`}
    </section>
  `;
}

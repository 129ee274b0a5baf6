// The columns of a data set, each with its statistics and the picture of its values.

import { Bars } from "../charts.js";
import { useAnswer } from "../data.js";
import { count, day, momentOfTable, number, share } from "../format.js";
import { Asked } from "../parts.js";
import { html, useState } from "../view.js";

/**
 * @typedef {import("../api.js").Schemas["DatasetColumn"]} Column
 * @typedef {import("../api.js").Schemas["ColumnDistribution"]} Distribution
 */
const SHOWN = 12;

/** @param {{path: {dataset_id: string}, version?: number}} props */
export function Columns({ path, version }) {
  const columns = useAnswer("get_dataset_columns", { path, query: { version } });
  const analysis = useAnswer("analyze_dataset", { path, query: { version } });
  const [shown, show] = useState(SHOWN);
  return html`
    <section>
      <h2>Columns</h2>
      <${Asked} of=${columns}>
        ${(/** @type {import("../api.js").Answer<"get_dataset_columns">} */ found) => html`
          <div class="grid-2">
            ${found.columns.slice(0, shown).map(
              (one, at) => html`<${One} column=${one} rows=${found.rows}
                distribution=${analysis.answer?.distributions[at]} />`,
            )}
          </div>
          ${found.columns.length > shown &&
          html`<p>
            <button onClick=${() => show(shown + SHOWN)}>
              Show more of the ${count(found.columns.length)} columns
            </button>
          </p>`}
        `}
      <//>
      ${analysis.answer && analysis.answer.correlations.length > 0 && html`
        <h3>How numbers go together</h3>
        <${Bars} label="Correlations" top=${1} items=${strongest(analysis.answer.correlations)} />
      `}
    </section>
  `;
}

/** @param {import("../api.js").Schemas["ColumnCorrelation"][]} all */
const strongest = (all) =>
  [...all]
    .sort((one, other) => Math.abs(other.coefficient) - Math.abs(one.coefficient))
    .slice(0, 10)
    .map((one) => ({ name: `${one.first}, ${one.second}`, value: one.coefficient }));

/** @param {{column: Column, rows: number, distribution?: Distribution}} props */
const One = ({ column, rows, distribution }) => html`
  <div>
    <h3 dir="auto">${column.name}</h3>
    <p class="small">
      ${column.type}, ${column.distinct_is_exact ? "" : "about "}${count(column.distinct_count)} different
      ${column.missing_count > 0 && html`, ${share(column.missing_count / rows)} missing`}
      ${column.mean !== null &&
      html`, mean ${number(column.mean)} ± ${number(column.standard_deviation)}, from ${number(column.min)} to ${number(column.max)}`}
      ${column.earliest && column.latest && html`, from ${written(column, column.earliest)} to ${written(column, column.latest)}`}
    </p>
    ${distribution && html`<${Bars} label=${`Values of ${column.name}`} items=${bars(distribution)} />`}
  </div>
`;

/** Days and moments of a table are shown as they stand in it. @param {Column} column @param {string} at */
const written = (column, at) => (column.type === "date" ? day(at) : momentOfTable(at));

/** @param {Distribution} of */
function bars(of) {
  const note = (/** @type {number} */ value) => ({ value, note: count(value) });
  if (of.bins.length > 0) {
    return merged(of.bins).map((bin) => ({ name: `${number(bin.lower)} – ${number(bin.upper)}`, ...note(bin.count) }));
  }
  if (of.periods.length > 0) {
    return of.periods.map((one) => ({ name: `from ${day(one.start)}`, ...note(one.count) }));
  }
  const top = of.top_values.slice(0, 8);
  const rest = of.top_values.slice(8).reduce((sum, one) => sum + one.count, of.other_count);
  const named = top.map((one) => ({ name: one.value || "(empty)", ...note(one.count) }));
  return rest > 0 ? [...named, { name: "all others", ...note(rest) }] : named;
}

/** Two intervals make one: ten bars are seen at a glance. @param {Distribution["bins"]} bins */
function merged(bins) {
  if (bins.length <= 10) return bins;
  return bins
    .filter((_, at) => at % 2 === 0)
    .map((bin, at) => {
      const next = bins[at * 2 + 1];
      return next ? { lower: bin.lower, upper: next.upper, count: bin.count + next.count } : bin;
    });
}

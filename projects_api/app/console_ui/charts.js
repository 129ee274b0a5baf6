// Pictures of numbers: bars as lists that can be read, curves and points as SVG with a title.

import { cell, count, number, share } from "./format.js";
import { html } from "./view.js";

/**
 * Bars with their names and numbers.
 * @param {{label: string, items: {name: string, value: number, note?: string, tone?: string}[], top?: number}} props
 */
export function Bars({ label, items, top }) {
  const most = top ?? Math.max(...items.map((item) => Math.abs(item.value)), Number.MIN_VALUE);
  return html`
    <ul class="bars" aria-label=${label}>
      ${items.map(
        (item) => html`
          <li>
            <span class="bar-name" dir="auto" title=${item.name}>${item.name}</span>
            <span class=${`bar ${item.tone || ""}`} style=${{ "--share": Math.min(Math.abs(item.value) / most, 1) }}></span>
            <span class="bar-value">${item.note ?? number(item.value)}</span>
          </li>
        `,
      )}
    </ul>
  `;
}

const SIZE = 320;
const EDGE = { left: 46, bottom: 38, top: 10, right: 10 };

/**
 * Points or lines between two axes.
 * @param {{label: string, x: string, y: string, lines?: {name: string, points: number[][]}[],
 *   points?: {x: number, y: number, name?: string}[], unit?: boolean, diagonal?: boolean, zero?: boolean}} props
 */
export function Plot({ label, x, y, lines = [], points = [], unit, diagonal, zero }) {
  const all = [...lines.flatMap((line) => line.points), ...points.map((one) => [one.x, one.y])];
  const [left, right] = unit ? [0, 1] : range(all.map((one) => one[0] ?? 0));
  const [low, high] = unit ? [0, 1] : range([...all.map((one) => one[1] ?? 0), ...(zero ? [0] : [])]);
  const across = (/** @type {number} */ value) =>
    EDGE.left + ((value - left) / (right - left)) * (SIZE - EDGE.left - EDGE.right);
  const up = (/** @type {number} */ value) =>
    SIZE - EDGE.bottom - ((value - low) / (high - low)) * (SIZE - EDGE.bottom - EDGE.top);
  const mid = (/** @type {number} */ a, /** @type {number} */ b) => (a + b) / 2;
  return html`
    <figure class="plot">
      <svg viewBox="0 0 ${SIZE} ${SIZE}" role="img" aria-label=${label}>
        ${[left, mid(left, right), right].map(
          (tick) => html`
            <line class="grid" x1=${across(tick)} x2=${across(tick)} y1=${up(low)} y2=${up(high)} />
            <text x=${across(tick)} y=${SIZE - EDGE.bottom + 14} text-anchor="middle">${number(tick)}</text>
          `,
        )}
        ${[low, mid(low, high), high].map(
          (tick) => html`
            <line class="grid" x1=${across(left)} x2=${across(right)} y1=${up(tick)} y2=${up(tick)} />
            <text x=${EDGE.left - 5} y=${up(tick) + 4} text-anchor="end">${number(tick)}</text>
          `,
        )}
        <text x=${across(mid(left, right))} y=${SIZE - 5} text-anchor="middle">${x}</text>
        <text x="11" y=${up(mid(low, high))} text-anchor="middle"
          transform="rotate(-90 11 ${up(mid(low, high))})">${y}</text>
        ${diagonal && html`<line class="hint-line" x1=${across(left)} y1=${up(low)} x2=${across(right)} y2=${up(high)} />`}
        ${zero && html`<line class="hint-line" x1=${across(left)} y1=${up(0)} x2=${across(right)} y2=${up(0)} />`}
        ${lines.map(
          (line, at) => html`<polyline class=${`line tone${at % 6}`}
            points=${line.points.map(([a, b]) => `${across(a ?? 0)},${up(b ?? 0)}`).join(" ")} />`,
        )}
        ${points.map(
          (one) => html`<circle class="point" cx=${across(one.x)} cy=${up(one.y)} r="3.5">
            ${one.name && html`<title>${one.name}</title>`}
          </circle>`,
        )}
      </svg>
      <figcaption>
        ${lines.length > 0
          ? html`<ul class="legend">
              ${lines.map((line, at) => html`<li><span class=${`key tone${at % 6}`}></span>${line.name}</li>`)}
            </ul>`
          : label}
      </figcaption>
    </figure>
  `;
}

/** @param {number[]} values */
function range(values) {
  let [low, high] = [Math.min(...values), Math.max(...values)];
  if (!Number.isFinite(low) || !Number.isFinite(high)) [low, high] = [0, 1];
  const room = high > low ? (high - low) * 0.05 : Math.abs(low) || 1;
  return /** @type {[number, number]} */ ([low - room, high + room]);
}

/**
 * Which labels were taken for which; the darker, the more of the row.
 * @param {{labels: unknown[], matrix: number[][]}} props
 */
export const Confusion = ({ labels, matrix }) => html`
  <div class="scroll" role="region" aria-label="Confusion matrix" tabindex="0">
    <table class="confusion">
      <caption>Rows are what was true, columns what the model said</caption>
      <thead>
        <tr>
          <td></td>
          ${labels.map((label) => html`<th scope="col" dir="auto">${cell(label)}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${matrix.map((row, at) => {
          const total = row.reduce((sum, one) => sum + one, 0) || 1;
          return html`<tr>
            <th scope="row" dir="auto">${cell(labels[at])}</th>
            ${row.map(
              (one) => html`<td>
                <strong>${count(one)}</strong> <span class="small">${share(one / total)}</span>
                <span class="bar" style=${{ "--share": one / total }}></span>
              </td>`,
            )}
          </tr>`;
        })}
      </tbody>
    </table>
  </div>
`;

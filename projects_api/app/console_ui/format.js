// How values are shown: in the reader's language and time zone.

const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const NUMBER = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 5 });
const COUNT = new Intl.NumberFormat();
const SHARE = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 1 });

/** @param {string} text */
export const moment = (text) => MOMENT.format(new Date(text));

const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" });
const OF_TABLE = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });

/** A day, which is the same in every zone. @param {string} text */
export const day = (text) => DAY.format(new Date(text));

/** A moment in a table, which has the table's zone, or none. @param {string} text */
export const momentOfTable = (text) => OF_TABLE.format(new Date(text));

/** @param {number | null | undefined} value */
export const number = (value) => (value === null || value === undefined ? "–" : NUMBER.format(value));

/** @param {number} value */
export const count = (value) => COUNT.format(value);

/** @param {number} value */
export const share = (value) => SHARE.format(value);

/** @param {number | null | undefined} value */
export function bytes(value) {
  if (value === null || value === undefined) return "no limit";
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  const step = value < 1 ? 0 : Math.min(Math.floor(Math.log10(value) / 3), units.length - 1);
  const style = { style: "unit", unit: units[step], unitDisplay: step ? "short" : "long" };
  const options = /** @type {Intl.NumberFormatOptions} */ ({ ...style, maximumSignificantDigits: 3 });
  return new Intl.NumberFormat(undefined, options).format(value / 1000 ** step);
}

/** @param {number | null | undefined} value */
export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 90) return `${NUMBER.format(Math.round(value * 10) / 10)} s`;
  return value < 5400 ? `${Math.round(value / 60)} min` : `${NUMBER.format(value / 3600)} h`;
}

/** A value of a table or a prediction, whatever it is. @param {unknown} value */
export function cell(value) {
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** A word of the contract as words: `not_enough_data` becomes `not enough data`. @param {string} word */
export const words = (word) => word.replaceAll("_", " ");

// What the tab holds of who is signed in: a key, or a token of an issuer and how to renew it.

/**
 * @typedef {{ends: number | null, refresh: string | null, at: string}} Renewal when the token ends
 *   (ms since 1970), and what gets another one where
 */

const KEY = "projects-api-key";
const RENEWAL = "projects-api-renewal";

/** The key is kept while the tab is open, and never part of an address. */
export const key = {
  /** @returns {string | null} */
  get: () => sessionStorage.getItem(KEY),
  /** @param {string} value @param {Renewal | null} [renewal] */
  set: (value, renewal = null) => {
    sessionStorage.setItem(KEY, value);
    if (renewal) sessionStorage.setItem(RENEWAL, JSON.stringify(renewal));
    else sessionStorage.removeItem(RENEWAL);
  },
  /** Of a token, how to renew it; of a key, nothing. @returns {Renewal | null} */
  renewal: () => JSON.parse(sessionStorage.getItem(RENEWAL) || "null"),
  forget: () => {
    sessionStorage.removeItem(KEY);
    sessionStorage.removeItem(RENEWAL);
  },
};

// Where the reader is: the part of the address after `#`, so that "back" works and links can be kept.

import { useEffect, useState } from "./view.js";

/** @returns {{path: string[], query: URLSearchParams, hash: string}} */
export function here() {
  const hash = location.hash.replace(/^#/, "") || "/projects";
  const [path, query] = hash.split("?");
  const parts = (path || "").split("/").filter(Boolean).map(decoded);
  return { path: parts, query: new URLSearchParams(query || ""), hash };
}

/** @param {string} part */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function useRoute() {
  const [route, set] = useState(here);
  useEffect(() => {
    const follow = () => set(here());
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return route;
}

/** @param {string} hash */
export function go(hash) {
  location.hash = hash;
}

/** Change what the address says beside the page; an empty value takes it away.
 * @param {Record<string, string | number>} changes
 */
export function amend(changes) {
  const { path, query } = here();
  for (const [name, value] of Object.entries(changes)) {
    if (value === "" || value === 0) query.delete(name);
    else query.set(name, String(value));
  }
  go(`/${path.map(encodeURIComponent).join("/")}${query.size ? `?${query}` : ""}`);
}

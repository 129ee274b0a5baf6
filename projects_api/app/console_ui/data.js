// What a page asks the server for, and what it has it do.

import { call, callTagged } from "./api.js";
import { OPERATIONS } from "./operations.js";
import { useEffect, useRef, useState } from "./view.js";

/**
 * Ask when the page is shown and whenever the request changes. With `every`, ask again after so
 * many milliseconds as long as `until` does not hold.
 * @template {import("./api.js").Id} I
 * @param {I} id
 * @param {import("./api.js").Request<I>} [request]
 * @param {{every?: number, until?: (answer: import("./api.js").Answer<I>) => boolean, skip?: boolean}} [options]
 */
export function useAnswer(id, request = {}, { every, until, skip } = {}) {
  const asked = skip ? "" : JSON.stringify([id, request]);
  const [state, set] = useState(
    /** @type {{asked: string, answer?: import("./api.js").Answer<I>, etag?: string | null, problem?: any}} */ ({
      asked,
    }),
  );
  const [round, again] = useState(0);
  useEffect(() => {
    if (!asked) return undefined;
    const abort = new AbortController();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const ask = async () => {
      try {
        const { body, etag } = await callTagged(id, { ...request, signal: abort.signal });
        set({ asked, answer: body, etag });
        if (every && !until?.(body)) timer = setTimeout(ask, every);
      } catch (problem) {
        if (abort.signal.aborted) return;
        set((before) => ({ asked, ...(before.asked === asked ? before : {}), problem }));
      }
    };
    ask();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [asked, round]);
  const current = state.asked === asked ? state : { asked };
  const { answer, etag, problem } = /** @type {typeof state} */ (current);
  return { answer, etag, problem, reload: () => again((before) => before + 1) };
}

const MOST_CHOICES = 10_000;

/**
 * Ask for all that a list has, page by page, to choose one of it. What is not read yet, or is past
 * the bound, is missing in `items`; `total` says so.
 * @template T
 * @param {(page: {limit: number, offset: number}) => Promise<{items: T[], total: number}>} ask
 * @param {unknown[]} of what the list is of: null asks for nothing
 */
export function useChoices(ask, of) {
  const [state, set] = useState(/** @type {{items: T[], total: number, isDone: boolean, problem?: any}} */ ({
    items: [], total: 0, isDone: false,
  }));
  useEffect(() => {
    let left = of.includes(null);
    set({ items: [], total: 0, isDone: false });
    const read = async () => {
      /** @type {T[]} */
      let items = [];
      for (let isDone = left; !isDone && !left; ) {
        const page = await ask({ limit: 500, offset: items.length });
        items = [...items, ...page.items];
        isDone = page.items.length === 0 || items.length >= Math.min(page.total, MOST_CHOICES);
        if (!left) set({ items, total: page.total, isDone });
      }
    };
    read().catch((problem) => left || set((before) => ({ ...before, problem })));
    return () => {
      left = true;
    };
  }, of);
  return state;
}

/** @type {import("./api.js").Schemas["MemberRole"][]} */
export const ROLES = ["viewer", "editor", "admin", "owner"];

/** What was known last of the caller in each project, which is shown until it is asked anew.
 * @type {Map<string, import("./api.js").Schemas["MemberCaller"]>}
 */
const callers = new Map();
addEventListener("key-left", () => callers.clear());

/**
 * Who the caller is in a project, and whether the contract lets that role do something; null until
 * that is known. Where it cannot be known everything is offered: the server decides in any case.
 * @param {string} projectId
 */
export function useCaller(projectId) {
  const found = useAnswer("list_members", { path: { project_id: projectId }, query: { limit: 1 } });
  if (found.answer) callers.set(projectId, found.answer.caller);
  const caller = found.answer?.caller || callers.get(projectId);
  if (!caller && !found.problem) return null;
  const rank = caller ? ROLES.indexOf(caller.role) : ROLES.length;
  /** @param {import("./api.js").Id} id */
  const may = (id) => {
    const operation = OPERATIONS[id];
    return rank >= ROLES.indexOf("role" in operation ? operation.role : "viewer");
  };
  return { id: caller?.user_id || "", may };
}

/** Who the caller is, by which key, and what that may do; undefined until it is known. */
export const useSelf = () => useAnswer("list_keys", { query: { limit: 1 } }).answer?.caller;

/**
 * Do something that a person asked for: one at a time, with its problem to show.
 * @template {unknown[]} A
 * @param {(...given: A) => Promise<unknown>} work
 */
export function useAction(work) {
  const [state, set] = useState(/** @type {{busy: boolean, problem?: any}} */ ({ busy: false }));
  const busy = useRef(false);
  /** @param {A} given */
  const run = async (...given) => {
    if (busy.current) return;
    busy.current = true;
    set({ busy: true });
    try {
      await work(...given);
      set({ busy: false });
    } catch (problem) {
      const cancelled = problem instanceof DOMException && problem.name === "AbortError";
      set({ busy: false, problem: cancelled ? undefined : problem });
    } finally {
      busy.current = false;
    }
  };
  return { ...state, run };
}

/**
 * Wait for a job to end, telling how far it is.
 * @param {string} jobId
 * @param {(job: import("./api.js").Schemas["Job"]) => void} tell
 */
export async function jobEnd(jobId, tell) {
  for (;;) {
    const { job } = await call("get_job", { path: { job_id: jobId } });
    tell(job);
    if (isOver(job.status)) return job;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** @param {string} status */
export const isOver = (status) => !["queued", "running"].includes(status);

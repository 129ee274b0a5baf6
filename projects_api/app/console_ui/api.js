// Every call to the server goes through here, by the name that the contract gives to an operation.

import { renew } from "./oidc.js";
import { OPERATIONS } from "./operations.js";
import { key } from "./session.js";

/**
 * @typedef {import("contract").operations} Contract
 * @typedef {import("contract").components["schemas"]} Schemas
 * @typedef {keyof Contract & keyof typeof OPERATIONS} Id
 */
/**
 * @template {Id} I
 * @typedef {NonNullable<Contract[I]["parameters"]["path"]>} Path
 */
/**
 * @template {Id} I
 * @typedef {NonNullable<Contract[I]["parameters"]["query"]>} Query
 */
/**
 * @template {Id} I
 * @typedef {Contract[I] extends {requestBody: {content: {"application/json": infer B}}} ? B : never} Body
 */
/**
 * @template {Id} I
 * @typedef {Contract[I] extends {requestBody: {content: {"multipart/form-data": infer B}}}
 *   ? {[K in keyof B]: K extends "file" ? File : B[K]} : never} Form
 */
/**
 * @template R
 * @typedef {R extends {content: {"application/json": infer A}} ? A : never} Json
 */
/**
 * @template {Id} I
 * @typedef {{[S in keyof Contract[I]["responses"]]: S extends 200 | 201 | 202
 *   ? Json<Contract[I]["responses"][S]> : never}[keyof Contract[I]["responses"]]} Answer
 */
/**
 * @template {Id} I
 * @typedef {{path?: Path<I>, query?: Query<I>, body?: Body<I>, ifMatch?: string | null,
 *   signal?: AbortSignal}} Request
 */

const ROOT = new URL("..", import.meta.url);

/** An answer of the server that is no success, as RFC 9457 has it. */
export class ProblemError extends Error {
  /** @param {Partial<Schemas["Problem"]> & {status: number}} problem */
  constructor(problem) {
    super(problem.detail || problem.title || "The server gave no reason.");
    this.status = problem.status;
    this.title = problem.title || `The server answered ${problem.status}`;
    this.requestId = problem.request_id || null;
    this.faults = problem.errors || [];
    this.kind = (problem.type || "").split("/").pop() || "";
  }
}

/** What the console itself does not do, and what to do instead. */
export class NotDone extends Error {
  title = "Nothing was done";
}

const ABSENT = { status: 0, title: "The server does not answer" };
const UNREACHED = "Check your connection, and whether the server runs; then try again.";

/**
 * @template {Id} I
 * @param {I} id
 * @param {Request<I>} [request]
 * @returns {Promise<Answer<I>>}
 */
export async function call(id, request = {}) {
  return (await callTagged(id, request)).body;
}

/**
 * Call, and tell the ETag of the answer, too.
 * @template {Id} I
 * @param {I} id
 * @param {Request<I>} [request]
 * @returns {Promise<{body: Answer<I>, etag: string | null}>}
 */
export async function callTagged(id, request = {}) {
  const response = await send(id, request);
  return { body: await response.json(), etag: response.headers.get("ETag") };
}

/**
 * Fetch a file, and the name that the server gives it.
 * @template {Id} I
 * @param {I} id
 * @param {Request<I>} request
 */
export async function file(id, request) {
  const response = await send(id, request);
  const named = /filename\*=UTF-8''([^;]+)/i.exec(response.headers.get("Content-Disposition") || "");
  const plain = /filename="([^"]*)"/.exec(response.headers.get("Content-Disposition") || "");
  const name = named?.[1] ? decodeURIComponent(named[1]) : plain?.[1] || id;
  return { blob: await response.blob(), name };
}

/**
 * Send a form with a file, and tell how much of it has been sent; `fetch` cannot tell that.
 * @template {Id} I
 * @param {I} id
 * @param {{path?: Path<I>, form: Form<I>, signal: AbortSignal,
 *   onProgress: (share: number) => void}} request
 * @returns {Promise<Answer<I>>}
 */
export async function upload(id, { path, form, signal, onProgress }) {
  await renew();
  const data = new FormData();
  let content = JSON.stringify([id, path]);
  for (const [name, value] of Object.entries(form)) {
    data.append(name, /** @type {any} */ (value));
    content += value instanceof File ? `${value.name} ${value.size} ${value.lastModified}` : value;
  }
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(OPERATIONS[id].method, addressOf(id, path, {}));
    const headers = headersOf(id, content);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => onProgress(event.loaded / event.total);
    request.onload = () => {
      const body = parsed(request.responseText);
      settle(content, request.status);
      if (request.status < 300) resolve(body);
      else reject(new ProblemError({ ...body, status: request.status }));
    };
    request.onerror = () => reject(new ProblemError({ ...ABSENT, detail: UNREACHED }));
    request.onabort = () => reject(new DOMException("It was cancelled.", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    request.send(data);
  });
}

/**
 * @template {Id} I
 * @param {I} id
 * @param {Request<I>} request
 */
async function send(id, request) {
  await renew();
  const used = key.get();
  const response = await sendOnce(id, request);
  if (response.ok) return response;
  // A token can end before its time; what was refused so has done nothing.
  const again = response.status === 401 && (await renew(used)) ? await sendOnce(id, request) : response;
  if (again.ok) return again;
  const problem = parsed(await again.text());
  if (again.status === 401) window.dispatchEvent(new Event("key-refused"));
  throw new ProblemError({ ...problem, status: again.status });
}

/**
 * @template {Id} I
 * @param {I} id
 * @param {Request<I>} request
 */
async function sendOnce(id, { path, query, body, ifMatch, signal }) {
  const content = JSON.stringify([id, path, body]);
  const headers = headersOf(id, content);
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (ifMatch && "conditional" in OPERATIONS[id]) headers["If-Match"] = ifMatch;
  const response = await fetch(addressOf(id, path, query || {}), {
    method: OPERATIONS[id].method,
    headers,
    body: body === undefined ? null : JSON.stringify(body),
    signal: signal || null,
  }).catch((error) => {
    throw error.name === "AbortError" ? error : new ProblemError({ ...ABSENT, detail: UNREACHED });
  });
  settle(content, response.status);
  return response;
}

/**
 * What was sent and never answered keeps its Idempotency-Key: sent again, it is done once.
 * @type {Map<string, string>}
 */
const unanswered = new Map();

/**
 * @param {Id} id
 * @param {string} content
 */
function headersOf(id, content) {
  /** @type {Record<string, string>} */
  const headers = { Authorization: `Bearer ${key.get()}` };
  if ("idempotent" in OPERATIONS[id]) {
    const known = unanswered.get(content) || crypto.randomUUID?.() || uuid();
    unanswered.set(content, known);
    headers["Idempotency-Key"] = known;
  }
  return headers;
}

/**
 * @param {string} content
 * @param {number} status
 */
function settle(content, status) {
  if (status < 500) unanswered.delete(content);
}

/** Pages that come by plain HTTP from another machine have no `randomUUID`. */
function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * @param {Id} id
 * @param {object | undefined} path
 * @param {object} query
 */
function addressOf(id, path, query) {
  const values = /** @type {Record<string, string>} */ (path || {});
  const filled = OPERATIONS[id].path.replace(/\{(\w+)\}/g, (_, name) =>
    encodeURIComponent(values[name] ?? ""),
  );
  const address = new URL(filled.slice(1), ROOT);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") address.searchParams.set(name, `${value}`);
  }
  return address.href;
}

/**
 * @param {string} text
 * @returns {any}
 */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

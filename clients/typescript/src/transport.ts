// How requests are sent: with a key, again where that can help, and as files.

import { DownloadDamaged, ProblemError } from "./problems.js";
import { canHelp, pauseAfter, sleep } from "./retries.js";
import type { Retries } from "./retries.js";

/** Is told how many bytes are done, of how many; undefined where nobody knows that. */
export type Progress = (done: number, total: number | undefined) => void;

export interface ClientOptions {
  retries?: Retries;
  /** The milliseconds for one attempt until its answer begins: 60 000. */
  timeout?: number;
  /** What sends the requests instead of the platform's `fetch`. */
  fetch?: typeof globalThis.fetch;
}

export interface CallOptions {
  signal?: AbortSignal | undefined;
  /** Of a call that creates something: a key of your own, where another process may repeat it. */
  idempotencyKey?: string;
  /** The tag that the resource must still have. */
  ifMatch?: string;
}

export interface UploadOptions extends CallOptions {
  /** With it the file is sent as a stream, which not all browsers can. */
  onProgress?: Progress;
}

export interface DownloadOptions extends CallOptions {
  onProgress?: Progress;
}

interface Request {
  method: string;
  path: string;
  query?: object;
  body?: unknown;
  form?: object;
  takesKey?: boolean;
}

/** What there is of a download, and the tag of the file that it is a part of. */
interface Part {
  pieces: Uint8Array<ArrayBuffer>[];
  size: number;
  tag: string;
  type: string;
}

export class Transport {
  readonly #base: string;
  readonly #key: string;
  readonly #options: ClientOptions;

  /** Call the server at a base URL with a key. */
  constructor(baseUrl: string, apiKey: string, options: ClientOptions = {}) {
    this.#base = baseUrl.replace(/\/+$/, "");
    this.#key = apiKey;
    this.#options = options;
  }

  protected async json<Answer>(request: Request, options: UploadOptions): Promise<Answer> {
    const headers = this.#headers(request, options);
    return this.#repeated(request, headers, options.signal, async () => {
      const answer = await this.#send(request, headers, options);
      return answer.ok ? ((await answer.json()) as Answer) : ProblemError.of(answer);
    });
  }

  /** Fetch a file, and go on where it broke off. */
  protected async file(request: Request, options: DownloadOptions): Promise<Blob> {
    const headers = this.#headers(request, options);
    const part: Part = { pieces: [], size: 0, tag: "", type: "" };
    return this.#repeated(request, headers, options.signal, async () => {
      const { signal, onProgress } = options;
      // A stream counts the bytes of an upload; these come down.
      let answer = await this.#send(request, ranged(headers, part), { signal });
      if (answer.status === 416 && part.tag) {
        // There is no rest: it is another file now.
        await answer.body?.cancel();
        part.tag = "";
        answer = await this.#send(request, headers, { signal });
      }
      if (!answer.ok) return ProblemError.of(answer);
      await receive(answer, part, onProgress);
      const blob = new Blob(part.pieces, { type: part.type });
      await check(blob, answer.headers.get("ETag") ?? "", request.path);
      return blob;
    });
  }

  protected async *pages<Page extends { total: number }, Item>(
    call: (offset: number) => Promise<Page>,
    itemsOf: (page: Page) => Item[],
  ): AsyncGenerator<Item> {
    for (let offset = 0; ; ) {
      const page = await call(offset);
      const items = itemsOf(page);
      yield* items;
      offset += items.length;
      if (items.length === 0 || offset >= page.total) return;
    }
  }

  async #repeated<Result>(
    { method }: Request,
    headers: Headers,
    signal: AbortSignal | undefined,
    attempt: () => Promise<Result | ProblemError>,
  ): Promise<Result> {
    const isRepeatable = method !== "POST" || headers.has("Idempotency-Key");
    for (let number = 1, waited = 0; ; number += 1) {
      let failure: unknown;
      let isHopeful = isRepeatable;
      let retryAfter: number | undefined;
      try {
        const result = await attempt();
        if (!(result instanceof ProblemError)) return result;
        failure = result;
        retryAfter = result.retryAfter;
        isHopeful = canHelp(result.status, isRepeatable, retryAfter);
      } catch (error) {
        // What the caller stopped stays so, and a damaged file would be damaged again.
        if (signal?.aborted || error instanceof DownloadDamaged) throw error;
        failure = error;
      }
      const pause = isHopeful
        ? pauseAfter(number, waited, retryAfter, this.#options.retries ?? {})
        : undefined;
      if (pause === undefined) throw failure;
      await sleep(pause, signal);
      waited += pause;
    }
  }

  async #send(request: Request, headers: Headers, options: UploadOptions): Promise<Response> {
    const url = new URL(this.#base + request.path);
    for (const [name, value] of Object.entries(request.query ?? {})) {
      if (value !== undefined) url.searchParams.append(name, String(value));
    }
    const { method } = request;
    const signals = options.signal ? [options.signal] : [];
    const timer = new AbortController();
    const timeout = setTimeout(
      () => timer.abort(new DOMException("The server did not answer in time", "TimeoutError")),
      this.#options.timeout ?? 60_000,
    );
    const send = this.#options.fetch ?? globalThis.fetch;
    try {
      return await send(url, {
        method,
        redirect: "manual",
        signal: AbortSignal.any([...signals, timer.signal]),
        ...content(request, headers, options.onProgress),
      });
    } finally {
      clearTimeout(timeout);
    }
  }

  #headers({ takesKey }: Request, { idempotencyKey, ifMatch }: CallOptions): Headers {
    const headers = new Headers({ Authorization: `Bearer ${this.#key}` });
    if (takesKey) headers.set("Idempotency-Key", idempotencyKey ?? crypto.randomUUID());
    if (ifMatch) headers.set("If-Match", ifMatch);
    return headers;
  }
}

/** Write a value as one segment of a path. */
export function segment(value: string): string {
  return encodeURIComponent(value);
}

/** Headers and body of one attempt; a stream can be sent only once. */
function content(request: Request, headers: Headers, onProgress?: Progress): RequestInit {
  const sent = new Headers(headers);
  if (request.form) {
    const form = asForm(request.form);
    if (!onProgress) return { headers: sent, body: form };
    const encoded = new Response(form);
    sent.set("Content-Type", encoded.headers.get("Content-Type") ?? "");
    const body = encoded.body?.pipeThrough(counting(onProgress)) ?? null;
    return { headers: sent, body, duplex: "half" } as RequestInit;
  }
  if (request.body === undefined) return { headers: sent };
  sent.set("Content-Type", "application/json");
  return { headers: sent, body: JSON.stringify(request.body) };
}

function asForm(fields: object): FormData {
  const form = new FormData();
  const { name } = fields as { name?: unknown };
  for (const [field, value] of Object.entries(fields)) {
    if (value instanceof File) form.append(field, value);
    else if (value instanceof Blob) form.append(field, value, String(name ?? "file"));
    else if (value !== undefined) form.append(field, String(value));
  }
  return form;
}

/** A stream that passes bytes on and tells how many; the form's own few bytes are among them. */
function counting(onProgress: Progress): TransformStream<Uint8Array, Uint8Array> {
  let done = 0;
  return new TransformStream({
    transform(piece, controller) {
      controller.enqueue(piece);
      done += piece.byteLength;
      onProgress(done, undefined);
    },
  });
}

function ranged(headers: Headers, { tag, size }: Part): Headers {
  const wanted = new Headers(headers);
  // An encoding on the way would make the bytes of a range others.
  wanted.set("Accept-Encoding", "identity");
  if (tag && size) {
    wanted.set("Range", `bytes=${size}-`);
    wanted.set("If-Range", tag);
  }
  return wanted;
}

async function receive(answer: Response, part: Part, onProgress?: Progress): Promise<void> {
  if (answer.status !== 206) {
    const tag = answer.headers.get("ETag") ?? "";
    // A weak tag promises nothing about bytes.
    Object.assign(part, { pieces: [], size: 0, tag: tag.startsWith('"') ? tag : "" });
    part.type = answer.headers.get("Content-Type") ?? "";
  }
  const length = answer.headers.get("Content-Length");
  const total = length === null ? undefined : part.size + Number(length);
  const reader = answer.body?.getReader();
  while (reader) {
    const { done, value } = await reader.read();
    if (done) break;
    part.pieces.push(value as Uint8Array<ArrayBuffer>);
    part.size += value.byteLength;
    onProgress?.(part.size, total);
  }
  if (total !== undefined && part.size < total) throw new TypeError("The connection broke off");
}

async function check(blob: Blob, tag: string, path: string): Promise<void> {
  const expected = tag.replaceAll('"', "");
  // Pages that came without TLS have no `crypto.subtle`.
  if (expected.length !== 64 || !globalThis.crypto?.subtle) return;
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer()));
  const found = Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found !== expected) throw new DownloadDamaged(`What came of ${path} is not what the server has`);
}

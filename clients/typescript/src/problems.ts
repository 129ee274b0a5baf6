// What is thrown where a call does not end as its caller hoped.

const PREFIX = "urn:projects-api:problem:";

/** Where a request breaks the contract, and how. */
export interface ProblemFault {
  pointer: string;
  message: string;
}

/**
 * An answer that is no success (RFC 9457). `type` is stable and for programs, and `kind` its last
 * part, such as `last-owner`; `detail` tells a person what to do; `requestId` is how the server's
 * operator finds the request; `retryAfter` the seconds after which the server asks to be asked again.
 */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  readonly type: string;
  readonly title: string;
  readonly detail: string;
  readonly requestId: string;
  readonly errors: ProblemFault[];

  constructor(
    readonly status: number,
    document: Record<string, unknown>,
    readonly retryAfter: number | undefined,
  ) {
    const { type = "about:blank", title = "", detail = "", request_id = "" } = document;
    super(`${status} ${String(type).split(":").at(-1)}: ${String(detail)}`);
    this.type = String(type);
    this.title = String(title);
    this.detail = String(detail);
    this.requestId = String(request_id);
    this.errors = (document["errors"] ?? []) as ProblemFault[];
  }

  /** The last part of the type; empty where a proxy answered instead of the server. */
  get kind(): string {
    return this.type.startsWith(PREFIX) ? this.type.slice(PREFIX.length) : "";
  }

  /** Read an answer, which may be a page of a proxy that knows nothing of problems. */
  static async of(answer: Response): Promise<ProblemError> {
    const text = await answer.text();
    const request_id = answer.headers.get("X-Request-Id") ?? "";
    let document: Record<string, unknown> = { title: answer.statusText, detail: text.slice(0, 1000) };
    try {
      const read: unknown = JSON.parse(text);
      if (typeof read === "object" && read !== null && !Array.isArray(read)) document = { ...read };
    } catch {
      // It is a page.
    }
    return new ProblemError(answer.status, { request_id, ...document }, secondsIn(answer));
  }
}

/** A file came that is not the one that the server has by its SHA-256. */
export class DownloadDamaged extends Error {
  override readonly name = "DownloadDamaged";
}

/** The seconds of `Retry-After`, which this server never writes as a date. */
export function secondsIn(answer: Response): number | undefined {
  const told = answer.headers.get("Retry-After") ?? "";
  return /^\d+$/.test(told) ? Number(told) : undefined;
}

// When a request is sent again, and after how long.

/**
 * How often and for how long one call is tried: `attempts` times at most (5), with `mostSeconds`
 * (60) of waiting between them in all. Where the server asks for more, the caller is told at once.
 */
export interface Retries {
  attempts?: number;
  mostSeconds?: number;
  firstSeconds?: number;
}

/**
 * The seconds to wait after an attempt, counted from 1; undefined is to give up. Without a wish of
 * the server's they double each time, and are drawn at random below that, so that callers that
 * failed together do not come back together.
 */
export function pauseAfter(
  attempt: number,
  waited: number,
  retryAfter: number | undefined,
  { attempts = 5, mostSeconds = 60, firstSeconds = 0.5 }: Retries,
): number | undefined {
  if (attempt >= attempts) return undefined;
  const longest = firstSeconds * 2 ** (attempt - 1);
  const seconds = retryAfter ?? longest * (0.5 + Math.random() / 2);
  return waited + seconds <= mostSeconds ? seconds : undefined;
}

/** Whether another attempt may succeed and does nothing twice. */
export function canHelp(status: number, isRepeatable: boolean, retryAfter?: number): boolean {
  // The server did not begin with the work.
  if (status === 429 || status === 503) return true;
  // The same request is still running.
  if (status === 409) return isRepeatable && retryAfter !== undefined;
  // A proxy does not know whether the server did the work.
  return isRepeatable && (status === 502 || status === 504);
}

/** Wait, unless the caller gives up. */
export function sleep(seconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const giveUp = () => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", giveUp);
      resolve();
    }, 1000 * seconds);
    if (signal?.aborted) giveUp();
    else signal?.addEventListener("abort", giveUp, { once: true });
  });
}

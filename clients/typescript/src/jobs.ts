// Waiting for the end of what the server works on.

import { sleep } from "./retries.js";
import type { Schema } from "./types.js";

export type Job = Schema<"Job">;

const LONGEST_PAUSE = 5;

export interface WaitOptions {
  timeoutSeconds?: number;
  onProgress?: (job: Job) => void;
  signal?: AbortSignal | undefined;
}

/** A job failed or was cancelled; `job` tells why. */
export class JobFailed extends Error {
  override readonly name = "JobFailed";
  constructor(readonly job: Job) {
    super(`The job ${job.id} is ${job.status}: ${job.message}`);
  }
}

/** A job goes on for longer than its caller waits; `job` is how it was last. */
export class JobTimeout extends Error {
  override readonly name = "JobTimeout";
  constructor(readonly job: Job) {
    super(`The job ${job.id} is ${job.status}, ${job.progress} % are done`);
  }
}

/**
 * Ask for a job until it ends; `ask` takes the seconds for which the server may wait with it. Where
 * the server cannot wait, there are pauses between, each longer than the one before.
 */
export async function waitForEnd(
  ask: (seconds: number) => Promise<Job>,
  { timeoutSeconds = Infinity, onProgress, signal }: WaitOptions,
  longestWait: number | undefined,
): Promise<Job> {
  const end = performance.now() + 1000 * timeoutSeconds;
  for (let pause = 0.1; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
    const left = () => Math.max(0, (end - performance.now()) / 1000);
    const job = await ask(Math.min(left(), longestWait ?? 0));
    onProgress?.(job);
    if (job.status === "succeeded") return job;
    if (job.status === "failed" || job.status === "cancelled") throw new JobFailed(job);
    if (left() <= 0) throw new JobTimeout(job);
    if (longestWait === undefined) await sleep(Math.min(pause, left()), signal);
  }
}

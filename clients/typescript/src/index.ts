// A typed client of the Projects API; each operation of its contract is a method of `Client`.

export { Client } from "./client.js";
export { JobFailed, JobTimeout } from "./jobs.js";
export type { Job, WaitOptions } from "./jobs.js";
export { DownloadDamaged, ProblemError } from "./problems.js";
export type { ProblemFault } from "./problems.js";
export type { Retries } from "./retries.js";
export type {
  CallOptions, ClientOptions, DownloadOptions, Progress, UploadOptions,
} from "./transport.js";
export type { Answer, Body, Form, Item, Query, Schema } from "./types.js";

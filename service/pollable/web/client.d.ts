// The types of client.js. Times are in seconds; moments are texts as JSON has them.

export type State = "queued" | "scheduled" | "running" | "succeeded" | "failed" | "cancelled";

export interface Failure {
  code: string;
  message: string;
}

/** All that the service tells of a job; in a list there is no `result`. */
export interface Snapshot<Result = unknown> {
  id: string;
  type: string;
  status: State;
  progress: { percent: number | null; message: string | null };
  attempts: number;
  maxAttempts: number;
  queue: string;
  createdAt: string;
  startedAt: string | null;
  completedAt: string | null;
  updatedAt: string;
  expiresAt: string | null;
  runAt: string | null;
  stalled: boolean;
  stalledReason: string | null;
  originalJobId: string | null;
  context: Record<string, unknown>;
  labels: Record<string, string>;
  lastError: Failure | null;
  result?: Result | null;
  error: Failure | null;
  links: { self: string; events: string | null; result: string | null; cancel: string | null; rerun: string | null };
}

export interface Options {
  queue?: string;
  /** Seconds until it is due; or `runAt`. */
  delay?: number;
  runAt?: Date | string;
  labels?: Record<string, string>;
  /** With the same key and payload it is the same job; one is made for each submit that has none. */
  idempotencyKey?: string;
}

export interface Waiting {
  /** Seconds; without it there is no end. */
  timeout?: number;
}

export type Kind = "refused" | "redirected" | "unreachable" | "expired" | "failed" | "cancelled" | "timeout";

export class PollableError extends Error {
  kind: Kind;
  /** `refused`, `expired`, `redirected`: HTTP's status; 0 for a redirect in a browser. */
  status?: number;
  /** `refused`, `expired`, `failed`: the word to branch on. */
  code?: string;
  /** `refused`, `expired`: what the service said; where in the body it went wrong; when to ask again. */
  detail?: string;
  path?: string;
  retryAfter?: number;
  /** `redirected`: where to, if that can be seen. */
  location?: string | null;
  /** `failed`, `cancelled`: the job; `timeout`: what was last seen of it, and what went wrong last. */
  job?: Snapshot;
  cause?: unknown;
}

export class Job<Result = unknown> {
  readonly id: string;
  status(): Promise<Snapshot<Result>>;
  /** The job once it has ended, however. */
  wait(waiting?: Waiting): Promise<Snapshot<Result>>;
  /** Its result; throws a `PollableError` if there is none. */
  result(waiting?: Waiting): Promise<Result>;
  cancel(): Promise<Snapshot<Result>>;
  rerun(): Promise<Job<Result>>;
}

export class Client {
  readonly url: string;
  /** Of the last answer. */
  lastHeaders?: Headers;
  /** Without an address it is the one that this module comes from. */
  constructor(url?: string | URL, token?: string);
  job<Result = unknown>(id: string): Job<Result>;
  submit<Result = unknown>(type: string, payload: unknown, options?: Options): Promise<Job<Result>>;
  run<Result = unknown>(type: string, payload: unknown, options?: Options & Waiting): Promise<Result>;
  jobs(filter?: {
    status?: State | State[];
    type?: string | string[];
    labels?: Record<string, string>;
  }): AsyncGenerator<Snapshot>;
  /** The job as it is, and again after each change, until it has ended. */
  events<Result = unknown>(job: Job<Result> | string): AsyncGenerator<Snapshot<Result>>;
}

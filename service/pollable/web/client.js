// Pollable's client for browsers and node 20; its types are in client.d.ts. Times are in seconds.

const now = () => performance.now() / 1000;
const sleep = (seconds) => new Promise((wake) => setTimeout(wake, seconds * 1000));
const isFinal = (job) => ["succeeded", "failed", "cancelled"].includes(job.status);
const passes = ({ kind, status }) => kind === "unreachable" || [408, 429, 502, 503, 504].includes(status);
const isBorne = (error, failures) => failures < 3 && (passes(error) || error.status >= 500);

// What the service asks for, else 1 s growing to 10 s.
function pauses(next = 1) {
  return ({ retryAfter }) => {
    const pause = retryAfter ?? next * 0.8;
    if (retryAfter === undefined) next = Math.min(next * 1.5, 10);
    return pause * (1 + Math.random() / 5);
  };
}

// Without TLS a page has no crypto.randomUUID.
function once(key = crypto.getRandomValues(new Uint32Array(4)).join("-")) {
  return { "idempotency-key": `"${key.replace(/["\\]/g, "\\$&")}"` };
}

function outcome(job) {
  if (job.error) throw new PollableError("failed", job.error.message, { code: job.error.code, job });
  if (job.status !== "succeeded") throw new PollableError("cancelled", "The job was cancelled.", { job });
  return job.result;
}

export class PollableError extends Error {
  constructor(kind, message, details) {
    super(message);
    Object.assign(this, details, { kind });
  }
}

export class Job {
  #client;

  constructor(client, id) {
    this.#client = client;
    this.id = id;
    this.path = `/jobs/${encodeURIComponent(id)}`;
  }

  status() {
    return this.#client._send(this.path);
  }

  async wait({ timeout } = {}) {
    for await (const job of this.#client._looks(this.path, timeout, 25)) if (isFinal(job)) return job;
  }

  async result(options) {
    return outcome(await this.wait(options));
  }

  async cancel() {
    try {
      return await this.#client._send(`${this.path}/cancel`, { method: "POST" });
    } catch (error) {
      // As after a first answer that was lost.
      if (error.state !== "cancelled") throw error;
      return this.status();
    }
  }

  async rerun() {
    const made = await this.#client._send(`${this.path}/rerun`, { method: "POST", headers: once() });
    return this.#client.job(made.id);
  }
}

export class Client {
  #headers;

  constructor(url = new URL(".", import.meta.url), token = "") {
    this.url = String(url).replace(/\/+$/, "");
    this.#headers = token ? { authorization: `Bearer ${token}` } : {};
  }

  job(id) {
    return new Job(this, id);
  }

  async submit(type, payload, options) {
    return this.job((await this.#order(type, payload, options)).id);
  }

  async run(type, payload, { timeout = Infinity, ...options } = {}) {
    const end = now() + timeout;
    const made = await this.#order(type, payload, options, Math.floor(Math.min(25, timeout)), end);
    return isFinal(made) ? outcome(made) : this.job(made.id).result({ timeout: end - now() });
  }

  async *jobs({ status = [], type = [], labels = {} } = {}) {
    const query = new URLSearchParams();
    for (const each of [status].flat()) query.append("status", each);
    for (const each of [type].flat()) query.append("type", each);
    for (const name in labels) query.append(`label.${name}`, labels[name]);
    for (let cursor; cursor !== null; query.set("cursor", cursor)) {
      const page = await this._send(`/jobs?${query}`);
      yield* page.jobs;
      cursor = page.cursor;
    }
  }

  async *events(job) {
    const { path } = this.job(job.id ?? job);
    let told;
    const isNew = (seen) => told !== (told = JSON.stringify(seen));
    for await (const seen of this._looks(path)) {
      if (isNew(seen)) yield seen;
      if (isFinal(seen)) return;
      for await (const heard of seen.links.events ? this.#heard(path) : []) {
        if (isNew(heard)) yield heard;
        if (isFinal(heard)) return;
      }
    }
  }

  #order(type, payload, { idempotencyKey, ...options } = {}, wait, end) {
    const headers = { "content-type": "application/json", ...once(idempotencyKey) };
    const body = JSON.stringify({ type, payload, ...options });
    return this._send("/jobs", { method: "POST", headers, body, wait }, end);
  }

  #open(path, { headers, ...init }) {
    return fetch(this.url + path, { ...init, headers: { ...headers, ...this.#headers }, redirect: "manual" });
  }

  async #ask(path, { wait = 0, timeout = 10 + wait, headers, ...init } = {}) {
    const unreachable = ({ message }) => {
      throw new PollableError("unreachable", `${this.url} does not answer: ${message}`);
    };
    if (wait) headers = { ...headers, prefer: `wait=${wait}` };
    const signal = AbortSignal.timeout(Math.ceil(timeout * 1000));
    const answer = await this.#open(path, { ...init, headers, signal }).catch(unreachable);
    const { ok, status } = answer;
    this.lastHeaders = answer.headers;
    // A browser shows no status of a redirect.
    if (status === 0 || (status >= 300 && status < 400)) {
      const location = answer.headers.get("location");
      throw new PollableError("redirected", `${this.url} leads to ${location}, not followed.`, { status, location });
    }
    const body = await answer.json().catch((error) => (ok ? unreachable(error) : {}));
    const after = answer.headers.get("retry-after");
    const retryAfter = /^\d+$/.test(after) ? Number(after) : undefined;
    if (ok) return { body, retryAfter, isHeld: answer.headers.has("preference-applied") };
    const { detail = `${this.url} answers ${status}.` } = body;
    throw new PollableError(status === 410 ? "expired" : "refused", detail, { ...body, status, retryAfter });
  }

  async _send(path, request, end = Infinity) {
    const pauseAfter = pauses();
    for (let failures = 1; ; failures++) {
      try {
        return (await this.#ask(path, request)).body;
      } catch (error) {
        const pause = pauseAfter(error);
        if (!isBorne(error, failures) || pause > Math.min(66, end - now())) throw error;
        await sleep(pause);
      }
    }
  }

  async *_looks(path, timeout = Infinity, held = 0) {
    const end = now() + timeout;
    const left = () => Math.max(0, end - now());
    const pauseAfter = pauses();
    for (let job, failures = 0; ; ) {
      const asked = now();
      const wait = Math.floor(Math.min(held, left()));
      let pause, cause;
      try {
        const seen = await this.#ask(path, { wait, timeout: Math.min(10 + wait, left() + 1) });
        const wasHeld = seen.isHeld && (seen.body.status !== job?.status || now() - asked >= 1);
        pause = wasHeld ? 0 : Math.min(30, pauseAfter(seen));
        job = seen.body;
        failures = 0;
      } catch (error) {
        failures += 1;
        if (!passes(error) && !isBorne(error, failures)) throw error;
        pause = pauseAfter(error);
        cause = error;
      }
      if (!cause) yield job;
      const isLast = !left() || (cause && pause > left());
      await sleep(Math.min(pause, left()));
      if (isLast) throw new PollableError("timeout", `${path} had not ended in time.`, { job, cause });
    }
  }

  async *#heard(path) {
    const closing = new AbortController();
    try {
      const answer = await this.#open(`${path}/events`, { signal: closing.signal });
      if (answer.status !== 200) return;
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let text = "", read; !(read = await reader.read()).done; ) {
        const events = (text + read.value).split(/\r?\n\r?\n/);
        text = events.pop();
        for (const event of events) {
          const job = JSON.parse(/^data: ?(.*)$/m.exec(event)?.[1] ?? "{}");
          if (job.id && job.status) yield job;
        }
      }
    } catch {
      // It is listened to again.
    } finally {
      closing.abort();
    }
  }
}

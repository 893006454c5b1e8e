// The service as this page asks it. The token is in memory alone: a reload forgets it.

import { Client, PollableError } from "../client.js";

export const BASE = new URL("..", import.meta.url);

export class Service {
  #token;

  constructor(token = "") {
    this.#token = token;
    this.client = new Client(BASE, token);
  }

  // The answer's text, for what must not go through JavaScript's numbers.
  async text(path, { signal } = {}) {
    const answer = await this.open(path, { signal });
    const text = await answer.text();
    if (answer.ok) return text;
    throw await refusal(answer.status, text);
  }

  async json(path, options) {
    return JSON.parse(await this.text(path, options));
  }

  // The caller's jobs, or with an `owner` those of whom it names, '*' for everyone; each then says whose it is.
  async *jobs({ owner, ...filters }) {
    if (!owner) return yield* this.client.jobs(filters);
    const { status, type, labels } = filters;
    const query = new URLSearchParams([["owner", owner], ...status.map((each) => ["status", each]), ...type.map((each) => ["type", each])]);
    for (const [name, value] of Object.entries(labels)) query.append(`label.${name}`, value);
    for (let cursor; cursor !== null; query.set("cursor", cursor)) {
      const page = await this.json(`/jobs?${query}`);
      for (const [at, job] of page.jobs.entries()) yield { ...job, owner: page.owners?.[at] ?? owner };
      cursor = page.cursor;
    }
  }

  // A job by the route of its own type, whose path says what its context is.
  async submitAt(path, payload) {
    const body = JSON.stringify(payload);
    const headers = { "content-type": "application/json" };
    const answer = await this.open(path, { method: "POST", headers, body });
    const text = await answer.text();
    if (!answer.ok) throw await refusal(answer.status, text);
    const { id, jobId, job_id, data } = JSON.parse(text);
    return { id: id ?? jobId ?? job_id ?? data.id };
  }

  open(path, { headers, ...init } = {}) {
    const signed = this.#token ? { ...headers, authorization: `Bearer ${this.#token}` } : headers;
    return fetch(new URL(path.replace(/^\//, ""), BASE), { ...init, headers: signed, redirect: "error" });
  }
}

async function refusal(status, text) {
  let told = {};
  try {
    told = JSON.parse(text);
  } catch {
    // A proxy's own words are no JSON.
  }
  const detail = told.detail ?? told.error?.message ?? told.error ?? `The service answers ${status}.`;
  return new PollableError("refused", detail, { ...told, status });
}

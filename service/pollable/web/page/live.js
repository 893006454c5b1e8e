// What changes, as it changes: the service's events, paused while the page is hidden. Where there are none, the list is
// read again every few seconds.

const AGAIN_MS = 3000;

export class Live {
  #service;
  #onJob;
  #onGone;
  #onGap;
  #closing;

  // `onJob` gets each job that changed, `onGone` the id of each that was forgotten; `onGap` is called whenever something
  // may have been missed.
  constructor(service, { onJob, onGone, onGap }) {
    this.#service = service;
    this.#onJob = onJob;
    this.#onGone = onGone;
    this.#onGap = onGap;
    this.visible = () => (document.hidden ? this.#pause() : this.#go());
    document.addEventListener("visibilitychange", this.visible);
    this.visible();
  }

  close() {
    document.removeEventListener("visibilitychange", this.visible);
    this.#pause();
  }

  #pause() {
    this.#closing?.abort();
    this.#closing = undefined;
  }

  async #go() {
    if (this.#closing) return;
    const closing = (this.#closing = new AbortController());
    while (!closing.signal.aborted) {
      await this.#onGap();
      await this.#listen(closing.signal).catch(() => {});
      // A lost connection, a restart, or a service without events.
      if (!closing.signal.aborted) await new Promise((wake) => setTimeout(wake, AGAIN_MS));
    }
  }

  async #listen(signal) {
    const answer = await this.#service.open("/jobs/events", { signal, headers: { accept: "text/event-stream" } });
    if (!answer.ok || !answer.headers.get("content-type")?.startsWith("text/event-stream")) return answer.body?.cancel();
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = "", read; !(read = await reader.read()).done; ) {
      const events = (text + read.value).split(/\r?\n\r?\n/);
      text = events.pop();
      for (const event of events) this.#hear(event);
    }
  }

  #hear(event) {
    const [, name] = /^event: ?(.*)$/m.exec(event) ?? [];
    const [, data] = /^data: ?(.*)$/m.exec(event) ?? [];
    if (name === "job") this.#onJob(JSON.parse(data));
    else if (name === "gone") this.#onGone(JSON.parse(data).id);
    // The list as it is now, newest first: what came to it since it was read goes in from the oldest on.
    else if (name === "jobs") JSON.parse(data).jobs.reverse().forEach(this.#onJob);
  }
}

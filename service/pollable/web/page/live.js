// What changes, as it changes: the service's events, paused while the page is hidden. Where there are none, the list is
// read again every few seconds.

const AGAIN_MS = 3000;

export class Live {
  #service;
  #onJob;
  #onGap;
  #closing;

  // `onJob` gets each job that changed; `onGap` is called whenever something may have been missed.
  constructor(service, { onJob, onGap }) {
    this.#service = service;
    this.#onJob = onJob;
    this.#onGap = onGap;
    this.visible = () => (document.hidden ? this.#pause() : this.#go());
    document.addEventListener("visibilitychange", this.visible);
    this.#go();
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
      for (const event of events) {
        const told = JSON.parse(/^data: ?(.*)$/m.exec(event)?.[1] ?? "{}");
        if (told.id && told.status) this.#onJob(told);
      }
    }
  }
}

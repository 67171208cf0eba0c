// Live updates. The browser resumes a broken stream by itself; where it gives up, we begin again after a while.
const SILENCE_MS = 26_000;
// A browser opens six connections to a server, for all tabs together: tabs out of sight only look in now and then.
const HIDDEN_MS = 20_000;
const LOOK_IN_MS = 15_000;
const WAITS_MS = [1000, 2000, 4000, 8000, 15_000];

export class Stream extends EventTarget {
  constructor(cursor) {
    super();
    this.cursor = cursor;
    this.tries = 0;
    this.state = "connecting";
    this.source = null;
    window.addEventListener("online", () => this.#again(0));
    window.addEventListener("pagehide", () => this.source?.close());
    document.addEventListener("visibilitychange", () => this.#seen());
    this.hiddenAt = document.hidden ? Date.now() : null;
    this.open();
  }

  open() {
    clearTimeout(this.timer);
    this.source?.close();
    const source = new EventSource(`/events?since=${encodeURIComponent(this.cursor)}`);
    this.source = source;
    for (const name of ["message", "channels", "beat", "reset", "trouble"]) {
      source.addEventListener(name, (event) => this.#take(name, event));
    }
    source.addEventListener("open", () => this.#alive("live"));
    source.addEventListener("error", () => this.#broken(source));
    this.#watch();
  }

  #take(name, event) {
    if (event.lastEventId) this.cursor = event.lastEventId;
    this.#alive(name === "trouble" ? "trouble" : "live");
    const news = new CustomEvent(name, { detail: JSON.parse(event.data) });
    this.dispatchEvent(news);
    if (name === "beat" && this.hiddenAt && Date.now() - this.hiddenAt > HIDDEN_MS) this.#rest();
  }

  #seen() {
    this.hiddenAt = document.hidden ? Date.now() : null;
    if (!document.hidden && this.state !== "ended" && (this.state !== "live" || this.source?.readyState === EventSource.CLOSED)) this.open();
  }

  #rest() {
    this.source.close();
    clearTimeout(this.silence);
    this.timer = setTimeout(() => this.open(), LOOK_IN_MS);
  }

  #alive(state) {
    this.tries = 0;
    this.#set(state);
    this.#watch();
  }

  // A connection can die without a word. The server says something every ten seconds.
  #watch() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => { this.#set("lost"); this.open(); }, SILENCE_MS);
  }

  #broken(source) {
    if (source !== this.source) return;
    this.#set("lost");
    if (source.readyState === EventSource.CLOSED) this.#again(WAITS_MS[Math.min(this.tries++, WAITS_MS.length - 1)]);
  }

  async #again(wait) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), wait);
    // A stream's refusal has no words; an ordinary request tells whether the session is over.
    const answer = await fetch("/api/commands", { credentials: "same-origin" }).catch(() => null);
    if (answer?.status === 401) this.#end();
  }

  #end() {
    clearTimeout(this.timer);
    clearTimeout(this.silence);
    this.source?.close();
    this.#set("ended");
  }

  #set(state) {
    if (this.state === state) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}

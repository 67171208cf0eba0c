// Tells the server how far the channel has been read: when its end is in sight, of a page that is in sight.
import { post } from "./api.js";
import { showChannels } from "./sidebar.js";

export class Reading {
  constructor(log) {
    this.log = log;
    this.last = Number(document.body.dataset.last);
    this.told = -1;
    log.addEventListener("change", () => this.#soon());
    document.addEventListener("visibilitychange", () => this.#soon());
    this.#soon();
  }

  saw(id) {
    this.last = Math.max(this.last, id);
    this.#soon();
  }

  #soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#tell(), 400);
  }

  async #tell() {
    if (document.hidden || !this.log.stuck || this.last <= this.told) return;
    const message = this.last;
    this.told = message;
    showChannels(null);
    await post("/api/read", { channel: document.body.dataset.channel, message }, { keepalive: true }).catch(() => { this.told = -1; });
  }
}

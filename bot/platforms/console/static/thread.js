// The thread beside the log: one message and its replies.
import { get } from "./api.js";
import { Composer } from "./composer.js";
import { localise } from "./clocks.js";
import { Log } from "./log.js";
import { notify } from "./notices.js";

export class Thread {
  constructor(panel, channel) {
    this.panel = panel;
    this.channel = channel;
    this.key = null;
    this.log = new Log(panel.querySelector(".log"));
    this.composer = new Composer(panel.querySelector("form"), { channel, thread: () => this.key, draftKey: `draft.${channel}.thread` });
    panel.querySelector("#close-thread").addEventListener("click", () => this.close());
    panel.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
  }

  async open(message) {
    this.key = message.dataset.key;
    this.opener = message;
    this.panel.hidden = false;
    this.log.clear();
    this.#root(message);
    this.composer.focus();
    await this.#load(this.key);
  }

  close() {
    this.panel.hidden = true;
    this.key = null;
    this.opener?.querySelector(".reply")?.focus({ preventScroll: true });
  }

  take(message) {
    if (this.key === null) return;
    if (message.thread === this.key) this.log.put(message);
    else if (message.key === this.key) this.#refreshRoot(message);
  }

  // A copy: its buttons work as the original's do, but an id must be on a page once.
  #root(message) {
    const copy = message.cloneNode(true);
    copy.removeAttribute("id");
    copy.classList.remove("is-fresh", "is-continued");
    copy.classList.add("is-root");
    this.log.box.prepend(copy);
    localise(copy);
  }

  #refreshRoot(message) {
    this.log.put(message)?.classList.add("is-root");
  }

  async #load(key) {
    try {
      const query = `/api/channels/${encodeURIComponent(this.channel)}/thread?key=${encodeURIComponent(key)}`;
      const { messages } = await get(query);
      if (key === this.key) messages.forEach((message) => this.log.put(message));
    } catch (fault) {
      notify(`The replies could not be read. ${fault.message}`);
    }
  }
}

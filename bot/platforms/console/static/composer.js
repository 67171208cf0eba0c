// The box in which people type. What could not be sent stays in it, under the same id, so that sending again is safe.
import { newId, post } from "./api.js";
import { Completion } from "./completion.js";
import { tab } from "./store.js";

const HISTORY = 60;

export class Composer extends EventTarget {
  constructor(form, { channel, thread = () => null, draftKey }) {
    super();
    this.form = form;
    this.text = form.querySelector("textarea");
    this.button = form.querySelector(".send");
    this.failed = form.querySelector(".failed");
    this.channel = channel;
    this.thread = thread;
    this.draftKey = draftKey;
    this.completion = new Completion(form, this.text);
    this.pending = null;
    this.recalled = 0;
    this.text.value = tab.get(draftKey) ?? "";
    this.text.addEventListener("input", () => this.#typed());
    this.text.addEventListener("keydown", (event) => this.#key(event));
    form.addEventListener("submit", (event) => { event.preventDefault(); this.send(); });
    this.#fit();
  }

  focus() {
    this.text.focus({ preventScroll: true });
  }

  set(value) {
    this.text.value = value;
    this.text.dispatchEvent(new Event("input", { bubbles: true }));
  }

  async send() {
    const text = this.text.value;
    if (!text.trim() || this.form.ariaBusy === "true") return;
    if (this.pending?.text !== text) this.pending = { id: newId(), text };
    this.completion.close();
    this.#busy(true);
    try {
      const answer = await post("/api/messages", { channel: this.channel, text, thread: this.thread(), id: this.pending.id });
      this.#sent(text);
      this.dispatchEvent(new CustomEvent("sent", { detail: answer }));
    } catch (fault) {
      this.#tell(`Not sent. ${fault.message}`);
    } finally {
      this.#busy(false);
    }
  }

  #sent(text) {
    this.pending = null;
    this.recalled = 0;
    remember(text);
    this.#tell("");
    if (this.text.value === text) this.set("");
  }

  #busy(yes) {
    this.form.ariaBusy = String(yes);
    this.text.readOnly = yes;
    this.button.disabled = yes || !this.text.value.trim();
  }

  #tell(words) {
    this.failed.textContent = words;
    this.failed.hidden = !words;
  }

  #typed() {
    tab.set(this.draftKey, this.text.value);
    this.#fit();
  }

  #fit() {
    this.text.style.height = "36px";
    this.text.style.height = `${Math.max(36, this.text.scrollHeight)}px`;
    this.button.disabled = !this.text.value.trim();
  }

  #key(event) {
    if (event.isComposing) return;
    const handled = this.completion.key(event) || this.#sends(event) || this.#recalls(event);
    if (handled) event.preventDefault();
    if (handled && event.key === "Escape") event.stopPropagation();
  }

  #sends(event) {
    if (event.key !== "Enter" || event.shiftKey || event.altKey) return false;
    this.send();
    return true;
  }

  // The arrow up in an empty box brings back what was sent, as in a shell.
  #recalls(event) {
    const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    const lines = history();
    const untouched = this.text.value === "" || this.text.value === lines.at(-this.recalled);
    const next = this.recalled + (step ?? 0);
    if (!step || !untouched || next < 0 || next > lines.length || (next === 0 && this.recalled === 0)) return false;
    this.recalled = next;
    this.set(next ? lines.at(-next) : "");
    this.completion.close();
    return true;
  }
}

function history() {
  try { return JSON.parse(tab.get("history") ?? "[]"); } catch { return []; }
}

function remember(text) {
  if (text.length > 2000) return;
  const lines = history().filter((line) => line !== text);
  tab.set("history", JSON.stringify([...lines, text].slice(-HISTORY)));
}

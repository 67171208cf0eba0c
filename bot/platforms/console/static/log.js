// A list of messages: keeps their order, groups them, and stays at the newest while the reader is there.
import { dayName, localise, sameDay } from "./clocks.js";

const GROUP_MS = 5 * 60_000;

export function element(html) {
  const template = document.createElement("template");
  template.innerHTML = html.trim();
  return template.content.firstElementChild;
}

// Puts a newer state in the place of an older one. Somebody on the keyboard who was on a button of it stays in it.
export function swap(known, fresh, otherwise) {
  const focused = known.contains(document.activeElement) ? document.activeElement.textContent.trim() : null;
  known.replaceWith(fresh);
  if (focused === null) return;
  const buttons = [...fresh.querySelectorAll("button:not(:disabled)")];
  (buttons.find((button) => button.textContent.trim() === focused) ?? buttons[0] ?? otherwise).focus({ preventScroll: true });
}

export class Log extends EventTarget {
  constructor(box) {
    super();
    this.box = box;
    this.unseen = 0;
    this.stuck = true;
    box.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    // Pictures, a growing composer and a folding card change heights; the newest message stays in sight.
    new ResizeObserver(() => this.stuck && this.toNewest()).observe(box);
    box.addEventListener("load", () => this.stuck && this.toNewest(), { capture: true });
    this.tidy();
    localise(box);
    this.toNewest();
  }

  get messages() {
    return [...this.box.querySelectorAll(":scope > .message")];
  }

  find(key) {
    return this.messages.find((one) => one.dataset.key === key);
  }

  put(message) {
    const fresh = element(message.html);
    const known = this.find(message.key);
    if (!known && this.#isFurtherUp(message)) return null;
    if (known) swap(known, fresh, this.box);
    else this.#insert(fresh, { live: true });
    localise(fresh);
    this.tidy();
    if (this.stuck) this.toNewest();
    else if (!known && !fresh.classList.contains("is-mine")) this.unseen += 1;
    this.#changed();
    return fresh;
  }

  putEarlier(messages) {
    const height = this.box.scrollHeight;
    for (const message of messages) {
      if (!message.pinned && !this.find(message.key)) this.#insert(element(message.html), { live: false });
    }
    localise(this.box);
    this.tidy();
    this.box.scrollTop += this.box.scrollHeight - height;
  }

  clear() {
    this.box.replaceChildren();
    this.stuck = true;
    this.unseen = 0;
  }

  toNewest() {
    this.box.scrollTop = this.box.scrollHeight;
  }

  // Marks what continues the message before it, and the first message of each day.
  tidy() {
    this.box.querySelectorAll(".day").forEach((day) => day.remove());
    let before = null;
    for (const one of this.messages) {
      const at = Date.parse(one.dataset.at);
      const newDay = !before || !sameDay(Date.parse(before.dataset.at), at);
      if (newDay) one.before(day(at));
      one.classList.toggle("is-continued", !newDay && continues(before, one));
      before = one;
    }
  }

  #insert(fresh, { live }) {
    const id = Number(fresh.dataset.id);
    const after = this.messages.findLast((one) => Number(one.dataset.id) < id);
    document.getElementById("empty")?.remove();
    const older = this.box.querySelector(":scope > .older");
    if (after ?? older) (after ?? older).after(fresh);
    else this.box.prepend(fresh);
    if (live) fresh.classList.add("is-fresh");
  }

  // An old message that changed, from before what is shown here: it comes when the reader goes there.
  #isFurtherUp(message) {
    const first = this.messages[0];
    return Boolean(this.box.dataset.before) && first && message.id < Number(first.dataset.id);
  }

  #scrolled() {
    this.stuck = this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < 60;
    if (this.stuck) this.unseen = 0;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

function continues(before, one) {
  const quick = Date.parse(one.dataset.at) - Date.parse(before.dataset.at) < GROUP_MS;
  return quick && before.dataset.author === one.dataset.author && !("card" in one.dataset) && !("card" in before.dataset);
}

function day(at) {
  const line = document.createElement("div");
  line.className = "day";
  line.setAttribute("role", "separator");
  line.textContent = dayName(at);
  return line;
}

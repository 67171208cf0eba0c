// Completion in a composer: commands after a slash, people after an @. The listbox pattern of ARIA:
// the focus stays in the text, aria-activedescendant names the option.
import { get } from "./api.js";

const MOST = 40;
let known = null;

async function load() {
  known ??= get("/api/commands").catch(() => { known = null; return { commands: [], people: [] }; });
  return known;
}

export class Completion {
  constructor(form, text) {
    this.form = form;
    this.text = text;
    this.list = form.querySelector(".completion");
    this.usage = form.querySelector(".usage");
    this.options = [];
    this.active = -1;
    text.addEventListener("input", () => this.refresh());
    text.addEventListener("click", () => this.refresh());
    text.addEventListener("focus", () => load());
    text.addEventListener("blur", () => this.close());
    this.list.addEventListener("mousedown", (event) => this.#pick(event));
  }

  get open() {
    return !this.list.hidden;
  }

  async refresh() {
    const { commands, people } = await load();
    const before = this.text.value.slice(0, this.text.selectionStart);
    this.text.classList.toggle("is-command", this.text.value.startsWith("/"));
    this.#showUsage(commands);
    this.options = mentions(before, people) ?? matches(before, commands);
    if (this.options.length) this.#show(before);
    else this.close();
  }

  // Whether the key was for the list.
  key(event) {
    if (!this.open) return false;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") return this.#move(event.key === "ArrowDown" ? 1 : -1);
    if (event.key === "Escape") return this.close() ?? true;
    if (event.key === "Tab" && !event.shiftKey) return this.#accept();
    if (event.key === "Enter" && !event.shiftKey && !this.#isWhole()) return this.#accept();
    return false;
  }

  close() {
    this.list.hidden = true;
    this.text.setAttribute("aria-expanded", "false");
    this.text.removeAttribute("aria-activedescendant");
  }

  // A command that is typed to its end is sent by Enter, though longer ones may begin with it.
  #isWhole() {
    return this.options.some((option) => option.kind === "command" && option.name === this.text.value.trim());
  }

  #show(before) {
    this.list.replaceChildren(...this.options.map((option, i) => this.#row(option, i, before)));
    this.list.hidden = false;
    this.text.setAttribute("aria-expanded", "true");
    this.#activate(0);
  }

  #row(option, i, before) {
    const row = document.createElement("div");
    row.className = "option";
    row.id = `${this.list.id}-${i}`;
    row.dataset.index = i;
    row.setAttribute("role", "option");
    const code = document.createElement("code");
    const length = option.name.toLowerCase().startsWith(before.toLowerCase()) ? before.length : 0;
    const typed = document.createElement("mark");
    typed.textContent = option.name.slice(0, length);
    code.append(typed, option.shown.slice(length));
    const words = document.createElement("span");
    words.textContent = option.words;
    row.append(code, words);
    return row;
  }

  #activate(i) {
    this.active = i;
    for (const row of this.list.children) row.setAttribute("aria-selected", String(Number(row.dataset.index) === i));
    const row = this.list.children[i];
    row.scrollIntoView({ block: "nearest" });
    this.text.setAttribute("aria-activedescendant", row.id);
  }

  #move(step) {
    this.#activate((this.active + step + this.options.length) % this.options.length);
    return true;
  }

  #accept() {
    const option = this.options[this.active];
    const caret = this.text.selectionStart;
    const start = option.kind === "command" ? 0 : this.text.value.slice(0, caret).lastIndexOf("@");
    this.text.setRangeText(option.inserted, start, caret, "end");
    this.text.dispatchEvent(new Event("input", { bubbles: true }));
    return true;
  }

  #pick(event) {
    event.preventDefault();
    const row = event.target.closest(".option");
    if (!row) return;
    this.active = Number(row.dataset.index);
    this.#accept();
    this.text.focus();
  }

  #showUsage(commands) {
    const line = `${this.text.value.replace(/\s+/g, " ")} `;
    const command = commands.filter((one) => line.startsWith(`${one.name} `)).at(-1);
    this.usage.hidden = !command;
    if (!command) return;
    const code = document.createElement("code");
    code.textContent = command.usage;
    this.usage.replaceChildren(code, ` ${command.summary} For example: `, Object.assign(document.createElement("code"), { textContent: command.example }));
  }
}

function matches(before, commands) {
  if (!before.startsWith("/") || before.includes("\n")) return [];
  const typed = before.toLowerCase().replace(/\s+/g, " ");
  const word = typed.slice(1).trim();
  const first = commands.filter((one) => one.name.startsWith(typed));
  // `/scale` finds `/gw scale`: people remember what they want, not where it is filed.
  const second = word && !typed.includes(" ") ? commands.filter((one) => !first.includes(one) && one.name.slice(1).split(" ").some((part) => part.startsWith(word))) : [];
  const found = [...first, ...second].slice(0, MOST);
  return found.length === 1 && found[0].name === typed.trim() ? [] : found.map(commandOption);
}

function commandOption(command) {
  const takesMore = command.usage !== command.name;
  return { kind: "command", name: command.name, shown: command.usage, words: command.summary, inserted: takesMore ? `${command.name} ` : command.name };
}

function mentions(before, people) {
  const typed = /(?:^|[\s(])@([\p{L}\p{N}._-]*)$/u.exec(before)?.[1].toLowerCase();
  if (typed === undefined) return null;
  const fits = (one) => one.id.toLowerCase().startsWith(typed) || one.name.toLowerCase().split(/\s+/).some((part) => part.startsWith(typed));
  return people.filter((one) => fits(one) && one.id.toLowerCase() !== typed).map((one) => ({
    kind: "person", name: `@${one.id}`, shown: `@${one.id}`, words: one.title ? `${one.name}, ${one.title}` : one.name, inserted: `@${one.id} `,
  }));
}

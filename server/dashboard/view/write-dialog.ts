import { isMillraceError } from "millrace";
import type { MessageDb } from "millrace/messagedb";
import { readWriteForm, type WriteFormInput } from "../model/write-form.js";
import { errorInWords } from "../model/words.js";
import { element, setText } from "./dom.js";

const FIELDS = [
  ["stream", "Stream", "account-123"],
  ["type", "Type", "Deposited"],
  ["data", "Data", "{}"],
  ["metadata", "Metadata", "none"],
  ["expectedVersion", "Expected version", "any; -1 for no stream"],
] as const satisfies readonly (readonly [keyof WriteFormInput, string, string])[];

/** The form that writes one message. */
export class WriteDialog {
  readonly element: HTMLDialogElement;
  readonly #db: MessageDb;
  readonly #onWritten: (stream: string, position: bigint) => void;
  readonly #inputs = new Map<keyof WriteFormInput, HTMLInputElement | HTMLTextAreaElement>();
  readonly #problems = new Map<keyof WriteFormInput, HTMLElement>();
  readonly #outcome = element("div", { class: "outcome", attributes: { role: "alert", hidden: "" } });
  readonly #send = element("button", { class: "button button-primary", attributes: { type: "submit" } }, "Write message");

  constructor(db: MessageDb, onWritten: (stream: string, position: bigint) => void) {
    this.#db = db;
    this.#onWritten = onWritten;
    const cancel = element("button", { class: "button", attributes: { type: "button" }, onClick: () => this.element.close() }, "Cancel");
    const form = element("form", { attributes: { autocomplete: "off", novalidate: "" } },
      element("header", { class: "dialog-head" }, element("h2", { attributes: { id: "write-title" } }, "Write a message")),
      element("div", { class: "dialog-body" }, ...FIELDS.map(([name, label, placeholder]) => this.#field(name, label, placeholder)), this.#outcome),
      element("footer", { class: "dialog-foot" }, cancel, this.#send));
    form.addEventListener("submit", (submission) => {
      submission.preventDefault();
      void this.#submit();
    });
    this.element = element("dialog", { class: "dialog", attributes: { "aria-labelledby": "write-title" } }, form);
  }

  /** @param stream What it begins with, unless something was typed before. */
  open(stream: string): void {
    const input = this.#inputs.get("stream");
    if (input !== undefined && input.value === "") input.value = stream;
    this.#say("");
    this.element.showModal();
    input?.focus();
  }

  #field(name: keyof WriteFormInput, label: string, placeholder: string): HTMLElement {
    const id = `write-${name}`;
    const attributes = { id, placeholder, spellcheck: "false", autocapitalize: "off", "aria-describedby": `${id}-problem` };
    const input = name === "data" ? element("textarea", { attributes: { ...attributes, rows: "6" } }, "{}") : element("input", { attributes });
    const problem = element("p", { class: "problem", attributes: { id: `${id}-problem` } });
    this.#inputs.set(name, input);
    this.#problems.set(name, problem);
    return element("div", { class: "field" }, element("label", { attributes: { for: id } }, label), input, problem);
  }

  async #submit(): Promise<void> {
    if (this.#send.disabled) return;
    const value = (name: keyof WriteFormInput): string => this.#inputs.get(name)?.value ?? "";
    const read = readWriteForm({ stream: value("stream"), type: value("type"), data: value("data"), metadata: value("metadata"), expectedVersion: value("expectedVersion") });
    for (const [name, shown] of this.#problems) {
      const problem = "problems" in read ? read.problems[name] : undefined;
      this.#inputs.get(name)?.setAttribute("aria-invalid", String(problem !== undefined));
      setText(shown, problem ?? "");
    }
    this.#say("");
    if ("problems" in read) return;
    this.#send.disabled = true;
    try {
      const position = await this.#db.write(read.stream, read.message, { expectedVersion: read.expectedVersion });
      this.element.close();
      this.#onWritten(read.stream, position);
    } catch (error) {
      this.#say(failureInWords(error));
    } finally {
      this.#send.disabled = false;
    }
  }

  #say(text: string): void {
    this.#outcome.hidden = text === "";
    setText(this.#outcome, text);
  }
}

function failureInWords(error: unknown): string {
  if (isMillraceError(error) && error.applied === "unknown") return `It is not known whether the message was written: look for it before you write it again. ${errorInWords(error)}`;
  return `Nothing was written. ${errorInWords(error)}`;
}

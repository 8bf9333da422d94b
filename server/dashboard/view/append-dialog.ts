import type { UmaDb } from "millrace/umadb";
import { readAppendForm, type AppendFormInput, type AppendFormProblems, type AppendFormResult } from "../model/append-form.js";
import { appendErrorInWords, errorInWords } from "../model/words.js";
import { byId, setText } from "./dom.js";

/** What the append dialog needs from the page around it. */
export interface AppendDialogEvents {
  /** The store recorded the event. */
  onAppended(position: bigint, type: string): void;
}

/** The form that appends one event, with a condition if that is wanted. */
export class AppendDialog {
  readonly #db: UmaDb;
  readonly #events: AppendDialogEvents;
  readonly #dialog = byId<HTMLDialogElement>("append-dialog");
  readonly #form = byId<HTMLFormElement>("append-form");
  readonly #send = byId<HTMLButtonElement>("append-send");
  readonly #outcome = byId("append-outcome");
  readonly #conditional = byId<HTMLInputElement>("append-conditional");
  readonly #condition = byId<HTMLFieldSetElement>("append-condition");

  constructor(db: UmaDb, events: AppendDialogEvents) {
    this.#db = db;
    this.#events = events;
    byId("append-cancel").addEventListener("click", () => this.#dialog.close());
    byId("append-close").addEventListener("click", () => this.#dialog.close());
    byId("append-use-newest").addEventListener("click", () => void this.#useNewest());
    this.#conditional.addEventListener("change", () => this.#showCondition());
    this.#form.addEventListener("submit", (submission) => {
      submission.preventDefault();
      void this.#submit();
    });
  }

  open(): void {
    if (this.#dialog.open) return;
    this.#showProblems({});
    this.#showOutcome("", "");
    this.#showCondition();
    this.#dialog.showModal();
    byId("append-type").focus();
  }

  #showCondition(): void {
    this.#condition.hidden = !this.#conditional.checked;
    this.#condition.disabled = !this.#conditional.checked;
  }

  async #useNewest(): Promise<void> {
    try {
      byId<HTMLInputElement>("append-after").value = String((await this.#db.head()) ?? "");
    } catch (error) {
      this.#showOutcome("The newest position is not known", errorInWords(error));
    }
  }

  async #submit(): Promise<void> {
    const read = readAppendForm(this.#input());
    this.#showProblems("problems" in read ? read.problems : {});
    this.#showOutcome("", "");
    if ("problems" in read || this.#send.disabled) return;
    this.#send.disabled = true;
    try {
      await this.#append(read);
    } finally {
      this.#send.disabled = false;
    }
  }

  async #append({ event, condition }: AppendFormResult): Promise<void> {
    try {
      const position = await this.#db.append([event], condition === undefined ? {} : { condition });
      this.#dialog.close();
      this.#events.onAppended(position, event.type);
    } catch (error) {
      const { title, detail } = appendErrorInWords(error);
      this.#showOutcome(title, detail);
    }
  }

  #input(): AppendFormInput {
    const value = (id: string): string => byId<HTMLInputElement | HTMLTextAreaElement>(id).value;
    return {
      type: value("append-type"),
      tags: value("append-tags"),
      data: value("append-data"),
      dataKind: byId<HTMLInputElement>("append-json").checked ? "json" : "text",
      conditional: this.#conditional.checked,
      conditionTypes: value("append-condition-types"),
      conditionTags: value("append-condition-tags"),
      conditionAfter: value("append-after"),
    };
  }

  #showProblems(problems: AppendFormProblems): void {
    this.#showProblem("append-type", problems.type);
    this.#showProblem("append-data", problems.data);
    this.#showProblem("append-after", problems.conditionAfter);
    this.#form.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
  }

  #showProblem(id: string, problem: string | undefined): void {
    byId(id).setAttribute("aria-invalid", String(problem !== undefined));
    setText(byId(`${id}-problem`), problem ?? "");
  }

  #showOutcome(title: string, detail: string): void {
    this.#outcome.hidden = title === "";
    setText(byId("append-outcome-title"), title);
    setText(byId("append-outcome-detail"), detail);
  }
}

import { describe, everything, formatList, isEverything, parseList, type Filter } from "../model/filter.js";
import { byId, setText } from "./dom.js";

/** The form that narrows the feed to types and tags. The store does the filtering. */
export class FilterBar {
  readonly #types = byId<HTMLInputElement>("filter-types");
  readonly #tags = byId<HTMLInputElement>("filter-tags");
  readonly #clear = byId<HTMLButtonElement>("filter-clear");
  readonly #onChange: (filter: Filter) => void;
  #filter = everything;

  constructor(onChange: (filter: Filter) => void) {
    this.#onChange = onChange;
    byId("filter").addEventListener("submit", (submission) => {
      submission.preventDefault();
      this.set({ types: parseList(this.#types.value), tags: parseList(this.#tags.value) });
    });
    this.#clear.addEventListener("click", () => this.set(everything));
    this.#show();
  }

  get filter(): Filter {
    return this.#filter;
  }

  focus(): void {
    this.#types.focus();
    this.#types.select();
  }

  /** Applies a filter, and tells of it when it is another one. */
  set(filter: Filter): void {
    const changed = describe(filter) !== describe(this.#filter);
    this.#filter = filter;
    this.#show();
    if (changed) this.#onChange(filter);
  }

  addType(type: string): void {
    this.set({ ...this.#filter, types: [...new Set([...this.#filter.types, type])] });
  }

  addTag(tag: string): void {
    this.set({ ...this.#filter, tags: [...new Set([...this.#filter.tags, tag])] });
  }

  #show(): void {
    this.#types.value = formatList(this.#filter.types);
    this.#tags.value = formatList(this.#filter.tags);
    this.#clear.hidden = isEverything(this.#filter);
    setText(byId("filter-words"), isEverything(this.#filter) ? "" : `Showing ${describe(this.#filter)}`);
  }
}

import { randomUuid } from "millrace/internal/core/uuid";
import type { StoredRecord } from "./record.js";
import { EventStore } from "./store.js";

/** The built-in projections: links to events by their stream's category, and by their type. */
export type BuiltInProjection = "$by_category" | "$by_event_type";

/** A log with the links that its projections write. */
export class Projected extends EventStore {
  readonly #projections: readonly BuiltInProjection[];
  #projectedTo = 0;

  constructor(now: () => number, projections: readonly BuiltInProjection[]) {
    super(now);
    this.#projections = projections;
    if (projections.length > 0) this.onWrite(() => this.#project());
  }

  #project(): void {
    while (this.#projectedTo < this.log.length) {
      const record = this.log[this.#projectedTo] as StoredRecord;
      this.#projectedTo += 1;
      if (record.type === "$>" || record.stream.startsWith("$")) continue;
      const dash = record.stream.indexOf("-");
      if (this.#projections.includes("$by_category") && dash > 0) this.#link(`$ce-${record.stream.slice(0, dash)}`, record);
      if (this.#projections.includes("$by_event_type")) this.#link(`$et-${record.type}`, record);
    }
  }

  #link(stream: string, record: StoredRecord): void {
    const { number, position } = record;
    const metadata = { $v: "1:-1:1:3", $c: Number(position), $p: Number(position), $o: record.stream, $causedBy: record.id };
    const encoder = new TextEncoder();
    this.write(stream, [{
      id: randomUuid(),
      type: "$>",
      isJson: false,
      data: encoder.encode(`${number}@${record.stream}`),
      customMetadata: encoder.encode(JSON.stringify(metadata)),
    }]);
  }
}

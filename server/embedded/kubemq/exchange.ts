import { matches } from "./subjects.js";

/** Who takes part in an {@link Exchange}. */
export interface Receiver<T> {
  readonly pattern: string;
  /** Of all with one name that a message reaches, one gets it; those with none get each. */
  readonly group: string;
  take(message: T): void;
}

/** Hands messages that are not stored to whoever is there. */
export class Exchange<T> {
  readonly #receivers = new Set<Receiver<T>>();

  /** @returns Takes the receiver out. */
  join(receiver: Receiver<T>): () => void {
    this.#receivers.add(receiver);
    return () => void this.#receivers.delete(receiver);
  }

  publish(channel: string, message: T): void {
    const groups = new Map<string, Receiver<T>[]>();
    for (const receiver of [...this.#receivers]) {
      if (!matches(receiver.pattern, channel)) continue;
      if (receiver.group === "") receiver.take(message);
      else groups.set(receiver.group, [...(groups.get(receiver.group) ?? []), receiver]);
    }
    for (const members of groups.values()) members[Math.floor(Math.random() * members.length)]?.take(message);
  }
}

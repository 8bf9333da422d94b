import type { Projected } from "../projected.js";
import { groupDropped, groupExists, groupFailed, groupMissing } from "./errors.js";
import { Group } from "./group.js";
import { parseSettings, SettingsError, type GroupSettings } from "./settings.js";
import type { GroupSource } from "./source.js";

/** All persistent subscriptions of a server. */
export class Groups {
  readonly #groups = new Map<string, Group>();
  readonly #store: Projected;
  readonly #now: () => number;

  constructor(store: Projected, now: () => number) {
    this.#store = store;
    this.#now = now;
    store.onWrite(() => { for (const group of this.#groups.values()) group.pump(); });
  }

  /** All of them, or those on one source. */
  list(source?: string): Group[] {
    return [...this.#groups.values()].filter((group) => source === undefined || group.source.name === source);
  }

  /** @throws {StatusError} NOT_FOUND */
  find(source: string, name: string): Group {
    const group = this.#groups.get(keyOf(source, name));
    if (group === undefined) throw groupMissing(source, name);
    return group;
  }

  /** @throws {StatusError} ALREADY_EXISTS, or what is wrong with the settings. */
  create(source: GroupSource, name: string, start: bigint, settings: Parameters<typeof parseSettings>[0]): void {
    const parsed = settingsOf(source.name, name, settings);
    if (this.#groups.has(keyOf(source.name, name))) throw groupExists(source.name, name);
    const group = new Group(this.#store, this.#now, source, name, start, parsed);
    this.#groups.set(keyOf(source.name, name), group);
    group.pump();
  }

  /** Ends the group for its readers and goes on from its checkpoint. @throws {StatusError} */
  update(source: string, name: string, start: bigint, settings: Parameters<typeof parseSettings>[0]): void {
    const group = this.find(source, name);
    const parsed = settingsOf(source, name, settings);
    group.drop(groupDropped(source, name));
    this.#groups.set(keyOf(source, name), group.reloaded(parsed, start));
  }

  /** @throws {StatusError} NOT_FOUND */
  delete(source: string, name: string): void {
    const group = this.find(source, name);
    this.#groups.delete(keyOf(source, name));
    group.drop(groupDropped(source, name));
  }

  /** Begins anew from what was saved. */
  restart(): void {
    for (const [key, group] of this.#groups) {
      group.drop(groupDropped(group.source.name, group.name));
      this.#groups.set(key, group.reloaded(group.settings, group.start));
    }
  }

  close(): void {
    for (const group of this.#groups.values()) group.stop();
  }
}

function keyOf(source: string, name: string): string {
  return `${source}::${name}`;
}

function settingsOf(source: string, name: string, settings: Parameters<typeof parseSettings>[0]): GroupSettings {
  try {
    return parseSettings(settings);
  } catch (error) {
    throw error instanceof SettingsError ? groupFailed(source, name, error.message) : error;
  }
}

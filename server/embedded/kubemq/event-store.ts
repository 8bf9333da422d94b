import type { Event, EventReceive, Subscribe } from "millrace/internal/gen/static/kubemq/kubemq";
import { storeClientFault, storeSubscribeFault, texts } from "./checks.js";

/** How far a durable subscription has come, and who of its members are there. */
interface Durable {
  next: bigint;
  readonly members: ((event: EventReceive) => void)[];
  turn: number;
}

interface Channel {
  readonly events: EventReceive[];
  readonly durables: Map<string, Durable>;
}

/** Events that are stored, and the durable positions of who read them. */
export class EventStore {
  readonly #channels = new Map<string, Channel>();
  readonly #clients = new Set<string>();
  readonly #now: () => bigint;

  /** @param now The time in nanoseconds, never falling. */
  constructor(now: () => bigint) {
    this.#now = now;
  }

  append({ EventID, Channel: name, Metadata, Body, Tags }: Event): void {
    const channel = this.#channel(name);
    const Sequence = BigInt(channel.events.length + 1);
    channel.events.push({ EventID, Channel: name, Metadata, Body, Tags, Sequence, Timestamp: this.#now() });
    for (const durable of channel.durables.values()) deliver(channel, durable);
  }

  /**
   * Opens a subscription. A client id has one at a time; what it, or its group, has read before decides where it begins.
   *
   * @returns Ends it; or what is wrong with the request.
   */
  subscribe(request: Subscribe, take: (event: EventReceive) => void): (() => void) | string {
    const { ClientID, Channel: name, Group } = request;
    const wrongClient = storeClientFault(request);
    if (wrongClient !== undefined) return wrongClient;
    if (this.#clients.has(ClientID)) return texts.storeClientTaken;
    const fault = storeSubscribeFault(request);
    if (fault !== undefined) return fault;
    this.#clients.add(ClientID);
    const channel = this.#channel(name);
    const key = Group === "" ? `client ${ClientID}` : `group ${Group}`;
    const durable = channel.durables.get(key) ?? { next: this.#start(channel, request), members: [], turn: 0 };
    channel.durables.set(key, durable);
    durable.members.push(take);
    deliver(channel, durable);
    return () => {
      this.#clients.delete(ClientID);
      durable.members.splice(durable.members.indexOf(take), 1);
    };
  }

  #channel(name: string): Channel {
    let channel = this.#channels.get(name);
    if (channel === undefined) this.#channels.set(name, channel = { events: [], durables: new Map() });
    return channel;
  }

  /** The first sequence that a new durable gets. */
  #start({ events }: Channel, { EventsStoreTypeData, EventsStoreTypeValue: value }: Subscribe): bigint {
    const newOnly = BigInt(events.length + 1);
    const since = (time: bigint): bigint => events.find(({ Timestamp }) => Timestamp >= time)?.Sequence ?? newOnly;
    switch (EventsStoreTypeData) {
      case 2: return 1n;
      case 3: return events.at(-1)?.Sequence ?? 1n;
      case 4: return value < newOnly ? value : newOnly;
      case 5: return since(value);
      case 6: return since(this.#now() - value * 1_000_000_000n);
      default: return newOnly;
    }
  }
}

function deliver({ events }: Channel, durable: Durable): void {
  const { members } = durable;
  while (members.length > 0 && durable.next <= BigInt(events.length)) {
    const event = events[Number(durable.next) - 1] as EventReceive;
    durable.next += 1n;
    members[durable.turn++ % members.length]?.(event);
  }
}

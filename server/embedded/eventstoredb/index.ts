import { Ending, linkSignals } from "millrace/internal/core/signal";
import { randomUuid } from "millrace/internal/core/uuid";
import { eventstoredbMethods } from "millrace/internal/wire/methods";
import { StatusError, type EmbeddedService, type ServiceContext, type ServiceMethod } from "../service.js";
import { openSession, UNCHECKED, type EmbeddedSession } from "./access.js";
import { append, softDelete, tombstone } from "./append.js";
import { batchAppend } from "./batch-append.js";
import { onlyRequest, type OneRequest } from "./messages.js";
import { gossip, supportedMethods } from "./node-service.js";
import { Groups } from "./persistent/groups.js";
import { readGroup } from "./persistent/reader.js";
import { groupMethods } from "./persistent/service.js";
import { Projected, type BuiltInProjection } from "./projected.js";
import { read } from "./read.js";
import { shuffler } from "./shuffle.js";
import { writeFirstEvents } from "./first-events.js";
import { Users } from "./users.js";
import { userMethods } from "./users-service.js";

/** How an embedded EventStoreDB behaves. */
export interface EmbeddedEventStoreDbOptions {
  /**
   * Logins and rights are checked, as on a real server that is not insecure: `admin` and `ops` are there, each with the
   * password `changeit`. `false` by default: everybody may do all.
   */
  users?: boolean | undefined;
  /** Projections that run: links by category (`$ce-…`) and by event type (`$et-…`). None by default. */
  projections?: readonly BuiltInProjection[] | undefined;
  /**
   * Answers of one BatchAppend call leave in an order that this seed decides, to test that a client tells them apart.
   * In the order of the appends by default.
   */
  shuffleBatchAnswers?: number | undefined;
}

/** Where the one member of the cluster says it is; what listens knows. */
export interface Whereabouts {
  address: string;
  port: number;
}

const MAX_REQUEST_BYTES = 16 * 1024 * 1024;

/** EventStoreDB 23.10 in memory: streams, subscriptions, persistent subscriptions, users. */
export function embeddedEventStoreDb(options: EmbeddedEventStoreDbOptions = {}, whereabouts: Whereabouts = { address: "127.0.0.1", port: 2113 }): EmbeddedService {
  const now = Date.now;
  const store = new Projected(now, options.projections ?? []);
  const users = new Users(now);
  const groups = new Groups(store, now);
  const shutdown = new Ending();
  const order = options.shuffleBatchAnswers === undefined ? undefined : shuffler(options.shuffleBatchAnswers);
  const member = { id: randomUuid(), startedMs: now() };
  writeFirstEvents(store, options.users === true);

  const methods = new Map<string, ServiceMethod>();
  const sessionOf = ({ headers }: ServiceContext): EmbeddedSession => (options.users === true ? openSession(store, users, headers) : UNCHECKED);
  const add = (path: string, method: (requests: Parameters<ServiceMethod>[0], context: ServiceContext, session: EmbeddedSession) => AsyncIterable<Uint8Array>): void => {
    methods.set(path, async function* (requests, context) {
      if (shutdown.reason !== undefined) throw new StatusError(14, "The embedded server is closed");
      const session = sessionOf(context);
      const over = linkSignals(context.signal, shutdown);
      try {
        yield* method(requests, { ...context, signal: over.signal }, session);
      } finally {
        over.release();
      }
    });
  };
  const addOne = (path: string, method: (...args: [...Parameters<OneRequest>, ServiceContext]) => ReturnType<OneRequest>): void => {
    add(path, async function* (requests, context, session) {
      const answer = method(await onlyRequest(requests), session, context);
      if (answer instanceof Uint8Array) yield answer;
      else yield* answer;
    });
  };

  add(eventstoredbMethods.append.path, (requests, _, session) => append(store, session, requests));
  add(eventstoredbMethods.batchAppend.path, (requests, { signal, begin }, session) => {
    begin();
    return batchAppend(store, session, requests, signal, order);
  });
  add(eventstoredbMethods.persistentRead.path, (requests, { headers, signal }, session) => readGroup(store, groups, session, requests, headers, signal));
  addOne(eventstoredbMethods.read.path, (bytes, session, context) => read(store, session, bytes, context));
  addOne(eventstoredbMethods.delete.path, (bytes, session) => softDelete(store, session, bytes));
  addOne(eventstoredbMethods.tombstone.path, (bytes, session) => tombstone(store, session, bytes));
  addOne(eventstoredbMethods.gossip.path, () => gossip({ ...member, ...whereabouts }));
  addOne(eventstoredbMethods.supportedMethods.path, () => supportedMethods(methods.keys()));
  for (const [path, method] of groupMethods(store, groups)) addOne(path, method);
  if (options.users === true) for (const [path, method] of userMethods(users)) addOne(path, method);

  return {
    methods,
    maxRequestBytes: () => MAX_REQUEST_BYTES,
    close() {
      groups.close();
      shutdown.end(new Error("The server ends"));
    },
  };
}


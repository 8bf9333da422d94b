import {
  AppendRequest, AppendResponse, HeadRequest, HeadResponse, ReadRequest, ReadResponse, SubscribeRequest, SubscribeResponse, TrackingRequest, TrackingResponse,
} from "millrace/internal/gen/static/umadb/v1/umadb";
import { Ending, linkSignals, onAbort } from "millrace/internal/core/signal";
import { decodeWhole, type Decoder } from "millrace/internal/protobuf/decode";
import { umadbMethods } from "millrace/internal/wire/methods";
import { StatusError, type EmbeddedService, type ServiceContext, type ServiceMethod } from "../service.js";
import { clampBatchSize } from "./batches.js";
import { umadbError } from "./errors.js";
import { healthMethods } from "./health.js";
import { UmaDbStore } from "./store.js";

/** How an embedded UmaDB behaves. */
export interface EmbeddedUmaDbOptions {
  /** The key that each call must bring as `authorization: Bearer …`; none by default, then no call is checked. */
  apiKey?: string | undefined;
}

/** The path prefix that UmaDB's oldest clients use. */
const OLD_PREFIX = "/umadb.UmaDBService/";
const PREFIX = "/umadb.v1.DCB/";
const MAX_U64 = 2n ** 64n - 1n;
const MAX_REQUEST_BYTES = 4 * 1024 * 1024;

/** UmaDB in memory: the real server's methods, semantics and errors, without its disk. */
export function embeddedUmaDb(options: EmbeddedUmaDbOptions = {}): EmbeddedService {
  const store = new UmaDbStore();
  const shutdown = new Ending();
  const methods = new Map<string, ServiceMethod>(healthMethods(shutdown));
  const add = (path: string, method: ServiceMethod): void => {
    const guarded: ServiceMethod = (requests, context) => {
      if (shutdown.reason !== undefined) throw new StatusError(14, "The embedded server is closed");
      checkKey(options.apiKey, context);
      return method(requests, context);
    };
    methods.set(path, guarded);
    methods.set(path.replace(PREFIX, OLD_PREFIX), guarded);
  };
  add(umadbMethods.append.path, unary(AppendRequest, (request) =>
    AppendResponse.encode({ position: store.append(request) }).finish()));
  add(umadbMethods.head.path, unary(HeadRequest, () => HeadResponse.encode({ position: store.head }).finish()));
  add(umadbMethods.trackingInfo.path, unary(TrackingRequest, ({ source }) =>
    TrackingResponse.encode({ position: store.trackingPosition(source) }).finish()));
  add(umadbMethods.read.path, async function* (requests, { signal }) {
    for (const response of store.read(await only(requests, ReadRequest))) {
      if (signal.aborted || shutdown.reason !== undefined) return;
      yield ReadResponse.encode(response).finish();
    }
  });
  add(umadbMethods.subscribe.path, async function* (requests, { signal, begin }) {
    const request = await only(requests, SubscribeRequest);
    begin();
    const over = linkSignals(signal, shutdown);
    try {
      yield* follow(store, request, over.signal);
    } finally {
      over.release();
    }
  });
  return { methods, maxRequestBytes: () => MAX_REQUEST_BYTES, close: () => shutdown.end(new Error("The server ends")) };
}

function checkKey(apiKey: string | undefined, { headers }: ServiceContext): void {
  if (apiKey !== undefined && headers.get("authorization") !== `Bearer ${apiKey}`) {
    throw umadbError("AUTHENTICATION", "authentication error: missing or invalid API key");
  }
}

function unary<Request>(codec: Decoder<Request>, answer: (request: Request) => Uint8Array): ServiceMethod {
  return async function* (requests) {
    yield answer(await only(requests, codec));
  };
}

/** The one request of a call; more are ignored, as the real server does. */
async function only<Request>(requests: AsyncIterable<Uint8Array>, codec: Decoder<Request>): Promise<Request> {
  for await (const bytes of requests) {
    try {
      return decodeWhole(codec, bytes, { strict: true });
    } catch (cause) {
      throw new StatusError(13, `failed to decode the request: ${cause instanceof Error ? cause.message : "malformed"}`);
    }
  }
  throw new StatusError(13, "Missing request message.");
}

/** What lies after a position, then what is appended, until the caller leaves or the server ends. */
async function* follow(store: UmaDbStore, request: SubscribeRequest, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  let after = request.after ?? 0n;
  if (after === MAX_U64) return;
  const size = clampBatchSize(request.batchSize);
  while (!signal.aborted) {
    const changed = nextAppend(store, signal);
    try {
      const scanned = store.head ?? 0n;
      for (const events of store.after(request.query, after, size)) {
        if (signal.aborted) return;
        after = events[events.length - 1]?.position ?? after;
        yield SubscribeResponse.encode({ events }).finish();
      }
      if (scanned > after) after = scanned;
      await changed.happened;
    } finally {
      changed.stop();
    }
  }
}

/** Resolves at the next append, or when the signal is aborted. */
function nextAppend(store: UmaDbStore, signal: AbortSignal): { happened: Promise<void>; stop: () => void } {
  let stop = (): void => {};
  const happened = new Promise<void>((resolve) => {
    const stopAppends = store.onAppend(resolve);
    const stopAbort = onAbort(signal, () => resolve());
    stop = (): void => {
      stopAppends();
      stopAbort();
    };
  });
  return { happened, stop };
}

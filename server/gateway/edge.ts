import { checkOptions, invalidArgument } from "millrace/internal/core/arguments";
import { MESSAGEDB_PATH } from "millrace/internal/wire/messagedb";
import { admit } from "./admission.js";
import { corsHeaders, preflightHeaders } from "./cors.js";
import type { GatewayRequest, ResponseSink } from "./exchange.js";
import { answerFetch } from "./fetch.js";
import { resolveLimits, type Limits } from "./limits.js";
import { silentLog, type GatewayLog } from "./log.js";
import { checkMessageDbSettings, openMessageDb, type MessageDbSettings } from "./messagedb/settings.js";
import type { MessageDbProxy } from "./messagedb/proxy.js";
import { OccasionalWarnings } from "./occasional-warnings.js";
import { checkHost, checkOrigin } from "./option-checks.js";
import { respond } from "./short-answer.js";
import { WaitingBytes } from "./waiting-bytes.js";

/** What an edge gateway serves, to whom, and within which limits. */
export interface EdgeGatewayOptions {
  /** Message DB, and who may do what there: `allow` is nothing by default. */
  messagedb: MessageDbSettings;
  /** Origins of the pages that may use it, such as `https://app.example`; none by default. `null` is never allowed. */
  origins?: readonly string[] | undefined;
  /** Hosts it is reached by, such as `db.example` (any port). Requests for other hosts are refused. */
  hosts: readonly string[];
  /** Limits to change; see {@link Limits} for each and its default. */
  limits?: Partial<Limits> | undefined;
  /**
   * Whether requests may use what others opened. False by default, as Workers want it: each request has connections of
   * its own, and each subscriber polls for itself. True in Deno and Bun: one pool, and one loop for all who follow a category.
   */
  shared?: boolean | undefined;
  /** Where events worth an operator's attention go; nowhere by default. Never gets payloads or credentials. */
  log?: GatewayLog | undefined;
}

/** What a runtime gives beside the request; that of Workers. */
export interface EdgeContext {
  /** Keeps the runtime at work after the response. */
  waitUntil(work: Promise<unknown>): void;
}

/** Answers a request, in any runtime that has web standards and a driver for PostgreSQL. */
export type EdgeGateway<Env = unknown> = (request: Request, env?: Env, context?: EdgeContext) => Promise<Response>;

/**
 * Makes a gateway for Message DB that is one function. Nothing is connected before the first request.
 *
 * @param options What it serves, or a function that makes it of a Worker's bindings, called for each request.
 * @throws {MillraceError} `invalid_argument`, naming the option; with a function, it is each request that rejects.
 */
export function createEdgeGateway<Env = unknown>(options: EdgeGatewayOptions | ((env: Env) => EdgeGatewayOptions)): EdgeGateway<Env> {
  const resolved = typeof options === "function" ? undefined : resolve(options);
  const kept = resolved?.shared === true ? open(resolved) : undefined;
  return async (request, env, context) => {
    const settings = resolved ?? resolve((options as (env: Env) => EdgeGatewayOptions)(env as Env));
    const proxy = kept ?? open({ ...settings, messagedb: { maxConnections: 1, ...settings.messagedb } });
    let over = Promise.resolve();
    const response = await answerFetch((asked, sink) => { over = handle(settings, proxy, asked, sink); }, request);
    if (kept === undefined) {
      // Only then: a runtime that were told before to wait would keep a stream's connections when its reader has left.
      void over.then(() => {
        const closed = proxy.close();
        context?.waitUntil(closed);
      });
    }
    return response;
  };
}

const OPTIONS = ["messagedb", "origins", "hosts", "limits", "shared", "log"] as const satisfies readonly (keyof EdgeGatewayOptions)[];

type Resolved = ReturnType<typeof resolve>;

function resolve(options: EdgeGatewayOptions) {
  checkOptions("options", options, OPTIONS, "");
  const { messagedb, origins = [], hosts, limits, shared = false, log = silentLog } = options;
  if (!Array.isArray(origins)) throw invalidArgument("origins", origins, "must be an array");
  if (!Array.isArray(hosts) || hosts.length === 0) throw invalidArgument("hosts", hosts, "must name the hosts by which the gateway is reached: requests for others are refused");
  if (typeof shared !== "boolean") throw invalidArgument("shared", shared, "must be a boolean");
  checkMessageDbSettings(messagedb, "messagedb");
  return { messagedb, origins: new Set(origins.map(checkOrigin)), hosts: new Set(hosts.map(checkHost)), loopback: false, limits: resolveLimits(limits), shared, log };
}

function open({ messagedb, limits, shared, log }: Resolved): ReturnType<typeof openMessageDb> {
  return openMessageDb(messagedb, { allowAll: false, shared, limits, waiting: new WaitingBytes(limits), warnings: new OccasionalWarnings(log) });
}

/** Resolves when the database is not needed any more. */
async function handle(settings: Resolved, proxy: MessageDbProxy, request: GatewayRequest, sink: ResponseSink): Promise<void> {
  const admission = admit(request, settings);
  if (!admission.admitted) return respond(sink, 403);
  if (request.method === "OPTIONS") return respond(sink, 204, preflightHeaders(admission.origin, request.headers));
  if (request.target === "/health") return respond(sink, 200, { "content-type": "application/json", "cache-control": "no-store" }, '{"status":"ok"}');
  if (!request.target.startsWith(MESSAGEDB_PATH)) return respond(sink, 404, corsHeaders(admission.origin));
  if (request.method !== "GET" && request.method !== "POST") return respond(sink, 405, { allow: "GET, OPTIONS, POST" });
  return proxy.handle(request, sink, admission.origin);
}

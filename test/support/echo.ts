import { createServer, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import type { ExtraUpstream } from "millrace-server/gateway";
import { EchoService, FailureSchema, type Failure } from "./proto/echo_pb.js";

/** A server of {@link EchoService}: native gRPC without TLS on a free port of 127.0.0.1. */
export interface EchoServer {
  readonly url: string;
  /** Breaks every connection, without a word. */
  cut(): void;
  close(): Promise<void>;
}

/** Starts a server of its own. */
export async function startEchoServer(): Promise<EchoServer> {
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer({ settings: { initialWindowSize: 65_535 } }, connectNodeAdapter({ routes: echoRoutes() }));
  server.on("session", (session) => {
    sessions.add(session);
    session.on("error", () => undefined);
    session.on("close", () => sessions.delete(session));
  });
  server.on("sessionError", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cut = (): void => { for (const session of sessions) session.destroy(); };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    close: () => new Promise((resolve) => {
      server.close(() => resolve());
      cut();
    }),
  };
}

/** A gateway's entry for an echo server. */
export function echoUpstream({ url }: Pick<EchoServer, "url">): ExtraUpstream {
  const method = (name: string, kind: ExtraUpstream["methods"][number]["kind"]): ExtraUpstream["methods"][number] => (
    { path: `/${EchoService.typeName}/${name}`, kind, lane: kind === "unary" ? "short" : "live", cancel: "delayed", repeatable: false }
  );
  return { url, methods: [method("Echo", "unary"), method("Count", "server"), method("Collect", "client"), method("Chat", "bidi"), method("Open", "unary")] };
}

/** The service, with a count of open calls of its own. Also for a transport in memory. */
export function echoRoutes(): (router: ConnectRouter) => void {
  const open = new Map<string, number>();
  const enter = (context: HandlerContext): void => {
    const name = context.requestHeader.get("echo-name") ?? "";
    open.set(name, (open.get(name) ?? 0) + 1);
    // Fires at every end of a call, the proper one too.
    context.signal.addEventListener("abort", () => open.set(name, (open.get(name) ?? 0) - 1), { once: true });
    context.responseHeader.set("echo-header", context.requestHeader.get("echo-header") ?? "");
    context.responseHeader.set("echo-bin", context.requestHeader.get("echo-bin") ?? "");
    context.responseHeader.set("echo-has-limit", String(context.timeoutMs() !== undefined));
    context.responseTrailer.set("echo-trailer", "at the end");
    context.responseTrailer.set("echo-trailer-bin", "AAH/");
  };
  return (router) => router.service(EchoService, {
    async echo({ text, data, delayMs, failure }, context) {
      enter(context);
      await pause(delayMs, context.signal);
      fail(failure);
      return { text, data };
    },
    async *count({ to, pauseMs, paddingBytes, failure }, context) {
      enter(context);
      const padding = new Uint8Array(paddingBytes);
      for (let number = 1; number <= to; number++) {
        if (number > 1) await pause(pauseMs, context.signal);
        yield { number, padding };
      }
      fail(failure);
    },
    async collect(requests, context) {
      enter(context);
      const texts: string[] = [];
      for await (const { text } of requests) texts.push(text);
      return { texts };
    },
    async *chat(requests, context) {
      enter(context);
      let number = 0;
      for await (const { text } of requests) yield { text, number: ++number };
    },
    open: ({ name }) => ({ calls: open.get(name) ?? 0 }),
  });
}

function fail(failure: Failure | undefined): void {
  if (failure === undefined) return;
  const metadata = { "echo-failure": "with metadata", "echo-failure-bin": "/wAB" };
  throw new ConnectError(failure.message, failure.code, metadata, [{ desc: FailureSchema, value: failure }]);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms === 0) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new ConnectError("The caller has left", Code.Canceled));
    }, { once: true });
  });
}

import { build } from "esbuild";
import { describe, expect, it } from "vitest";
import { allMethods, eventstoredbMethods, kubemqMethods, umadbMethods } from "../../src/wire/methods.js";
import type { MethodKind } from "../../src/wire/call-kinds.js";
import { generatedFile, protoFiles } from "../support/generated.js";

const kinds: Record<string, MethodKind> = {
  unary: "unary",
  server_streaming: "server",
  client_streaming: "client",
  bidi_streaming: "bidi",
};

/** Path -> kind of every method that the .proto files declare. */
async function declaredMethods(): Promise<Map<string, MethodKind | undefined>> {
  const files = await Promise.all((await protoFiles()).map(generatedFile));
  const methods = files.flatMap((file) => file.services).flatMap((service) => service.methods);
  return new Map(methods.map((method) => [`/${method.parent.typeName}/${method.name}`, kinds[method.methodKind]]));
}

const byPath = ([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number => (one < other ? -1 : 1);

describe("allMethods()", () => {
  it("has each method of the .proto files, of the kind declared there, and no other", async () => {
    const declared = [...(await declaredMethods())].sort(byPath);
    const listed = [...allMethods()].map(([path, method]) => [path, method.kind] as const).sort(byPath);
    expect(declared.length).toBeGreaterThan(70);
    expect(listed).toEqual(declared);
  });

  it("gives each method under its own path", () => {
    for (const [path, method] of allMethods()) expect(method.path).toBe(path);
  });

  it("names no path twice", () => {
    const paths = [umadbMethods, eventstoredbMethods, kubemqMethods].flatMap((table) => Object.values(table).map(({ path }) => path));
    expect(new Set(paths).size).toBe(paths.length);
  });

  it("leaves out what is between nodes or on a local socket, so that a gateway never reaches it", () => {
    const services = new Set([...allMethods().keys()].map((path) => path.split("/")[1]));
    for (const service of ["event_store.cluster.Gossip", "event_store.cluster.Elections", "kurrent.client.redaction.Redaction", "event_store.client.redaction.Redaction"]) {
      expect(services).not.toContain(service);
    }
  });
});

describe("a method's lane", () => {
  const lanes = (lane: string): string[] => [...allMethods().values()].filter((method) => method.lane === lane).map(({ path }) => path).sort();

  it("is `live` for subscriptions and for calls in both directions", () => {
    expect(lanes("live")).toEqual([
      "/event_store.client.monitoring.Monitoring/Stats",
      "/event_store.client.persistent_subscriptions.PersistentSubscriptions/Read",
      "/event_store.client.streams.Streams/BatchAppend",
      "/grpc.health.v1.Health/Watch",
      "/kubemq.kubemq/QueuesDownstream",
      "/kubemq.kubemq/QueuesUpstream",
      "/kubemq.kubemq/SendEventsStream",
      "/kubemq.kubemq/StreamQueueMessage",
      "/kubemq.kubemq/SubscribeToEvents",
      "/kubemq.kubemq/SubscribeToRequests",
      "/umadb.v1.DCB/Subscribe",
    ]);
  });

  it("is `append` for UmaDB's append alone, whose conflict can freeze a session", () => {
    expect(lanes("append")).toEqual(["/umadb.v1.DCB/Append"]);
  });
});

describe("a method's cancel rule", () => {
  it("is `never` where a cancel harms strangers: UmaDB's append and KubeMQ's upstream", () => {
    const never = [...allMethods().values()].filter((method) => method.cancel === "never").map(({ path }) => path);
    expect(never).toEqual(["/umadb.v1.DCB/Append", "/kubemq.kubemq/QueuesUpstream"]);
  });
});

describe("a method's `repeatable`", () => {
  const reading = /\/(Read|Subscribe|Head|GetTrackingInfo|Check|Watch|GetInfo|List|Get|Statistics|State|Result|Details|Stats|GetSupportedMethods|Ping|QueuesInfo)$/;

  it("is true for reads only", () => {
    for (const { path, repeatable } of allMethods().values()) if (repeatable) expect(path).toMatch(reading);
  });

  it("is false for a read that takes what it delivers", () => {
    expect(eventstoredbMethods.persistentRead.repeatable).toBe(false);
    expect(kubemqMethods.receiveQueueMessages.repeatable).toBe(false);
    expect(kubemqMethods.subscribeToEvents.repeatable).toBe(false);
    expect(kubemqMethods.subscribeToRequests.repeatable).toBe(false);
  });
});

describe("the methods of one system", () => {
  it("come into a bundle without those of the others", async () => {
    const page = `import { umadbMethods } from "./methods.js"; console.log(umadbMethods.append.path);`;
    const bundle = await build({
      stdin: { contents: page, resolveDir: new URL("../../src/wire", import.meta.url).pathname },
      bundle: true,
      write: false,
      format: "esm",
    });
    const text = bundle.outputFiles[0]?.text;
    expect(text).toContain("/umadb.v1.DCB/Append");
    expect(text).not.toContain("event_store");
    expect(text).not.toContain("kubemq");
  });
});

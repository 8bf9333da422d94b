import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** Stands before a server and, when told, cuts a connection around one exchange. */
export interface AnswerCutter {
  readonly port: number;
  /** The next request reaches the server, and the connection is cut when its answer comes. */
  cutAnswer(): void;
  /** The next request does not reach the server: the connection is cut instead. */
  cutRequest(): void;
  /** The next request reaches the server, and its answer is kept back until the promise is settled; then the connection is cut. */
  cutAnswerAfter(wait: Promise<unknown>): void;
  /** How many times it has cut. */
  readonly cuts: number;
  close(): Promise<void>;
}

type Order = { readonly what: "request" } | { readonly what: "answer"; readonly wait?: Promise<unknown> };

/** Starts one on a free port of 127.0.0.1. @param target The server's port there. */
export async function startAnswerCutter(target: number): Promise<AnswerCutter> {
  const sockets = new Set<Socket>();
  let order: Order | undefined;
  let cuts = 0;

  const server = createServer((client) => {
    const upstream = connect(target, "127.0.0.1");
    let cutting: Extract<Order, { what: "answer" }> | undefined;
    const cut = (): void => {
      cuts += 1;
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on("data", (bytes) => {
      if (order !== undefined && cutting === undefined) {
        const { what } = order;
        if (order.what === "answer") cutting = order;
        order = undefined;
        if (what === "request") return cut();
      }
      upstream.write(bytes);
    });
    upstream.on("data", (bytes) => {
      if (cutting === undefined) client.write(bytes);
      else void Promise.resolve(cutting.wait).then(cut, cut);
    });
  });
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve); });
  return {
    port: (server.address() as AddressInfo).port,
    cutAnswer() { order = { what: "answer" }; },
    cutRequest() { order = { what: "request" }; },
    cutAnswerAfter(wait) { order = { what: "answer", wait }; },
    get cuts() { return cuts; },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => { server.close(resolve); });
    },
  };
}

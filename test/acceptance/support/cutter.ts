import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A TCP proxy before an HTTP/1.1 server that resets a connection after a request with a given path went through. */
export interface Cutter {
  readonly url: string;
  /** Whether the connection of this request, given with its body as text, is cut. */
  cuts(request: string): boolean;
  /** Connections cut so far. */
  readonly count: number;
  /** Nothing moves any more on the connections there are, and nothing says so. */
  freeze(): void;
  close(): Promise<void>;
}

export async function startCutter(target: { port(): number; path: string; delayMs(): number }): Promise<Cutter> {
  const open = new Set<Socket>();
  let count = 0;
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ host: "127.0.0.1", port: target.port(), noDelay: true });
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on("error", () => undefined);
    }
    const end = (): void => {
      for (const socket of [client, upstream]) {
        open.delete(socket);
        socket.destroy();
      }
    };
    let unanswered = "";
    client.on("data", (chunk: Buffer) => {
      unanswered += chunk.toString("latin1");
      upstream.write(chunk, () => {
        if (!isComplete(unanswered, target.path) || !cutter.cuts(unanswered)) return;
        count++;
        setTimeout(() => {
          client.resetAndDestroy();
          upstream.resetAndDestroy();
        }, target.delayMs());
      });
    });
    upstream.on("data", (chunk: Buffer) => {
      unanswered = "";
      client.write(chunk);
    });
    client.on("close", end);
    upstream.on("close", end);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cutter: Cutter = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cuts: () => true,
    get count() {
      return count;
    },
    freeze() {
      for (const socket of open) socket.pause();
    },
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return cutter;
}

/** Whether the text ends with a whole request to that path: the cut shall come after sending, not in it. */
function isComplete(text: string, path: string): boolean {
  const start = text.lastIndexOf(`POST ${path} `);
  if (start < 0) return false;
  const head = text.indexOf("\r\n\r\n", start);
  const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(start, head))?.[1];
  return head > 0 && length !== undefined && text.length >= head + 4 + Number(length);
}

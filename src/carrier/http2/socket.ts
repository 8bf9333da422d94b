import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { ResolvedUpstreamOptions } from "./options.js";

/** A socket on its way to the server; over TLS it offers HTTP/2 and nothing else. */
export function dial({ url, secure, ca }: ResolvedUpstreamOptions): Socket {
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const port = Number(url.port) || (secure ? 443 : 80);
  if (!secure) return connectTcp({ host, port, noDelay: true });
  const socket = connectTls({ host, port, ALPNProtocols: ["h2"], ...(ca === undefined ? {} : { ca: [...ca] }) });
  socket.setNoDelay(true);
  socket.once("secureConnect", () => {
    // Without this check a web server would answer the preface with an error page, and that with a protocol error.
    if (socket.alpnProtocol !== "h2") socket.destroy(new Error("The server does not offer HTTP/2"));
  });
  return socket;
}

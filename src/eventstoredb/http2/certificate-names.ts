import { checkServerIdentity, connect } from "node:tls";
import type { NodeEndpoint } from "../endpoint.js";

/** Where a node is that is trusted already, and by whose certificates. */
export interface TrustedNode {
  readonly endpoint: NodeEndpoint;
  /** Certificate authorities (PEM); the system's if `undefined`. */
  readonly ca: string | undefined;
  readonly timeoutMs: number;
}

/**
 * Whether the certificate with which a trusted node answers names `host` too, as the certificates of a cluster's nodes
 * often do. False when that node cannot be asked.
 */
export function isNamedByCertificate(host: string, { endpoint, ca, timeoutMs }: TrustedNode): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: bare(endpoint.host), port: endpoint.port, ALPNProtocols: ["h2"], timeout: timeoutMs, ...(ca === undefined ? {} : { ca }) });
    const done = (named: boolean): void => {
      resolve(named);
      socket.destroy();
    };
    socket.once("secureConnect", () => done(socket.authorized && checkServerIdentity(bare(host), socket.getPeerCertificate()) === undefined));
    socket.once("error", () => done(false));
    socket.once("timeout", () => done(false));
    socket.once("close", () => resolve(false));
  });
}

function bare(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1");
}

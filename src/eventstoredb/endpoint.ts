/** A node of a cluster: where its one port is. */
export interface NodeEndpoint {
  /** A name or an IPv4 address in lower case, or an IPv6 address in brackets. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
}

const HOST = /^([a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_.])?|\[[0-9a-f:.]+\])$/;

/**
 * Host and port in the one form in which they are compared, or `undefined` if they are none.
 *
 * @param host An IPv6 address may lack its brackets.
 */
export function parseEndpoint(host: string, port: number): NodeEndpoint | undefined {
  const lower = host.toLowerCase();
  const name = /^[0-9a-f:.]*:[0-9a-f:.]*$/.test(lower) ? `[${lower}]` : lower;
  return HOST.test(name) && Number.isInteger(port) && port >= 1 && port <= 65_535 ? { host: name, port } : undefined;
}

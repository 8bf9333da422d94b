/** Takes what an operator should know, as structured fields and a sentence; a pino logger fits. */
export interface GatewayLog {
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
}

/** Says nothing. */
export const silentLog: GatewayLog = { info: () => undefined, warn: () => undefined };

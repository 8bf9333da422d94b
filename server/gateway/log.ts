/** Takes what an operator should know, as structured fields and a sentence; a pino logger fits. */
export interface GatewayLog {
  /** Something that an operator expects. */
  info(fields: object, text: string): void;
  /** Something that an operator should look at. */
  warn(fields: object, text: string): void;
}

/** Says nothing. */
export const silentLog: GatewayLog = { info: () => undefined, warn: () => undefined };

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** Resolves with the signal that asks this process to end; a second one, of either kind, ends it at once. */
export function terminated(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const asked = (signal: NodeJS.Signals): void => {
      for (const each of SIGNALS) process.off(each, asked);
      resolve(signal);
    };
    for (const each of SIGNALS) process.on(each, asked);
  });
}

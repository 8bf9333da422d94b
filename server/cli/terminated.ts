/** Resolves with the signal that asks this process to end; a second one ends it at once. */
export function terminated(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve(signal));
  });
}

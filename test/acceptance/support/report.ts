/** Collects what a script finds out and says it in lines that a person and a program can read. */
export class Report {
  #failed = 0;
  readonly #since = performance.now();

  /** One promise: whether it was kept, and by how much. */
  check(promise: string, kept: boolean, figures: unknown = ""): void {
    if (!kept) this.#failed++;
    console.log(`${kept ? "PASS" : "FAIL"}  ${promise}${figures === "" ? "" : `  [${show(figures)}]`}`);
  }

  /** A figure that promises nothing. */
  note(what: string, figures: unknown): void {
    console.log(`      ${what}: ${show(figures)}`);
  }

  /** Sets the exit code. */
  finish(): void {
    console.log(`      took ${((performance.now() - this.#since) / 1_000).toFixed(1)} s`);
    process.exitCode = this.#failed === 0 ? 0 : 1;
  }
}

function show(figures: unknown): string {
  if (typeof figures === "string") return figures;
  return JSON.stringify(figures, (_, value: unknown) => (typeof value === "bigint" ? String(value) : typeof value === "number" ? Math.round(value * 100) / 100 : value));
}

/** The figures of a distribution that promises are made of. */
export function spread(values: readonly number[]): { n: number; p50: number; p99: number; max: number } {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
  return { n: sorted.length, p50: at(0.5), p99: at(0.99), max: sorted[sorted.length - 1] ?? NaN };
}

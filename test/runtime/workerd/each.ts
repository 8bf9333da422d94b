/** Registers a test for each row; a row that is a list is spread over the body's parameters. */
export type Each = <Row>(rows: readonly Row[]) => (name: string, body: (...row: never[]) => unknown, timeoutMs?: number) => void;

type Register = (name: string, body: () => unknown, timeoutMs?: number) => void;

/** `it.each` over a given `it`. */
export function eachOf(register: Register): Each {
  return (rows) => (name, body, timeoutMs) => {
    for (const row of rows) {
      const values: readonly unknown[] = Array.isArray(row) ? row : [row];
      register(nameOf(name, row, values), () => body(...(values as never[])), timeoutMs);
    }
  };
}

/** `%s` and its like take the row's values in their order, `$name` a member of a row that is an object. */
function nameOf(name: string, row: unknown, values: readonly unknown[]): string {
  let next = 0;
  return name
    .replace(/%[sdifjo]/g, () => String(values[next++]))
    .replace(/\$(\w+)/g, (all, key: string) => (typeof row === "object" && row !== null && key in row ? String(Reflect.get(row, key)) : all));
}

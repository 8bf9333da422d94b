const COLUMNS = ["name", "shape", "ours", "peer", "ratio", "spread", "unit", "runtime"];
const NUMBERS = new Set(["ours", "peer", "ratio", "spread"]);

/** Rows as a Markdown table, aligned for a terminal. */
export function tableOf(rows) {
  const cells = [COLUMNS, ...rows.map((row) => COLUMNS.map((column) => textOf(row[column])))];
  const widths = COLUMNS.map((_, n) => Math.max(3, ...cells.map((line) => line[n].length)));
  const line = (texts) => `| ${texts.map((text, n) => (NUMBERS.has(COLUMNS[n]) ? text.padStart(widths[n]) : text.padEnd(widths[n]))).join(" | ")} |`;
  const rule = COLUMNS.map((column, n) => (NUMBERS.has(column) ? `${"-".repeat(widths[n] - 1)}:` : "-".repeat(widths[n])));
  return [line(cells[0]), `| ${rule.join(" | ")} |`, ...cells.slice(1).map(line)].join("\n");
}

function textOf(value) {
  return value === null ? "" : String(value);
}

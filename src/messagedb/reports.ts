import type { SqlExecutor } from "./sql-executor.js";

/** The reports by our name: Message DB's view, and the columns that say what is counted. */
export const REPORTS = {
  streamSummary: ["stream_summary", "stream"],
  typeSummary: ["type_summary", "type"],
  streamTypeSummary: ["stream_type_summary", "stream", "type"],
  typeStreamSummary: ["type_stream_summary", "type", "stream"],
  categoryTypeSummary: ["category_type_summary", "category", "type"],
  typeCategorySummary: ["type_category_summary", "type", "category"],
} as const;

/** The name of a report. */
export type ReportName = keyof typeof REPORTS;

/** A row of a report: what is counted, in the order of {@link REPORTS}, then the count and the percentage, all as text. */
export type ReportRow = readonly string[];

/** A report in the order of Message DB's view. */
export async function readReport(sql: SqlExecutor, report: ReportName, signal?: AbortSignal): Promise<ReportRow[]> {
  const [view, ...counted] = REPORTS[report];
  const columns = [...counted.map((name) => (name === "stream" ? "stream_name" : name)), "message_count", "percent"];
  const { rows } = await sql.query(`SELECT ${columns.map((column) => `${column}::text`).join(", ")} FROM message_store.${view}`, [], signal);
  return rows as ReportRow[];
}

/** A row of a report as its reader gets it. `Row` is that of the report. */
export function toReportRow<Row>(report: ReportName, row: ReportRow): Row {
  const [, ...counted] = REPORTS[report];
  const named = Object.fromEntries(counted.map((name, index) => [name, row[index]]));
  return { ...named, count: BigInt(row[counted.length] as string), percent: Number(row[counted.length + 1]) } as Row;
}

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { filesOf } from "../../scripts/checks/files.mjs";

const repository = fileURLToPath(new URL("../..", import.meta.url));

/** A fenced block of a document. */
export interface CodeBlock {
  readonly file: string;
  /** Where it begins, counted from 1. */
  readonly line: number;
  /** `ts`, `sh`, … */
  readonly language: string;
  /** What stands behind the language on the fence. */
  readonly info: string;
  readonly code: string;
}

/** The code blocks of everything that users read. */
export async function documentedCode(): Promise<CodeBlock[]> {
  const files = filesOf(repository, (path) => /^((server\/)?README|docs\/[\w-]+)\.md$/.test(path));
  const texts = await Promise.all(files.map(async (file) => ({ file, text: await readFile(join(repository, file), "utf8") })));
  return texts.flatMap(({ file, text }) => blocksIn(file, text));
}

/** @throws When a fence is never closed: everything behind it would go unread. */
export function blocksIn(file: string, text: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let open: { line: number; fence: string; indent: string; language: string; info: string; lines: string[] } | undefined;
  for (const [index, line] of text.split("\n").entries()) {
    if (open === undefined) {
      const [, indent = "", fence = "", language = "", info = ""] = /^(\s*)(`{3,})(\S*)\s*(.*)$/.exec(line) ?? [];
      if (fence !== "") open = { line: index + 1, fence, indent, language, info, lines: [] };
    } else if (line.trim() === open.fence) {
      const { lines, language, info } = open;
      blocks.push({ file, line: open.line, language, info, code: lines.join("\n") });
      open = undefined;
    } else {
      open.lines.push(line.startsWith(open.indent) ? line.slice(open.indent.length) : line);
    }
  }
  if (open !== undefined) throw new Error(`${file}:${open.line} opens a block that is never closed`);
  return blocks;
}

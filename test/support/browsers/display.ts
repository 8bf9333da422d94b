import { createInterface } from "node:readline";
import { startGroup } from "./group.js";

/** A screen that nobody sees. */
export interface Display {
  /** As the environment variable DISPLAY wants it. */
  readonly name: string;
  close(): Promise<void>;
}

/** Starts an X server in memory. It finds a free number by itself and says which, so that two never fight for one. */
export async function startDisplay(): Promise<Display> {
  const server = startGroup("Xvfb", ["-displayfd", "3", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"]);
  const { extra } = server;
  if (extra === null) throw new Error("Xvfb has no descriptor to answer on");
  const number = await new Promise<string>((resolve) => {
    createInterface({ input: extra }).once("line", resolve).once("close", () => resolve(""));
  });
  if (number !== "") return { name: `:${number}`, close: () => server.end() };
  await server.end();
  throw new Error(`There is no Xvfb, or it does not start: run \`npm run setup:test\`\n${server.output()}`);
}

import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** What {@link PROBE} answers, without the program's knowing. */
const PROBED = ["cpu", "rss"];

/** Lets any program be asked for its CPU time and its memory over IPC. */
const PROBE = `
process.on("message", (question) => {
  if (question === "cpu") {
    const { user, system } = process.cpuUsage();
    process.send({ cpu: user + system });
  }
  if (question === "rss") {
    process.send({ rss: process.memoryUsage.rss() });
  }
});
process.channel?.unref();
`;

/**
 * A program in a process of its own. It announces itself with one message or one line on stdout, and answers messages.
 *
 * @param {string} program Path below bench/, or an absolute one.
 * @param {object} [options]
 * @param {boolean} [options.quiet] Nothing of what it logs is shown.
 */
export async function start(program, args = [], { quiet = false } = {}) {
  const path = program.startsWith("/") ? program : fileURLToPath(new URL(`../${program}`, import.meta.url));
  const child = fork(path, args, {
    stdio: ["ignore", "pipe", quiet ? "ignore" : "inherit", "ipc"],
    execArgv: ["--expose-gc", "--import", `data:text/javascript,${encodeURIComponent(PROBE)}`],
  });
  const killWithUs = () => child.kill("SIGKILL");
  process.once("exit", killWithUs);
  const ended = once(child, "exit").then(([code]) => {
    process.off("exit", killWithUs);
    if (!stopped) throw new Error(`${program} ended with ${code}`);
  });
  let stopped = false;
  const announced = Promise.race([once(child, "message").then(([message]) => message), once(child.stdout, "data").then(([line]) => JSON.parse(line)), ended]);
  const ready = await announced;
  return {
    ready,
    async ask(question) {
      const answer = once(child, "message");
      child.send(question);
      return (await Promise.race([answer, ended]))[0];
    },
    /** CPU time so far, user and system, in microseconds. */
    async cpu() {
      return (await this.ask("cpu")).cpu;
    },
    /** Memory that the system counts for it now, in bytes. */
    async rss() {
      return (await this.ask("rss")).rss;
    },
    async stop() {
      stopped = true;
      child.kill("SIGTERM");
      await ended;
    },
  };
}

/** What a program of {@link start} does: it answers each message but the probe's own by calling `answer`; a rejection ends it. */
export function serveQuestions(answer, announcement) {
  // The probe lets go of the channel for programs that end by themselves; these live by it.
  process.channel.ref();
  const reply = async (question) => process.send(await answer(question));
  process.on("message", (question) => {
    if (!PROBED.includes(question)) void reply(question);
  });
  process.send(announcement ?? "ready");
}

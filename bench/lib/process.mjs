import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** Lets any program be asked for its CPU time over IPC, without its knowing. */
const PROBE = `
process.on("message", (question) => {
  if (question !== "cpu") return;
  const { user, system } = process.cpuUsage();
  process.send({ cpu: user + system });
});
process.channel?.unref();
`;

/**
 * A program in a process of its own. It announces itself with one message or one line on stdout, and answers messages.
 *
 * @param program Path below bench/, or an absolute one.
 */
export async function start(program, args = []) {
  const path = program.startsWith("/") ? program : fileURLToPath(new URL(`../${program}`, import.meta.url));
  const child = fork(path, args, { stdio: ["ignore", "pipe", "inherit", "ipc"], execArgv: ["--import", `data:text/javascript,${encodeURIComponent(PROBE)}`] });
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
    async stop() {
      stopped = true;
      child.kill("SIGTERM");
      await ended;
    },
  };
}

/** What a program of {@link start} does: it answers each message but the probe's own by calling `answer`. */
export function serveQuestions(answer, announcement) {
  // The probe lets go of the channel for programs that end by themselves; these live by it.
  process.channel.ref();
  process.on("message", async (question) => {
    if (question !== "cpu") process.send(await answer(question));
  });
  process.send(announcement ?? "ready");
}

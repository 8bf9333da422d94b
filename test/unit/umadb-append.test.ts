import { isMillraceError, MillraceError } from "millrace";
import type { Carrier, CarrierCall, CarrierResponse } from "millrace/internal/carrier/types";
import { encodeEnvelope } from "millrace/internal/wire/frames";
import type { Trailers } from "millrace/internal/wire/trailers";
import { UmaDb, type NewEvent, type UmaDbOptions } from "millrace/umadb";
import { describe, expect, it } from "vitest";

type Answer = Uint8Array[] | Trailers | Error | "never";

/** A carrier that gives the answers listed for each method in turn, and keeps what was sent. */
function scripted(script: Record<string, Answer[]>): { carrier: Carrier; sent: { method: string; message: Uint8Array }[] } {
  const sent: { method: string; message: Uint8Array }[] = [];
  const call = (given: CarrierCall): CarrierResponse => {
    const method = given.path.split("/").at(-1) ?? "";
    const [message] = given.messages as Iterable<Uint8Array>;
    sent.push({ method, message: message as Uint8Array });
    const answer = script[method]?.shift();
    if (answer === undefined) throw new Error(`Nobody expected another ${method}`);
    return respond(answer, given.signal);
  };
  return { carrier: { call, close: async () => {} }, sent };
}

function respond(answer: Answer, signal: AbortSignal | undefined): CarrierResponse {
  const aborted = new Promise<never>((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason as Error)));
  aborted.catch(() => {});
  const chunks = Array.isArray(answer) ? answer.map(encodeEnvelope) : [];
  const ok: Trailers = { status: 0, message: "", headers: new Headers() };
  const fail = answer instanceof Error ? Promise.reject(answer) : undefined;
  fail?.catch(() => {});
  return {
    headers: Promise.resolve(new Headers()),
    chunks: {
      next: async () => {
        if (fail !== undefined) return fail;
        if (answer === "never") return aborted;
        const value = chunks.shift();
        return value === undefined ? { done: true, value: undefined } : { done: false, value };
      },
      return: async () => ({ done: true, value: undefined }),
    },
    trailers: fail ?? (answer === "never" ? aborted : Promise.resolve("status" in answer ? (answer as Trailers) : ok)),
  };
}

const one: NewEvent = { type: "A", tags: ["t"], data: new Uint8Array([1]), uuid: "00000000-0000-4000-8000-000000000001" };
const condition = { failIfEventsMatch: { items: [{ tags: ["t"] }] } };
const position = (n: number): Uint8Array => Uint8Array.of(8, n);
const lost = new MillraceError("unavailable", "The connection was lost", { applied: "unknown" });
const nothing = Uint8Array.of();
const status = (code: number, message: string): Trailers => ({ status: code, message, headers: new Headers() });
const db = (carrier: Carrier, more: Partial<UmaDbOptions> = {}): UmaDb => new UmaDb({ carrier, retry: { baseMs: 1 }, ...more });

describe("UmaDb.append() when its answer does not come", () => {
  it("without a condition rejects with an unknown outcome, and sends nothing again", async () => {
    const { carrier, sent } = scripted({ Append: [lost] });
    await expect(db(carrier).append([one])).rejects.toMatchObject({ code: "unavailable", applied: "unknown" });
    expect(sent.map(({ method }) => method)).toEqual(["Append"]);
  });

  it("with a condition reads, and sends the same bytes once more when nothing is there", async () => {
    const { carrier, sent } = scripted({ Append: [lost, [position(7)]], Read: [[nothing]] });
    expect(await db(carrier).append([one], { condition })).toBe(7n);
    expect(sent.map(({ method }) => method)).toEqual(["Append", "Read", "Append"]);
    expect(sent[2]?.message).toEqual(sent[0]?.message);
  });

  it("reads as long as it takes, within the time of the append", async () => {
    const away = new MillraceError("unavailable", "away");
    const { carrier, sent } = scripted({ Append: [lost, [position(7)]], Read: [...Array<Error>(8).fill(away), [nothing]] });
    expect(await db(carrier).append([one], { condition })).toBe(7n);
    expect(sent).toHaveLength(11);
  });

  it("rejects with the first error when settling leaves it open", async () => {
    const { carrier } = scripted({ Append: [lost, lost], Read: [[nothing], [nothing]] });
    await expect(db(carrier).append([one], { condition })).rejects.toMatchObject({ message: "The connection was lost", applied: "unknown" });
  });

  // 49
  it("within `timeoutMs` rejects with `timeout` and an unknown outcome", async () => {
    const { carrier, sent } = scripted({ Append: ["never"] });
    await expect(db(carrier).append([one], { condition, timeoutMs: 30 })).rejects.toMatchObject({ code: "timeout", applied: "unknown" });
    expect(sent).toHaveLength(1);
  });

  it("settles no longer than `timeoutMs`, and then rejects with the error of the append", async () => {
    const { carrier } = scripted({ Append: [lost], Read: ["never"] });
    await expect(db(carrier).append([one], { condition, timeoutMs: 50 })).rejects.toMatchObject({ message: "The connection was lost", applied: "unknown" });
  });

  it("rejects with the caller's reason when it is aborted while it is settled", async () => {
    const { carrier, sent } = scripted({ Append: [lost], Read: ["never"] });
    const controller = new AbortController();
    const reason = new Error("enough");
    const appended = db(carrier).append([one], { condition, signal: controller.signal });
    await expect.poll(() => sent.length).toBe(2);
    controller.abort(reason);
    await expect(appended).rejects.toBe(reason);
  });
});

describe("UmaDb.append() when nothing was written", () => {
  // 48
  it("tries again after `cancelled by user`, which somebody else's cancel causes", async () => {
    const cancelled = status(13, "cancelled by user");
    const { carrier, sent } = scripted({ Append: [cancelled, cancelled, [position(3)]] });
    expect(await db(carrier).append([one])).toBe(3n);
    expect(sent).toHaveLength(3);
    expect(new Set(sent.map(({ message }) => String(message)))).toHaveProperty("size", 1);
  });

  it("tries as often as `retry` says, then rejects with `unavailable` and nothing applied", async () => {
    const refused = new MillraceError("unavailable", "refused", { applied: "no" });
    const { carrier, sent } = scripted({ Append: [refused, refused, refused, refused] });
    await expect(db(carrier, { retry: { attempts: 3, baseMs: 1 } }).append([one])).rejects.toMatchObject({ code: "unavailable", applied: "no" });
    expect(sent).toHaveLength(3);
    const once = scripted({ Append: [refused] });
    await expect(db(once.carrier, { retry: false }).append([one])).rejects.toMatchObject({ code: "unavailable" });
  });

  it("does not try again after a conflict, a refusal or an error that the server made", async () => {
    for (const code of [3, 7, 9, 13, 15]) {
      const { carrier, sent } = scripted({ Append: [status(code, "no")] });
      expect(isMillraceError(await db(carrier).append([one]).catch((error: unknown) => error))).toBe(true);
      expect(sent).toHaveLength(1);
    }
  });
});

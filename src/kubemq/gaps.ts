import type { ReceivedEvent } from "./types.js";

type Next = () => Promise<ReceivedEvent[] | undefined>;

/**
 * Events in the order of their numbers, without holes. A broker drops a stored event for a reader that was too slow for
 * it and says nothing: a hole is what tells. A number that is not past the last one is a channel that was emptied and
 * began again at 1.
 *
 * @param last The number before the first event that is to come; `undefined` where nobody knows it.
 * @param mend The events from a number up to, but without, another; fewer where the broker no longer has all.
 * @param miss Told that events were missed for good.
 */
export function contiguous(next: Next, last: bigint | undefined, mend: (from: bigint, to: bigint) => Promise<ReceivedEvent[]>, miss: () => void): Next {
  let known = last;
  return async () => {
    const batch = await next();
    if (batch === undefined || isNext(batch, known)) {
      known = batch?.at(-1)?.sequence ?? known;
      return batch;
    }
    const whole: ReceivedEvent[] = [];
    for (const event of batch) {
      const { sequence } = event;
      if (known !== undefined && sequence <= known) known = 0n;
      if (known !== undefined && sequence > known + 1n) {
        const found = await mend(known + 1n, sequence);
        if (BigInt(found.length) !== sequence - known - 1n) miss();
        whole.push(...found);
      }
      whole.push(event);
      known = sequence;
    }
    return whole;
  };
}

/** Whether a batch goes on where the last one ended, as nearly all do. */
function isNext(batch: readonly ReceivedEvent[], known: bigint | undefined): boolean {
  const first = batch[0]?.sequence;
  if (first === undefined) return true;
  if (known !== undefined && first !== known + 1n) return false;
  return batch.every(({ sequence }, index) => sequence === first + BigInt(index));
}

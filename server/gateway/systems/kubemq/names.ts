import { invalid, type Refusal } from "../../refusal.js";
import { protoFields } from "../proto-fields.js";

/** A place for a name in a request message: the numbers of the fields that lead to it. */
interface NameField {
  /** As its error calls it. */
  readonly name: string;
  readonly path: readonly number[];
  /**
   * Whether the name is that of a stored channel or a queue: always, or when the field of that number is not zero, or
   * has that value.
   */
  readonly stored: boolean | { readonly field: number; readonly value?: bigint };
}

const plain = (name: string, ...path: number[]): NameField => ({ name, path, stored: false });
const stored = (name: string, ...path: number[]): NameField => ({ name, path, stored: true });

const EVENT = [{ name: "Channel", path: [3], stored: { field: 6 } }];
/** Of a queue message that stands in the field `at`, or is the request itself. */
const queueMessage = (...at: number[]): NameField[] => [stored("Channel", ...at, 3), stored("MaxReceiveQueue", ...at, 8, 4)];

/** The names in the requests of each method. */
const NAMES: ReadonlyMap<string, readonly NameField[]> = new Map<string, readonly NameField[]>([
  ["SendEvent", EVENT],
  ["SendEventsStream", EVENT],
  // In the type of subscription 2 stands for the events store.
  ["SubscribeToEvents", [{ name: "Channel", path: [3], stored: { field: 1, value: 2n } }, plain("Group", 4)]],
  ["SubscribeToRequests", [plain("Channel", 3), plain("Group", 4)]],
  ["SendRequest", [plain("Channel", 4), plain("ReplyChannel", 7)]],
  ["SendResponse", [plain("ReplyChannel", 3)]],
  ["SendQueueMessage", queueMessage()],
  ["SendQueueMessagesBatch", queueMessage(2)],
  ["ReceiveQueueMessages", [stored("Channel", 3)]],
  ["AckAllQueueMessages", [stored("Channel", 3)]],
  ["StreamQueueMessage", [stored("Channel", 4), ...queueMessage(8)]],
  ["QueuesDownstream", [stored("Channel", 4), stored("ReQueueChannel", 8)]],
  ["QueuesUpstream", queueMessage(2)],
  ["QueuesInfo", [plain("QueueName", 2)]],
].map(([method, fields]) => [`/kubemq.kubemq/${method as string}`, fields as readonly NameField[]]));

const SPACE = 0x20;
const DELETE = 0x7f;
const DOT = 0x2e;
const SLASH = 0x2f;

/**
 * Looks through a serialised request for names that would harm the broker or lie to its sender: one line feed in a
 * channel silences a 2.4 broker for everybody; a slash or an empty token in a stored channel's is answered with
 * "sent", and nothing is stored. Empty names are left to the broker, which has errors of its own for them.
 *
 * The bytes go on as they are, and every occurrence of a field is looked at: which one the broker takes does not matter.
 */
export function refusalOfNames(path: string, message: Uint8Array): Refusal | undefined {
  const fields = NAMES.get(path);
  if (fields === undefined) return undefined;
  try {
    for (const field of fields) {
      const isStored = typeof field.stored === "boolean" ? field.stored : says(message, field.stored);
      for (const name of valuesAt(message, field.path)) {
        const fault = faultOf(name, isStored);
        if (fault !== undefined) return invalid(`\`${field.name}\` must ${fault}`);
      }
    }
    return undefined;
  } catch {
    return invalid(`The request message is none of ${path}`);
  }
}

function says(message: Uint8Array, { field, value }: { readonly field: number; readonly value?: bigint }): boolean {
  for (const found of protoFields(message)) {
    if (found.number === field && typeof found.value === "bigint" && (value === undefined ? found.value !== 0n : found.value === value)) return true;
  }
  return false;
}

function* valuesAt(message: Uint8Array, [first, ...rest]: readonly number[]): Generator<Uint8Array> {
  for (const { number, value } of protoFields(message)) {
    if (number !== first || !(value instanceof Uint8Array)) continue;
    if (rest.length === 0) yield value;
    else yield* valuesAt(value, rest);
  }
}

/** In UTF-8 the bytes of these characters stand for nothing else. */
function faultOf(name: Uint8Array, isStored: boolean): string | undefined {
  let before = DOT;
  for (const byte of name) {
    if (byte < SPACE || byte === DELETE) return "have no control characters";
    if (isStored && byte === SLASH) return "have no slash: the name is that of a stored channel or a queue";
    if (isStored && byte === DOT && before === DOT) return "have no empty part between its dots: the name is that of a stored channel or a queue";
    before = byte;
  }
  return isStored && name.length > 0 && before === DOT ? "not end with a dot: the name is that of a stored channel or a queue" : undefined;
}

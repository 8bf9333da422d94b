import { accessDenied, unauthenticated } from "./errors.js";
import { describedBy } from "./record.js";
import type { EventStore } from "./store.js";
import { parseAcl, parseObject, type Acl, type Right } from "./stream-metadata.js";
import type { Users } from "./users.js";

/** Who calls: nobody, or a login with its groups. */
export interface Caller {
  readonly login: string;
  readonly groups: readonly string[];
}

/** One call's rights. */
export interface EmbeddedSession {
  /** `system` where no rights are checked; `undefined` for a caller that did not log in. */
  readonly login: string | undefined;
  /** @throws {StatusError} PERMISSION_DENIED unless the caller has the right on the stream. */
  require(stream: string, right: Right): void;
  /** @throws {StatusError} PERMISSION_DENIED unless the caller has logged in. */
  requireLogin(): void;
  /** @throws {StatusError} PERMISSION_DENIED unless the caller is in one of the groups; `$admins` always is. */
  requireGroup(...groups: readonly string[]): void;
}

/** What a server without users grants: everything, to everybody. */
export const UNCHECKED: EmbeddedSession = { login: "system", require() {}, requireLogin() {}, requireGroup() {} };

const METADATA_RIGHTS: Readonly<Partial<Record<Right, Right>>> = { $r: "$mr", $w: "$mw", $d: "$mw" };
const EVERYBODY = "$all";
const ADMINS = "$admins";

/** The rights of whoever sent these headers. @throws {StatusError} UNAUTHENTICATED for a login that is wrong. */
export function openSession(store: EventStore, users: Users, headers: Headers): EmbeddedSession {
  const caller = callerOf(users, headers.get("authorization"));
  const isIn = (roles: readonly string[]): boolean =>
    caller !== undefined && roles.some((role) => role === caller.login || caller.groups.includes(role));
  return {
    login: caller?.login,
    require(stream, right) {
      if (isIn([ADMINS])) return;
      // "Everybody" is every login: nobody in particular may use no stream at all.
      if (caller === undefined || (stream === EVERYBODY && right !== "$r")) throw accessDenied();
      const roles = rolesOf(store, stream, right);
      if (!roles.includes(EVERYBODY) && !isIn(roles)) throw accessDenied();
    },
    requireLogin() {
      if (caller === undefined) throw accessDenied();
    },
    requireGroup(...groups) {
      if (!isIn([ADMINS, ...groups])) throw accessDenied();
    },
  };
}

function callerOf(users: Users, authorization: string | null): Caller | undefined {
  const match = /^basic\s+(.*)$/i.exec(authorization ?? "");
  if (match === null) return undefined;
  const [, login, password] = /^([^:]*):(.*)$/s.exec(decodeBase64(match[1] as string)) ?? [];
  if (login === undefined || password === undefined) throw unauthenticated();
  const caller = users.authenticate(login, password);
  if (caller === undefined) throw unauthenticated();
  return caller;
}

function decodeBase64(text: string): string {
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(text.trim()), (char) => char.charCodeAt(0)));
  } catch {
    throw unauthenticated();
  }
}

/** Who has a right: the stream's own list, else the server's, else what is built in. */
function rolesOf(store: EventStore, stream: string, right: Right): readonly string[] {
  const described = describedBy(stream);
  if (described !== undefined) return rolesOf(store, described, METADATA_RIGHTS[right] ?? right);
  const own = store.metadataOf(stream).acl?.[right];
  if (own !== undefined) return own;
  const isSystem = stream.startsWith("$");
  return defaultsOf(store, isSystem)?.[right] ?? [isSystem ? ADMINS : EVERYBODY];
}

function defaultsOf(store: EventStore, isSystem: boolean): Acl | undefined {
  const last = store.recordAt("$settings", store.lastNumber("$settings"));
  const settings = last && parseObject(new TextDecoder().decode(last.data));
  return parseAcl(settings?.[isSystem ? "$systemStreamAcl" : "$userStreamAcl"]);
}

import type { DetailsResp_UserDetails } from "millrace/internal/gen/static/event_store/client/users/users";
import type { Caller } from "./access.js";
import { accessDenied, exception } from "./errors.js";

interface User {
  password: string;
  fullName: string;
  groups: readonly string[];
  disabled: boolean;
  updated: bigint;
}

/** The users of a server that checks them: two are built in, each with the password `changeit`. */
export class Users {
  readonly #users = new Map<string, User>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
    this.create("admin", "changeit", "Event Store Administrator", ["$admins"]);
    this.create("ops", "changeit", "Event Store Operations", ["$ops"]);
  }

  /** Who has this login; `undefined` when there is none, it is disabled, or the password is wrong. */
  authenticate(login: string, password: string): Caller | undefined {
    const user = this.#users.get(login);
    return user === undefined || user.password !== password || user.disabled ? undefined : { login, groups: user.groups };
  }

  /** Adds one; with the password that it has already, nothing changes. @throws {StatusError} */
  create(login: string, password: string, fullName: string, groups: readonly string[]): void {
    const existing = this.#users.get(login);
    if (existing === undefined) this.#users.set(login, { password, fullName, groups, disabled: false, updated: this.#ticks() });
    else if (existing.password !== password) throw exception(9, "user-conflict", "Conflict.", { "login-name": login });
  }

  update(login: string, fullName: string, groups: readonly string[]): void {
    Object.assign(this.#find(login), { fullName, groups, updated: this.#ticks() });
  }

  delete(login: string): void {
    this.#find(login);
    this.#users.delete(login);
  }

  setDisabled(login: string, disabled: boolean): void {
    Object.assign(this.#find(login), { disabled, updated: this.#ticks() });
  }

  /** @throws {StatusError} PERMISSION_DENIED when the current password is another. */
  changePassword(login: string, current: string, next: string): void {
    const user = this.#find(login);
    if (user.password !== current) throw accessDenied();
    user.password = next;
  }

  resetPassword(login: string, next: string): void {
    this.#find(login).password = next;
  }

  /** One user, or all by name. @throws {StatusError} NOT_FOUND */
  details(login: string): DetailsResp_UserDetails[] {
    if (login !== "") this.#find(login);
    return [...this.#users]
      .filter(([name]) => login === "" || name === login)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, { fullName, groups, disabled, updated }]) =>
        ({ loginName: name, fullName, groups: [...groups], lastUpdated: { ticksSinceEpoch: updated }, disabled }));
  }

  #find(login: string): User {
    const user = this.#users.get(login);
    if (user === undefined) throw exception(5, "user-not-found", `User '${login}' is not found.`, { "login-name": login });
    return user;
  }

  #ticks(): bigint {
    return BigInt(Math.trunc(this.#now())) * 10_000n;
  }
}

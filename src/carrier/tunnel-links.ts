import type { Applied, MillraceError } from "../core/errors.js";
import { TunnelLink, type TunnelSettings } from "./tunnel-link.js";

/** How long calls that ended with their page are not tried again by themselves, in milliseconds, unless the page comes back. */
const LEFT_MS = 20_000;

/**
 * The tunnel of one carrier: opened when it is asked for, and again when it was lost.
 *
 * A page that is left closes it, since an open socket keeps a page out of the back-forward cache, and opens none until
 * it is shown again.
 */
export class TunnelLinks {
  readonly #settings: TunnelSettings;
  #current: TunnelLink | undefined;
  #closed: Error | undefined;
  #isPageLeft = false;
  #isWatching = false;
  readonly #pageLeft = (): void => {
    this.#isPageLeft = true;
    this.#current?.close(this.#pageIsLeft("unknown"));
  };
  readonly #pageShown = (): void => { this.#isPageLeft = false; };

  constructor(settings: TunnelSettings) {
    this.#settings = settings;
  }

  /** Whether there is a tunnel that takes calls at once. */
  get standing(): boolean {
    return this.#current?.usable === true && this.#current.isReady;
  }

  /**
   * The tunnel for a new call: the one there is, or else a new one.
   *
   * @throws {MillraceError} `unavailable` while the page is left and when it is closed for good. Nothing was sent.
   */
  get(): TunnelLink {
    if (this.#closed !== undefined) throw this.#closed;
    if (this.#isPageLeft) throw this.#pageIsLeft("no");
    if (this.#current?.usable !== true) {
      this.#watchPage("addEventListener");
      this.#current = new TunnelLink(this.#settings, this.#current?.failure?.code === "unauthenticated");
    }
    return this.#current;
  }

  /** Ends every call with `reason`, and opens no tunnel any more. Idempotent. */
  close(reason: Error): void {
    this.#closed ??= reason;
    this.#watchPage("removeEventListener");
    this.#current?.close(reason);
  }

  #pageIsLeft(applied: Applied): MillraceError {
    const { MillraceError } = this.#settings.tools;
    return new MillraceError("unavailable", "The page was left, which closes its tunnel", { applied, retryAfterMs: LEFT_MS });
  }

  #watchPage(act: "addEventListener" | "removeEventListener"): void {
    const watch = act === "addEventListener";
    if (this.#isWatching === watch) return;
    this.#isWatching = watch;
    const { [act]: listen } = globalThis as Partial<Pick<typeof globalThis, typeof act>>;
    listen?.call(globalThis, "pagehide", this.#pageLeft);
    listen?.call(globalThis, "pageshow", this.#pageShown);
  }
}

/** Work may go on for so many milliseconds before whatever else the page has to do gets its turn: a frame is 16. */
const MOST_MS = 12;

/** What browsers have of the Prioritized Task Scheduling API; elsewhere there is nobody to give way to. */
interface Yielding {
  readonly scheduler?: { yield?(): Promise<void> };
}

/**
 * Makes a function to be called between two pieces of work. Where all that a page waits for has come already, awaiting
 * it leaves no room for anything else, and a long read would be one long task. So the function gives back a promise
 * now and then, which is to be awaited: the page has had its turn then.
 */
export function givingWay(): () => Promise<void> | undefined {
  let since = performance.now();
  const begin = (): void => { since = performance.now(); };
  return () => (performance.now() - since < MOST_MS ? undefined : (globalThis as Yielding).scheduler?.yield?.().then(begin));
}

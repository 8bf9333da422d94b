import { MillraceError } from "millrace/internal/core/errors";
import { lockFolder } from "./folder-lock.js";
import { nodeModules } from "./platform.js";

/** Where a database is kept, taken for this process or page alone. */
export interface DataFolder {
  /** As PGlite takes it. */
  readonly dataDir: string;
  /** Has the database made if there is none yet. What was begun and not finished is no database. */
  fill(make: (empty: string) => Promise<void>): Promise<void>;
  /** Lets others open it. */
  release(): Promise<void>;
}

/** @throws {MillraceError} `unavailable` when it is open elsewhere. */
export function dataFolder(name: string): Promise<DataFolder> {
  const node = nodeModules();
  return node === undefined ? pageFolder(name) : fileFolder(node, name);
}

async function fileFolder({ fs, path }: NonNullable<ReturnType<typeof nodeModules>>, folder: string): Promise<DataFolder> {
  await fs.mkdir(folder, { recursive: true });
  const release = await lockFolder(path.join(folder, "messagedb.lock"));
  const dataDir = path.join(folder, "messagedb");
  return {
    dataDir,
    async fill(make) {
      if (await fs.stat(dataDir).then(() => true, () => false)) return;
      const begun = `${dataDir}.begun`;
      await fs.rm(begun, { recursive: true, force: true });
      await make(begun);
      await fs.rename(begun, dataDir);
    },
    release,
  };
}

interface PageLocks { request(name: string, options: { ifAvailable: boolean }, run: (lock: object | null) => Promise<void>): Promise<void> }

async function pageFolder(name: string): Promise<DataFolder> {
  const dataDir = `idb://millrace-messagedb-${name}`;
  const done = `millrace-messagedb-${name}`;
  const { navigator, localStorage } = globalThis as { navigator?: { locks?: PageLocks }; localStorage?: { getItem(key: string): string | null; setItem(key: string, value: string): void } };
  const release = await lockPage(navigator?.locks, dataDir);
  return {
    dataDir,
    async fill(make) {
      if (localStorage?.getItem(done) === "made") return;
      await make(dataDir);
      localStorage?.setItem(done, "made");
    },
    release,
  };
}

/** Tabs of one origin share IndexedDB. */
function lockPage(locks: PageLocks | undefined, name: string): Promise<() => Promise<void>> {
  if (locks === undefined) throw new MillraceError("unsupported", "A page keeps a Message DB only over https or on localhost, where there are Web Locks", { system: "messagedb" });
  return new Promise((resolve, reject) => {
    const held = locks.request(name, { ifAvailable: true }, (lock) => new Promise((release) => {
      if (lock === null) {
        reject(new MillraceError("unavailable", "Another tab has this Message DB open", { system: "messagedb" }));
        release();
      } else {
        resolve(async () => {
          release();
          await held;
        });
      }
    }));
    held.catch(reject);
  });
}

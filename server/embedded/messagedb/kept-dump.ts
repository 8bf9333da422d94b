import { nodeModules } from "./platform.js";

/** Where a database that was built once is kept for the next time. */
interface Keep {
  get(): Promise<Blob | undefined>;
  put(dump: Blob): Promise<void>;
}

/**
 * A dump that is built at the first run and then taken from where it was kept: a file of the user's cache in Node, the
 * page's Cache Storage, nowhere where there is neither. What cannot be kept or read is built again.
 *
 * @param name Another name for each version of what is in it.
 */
export async function keptDump(name: string, build: () => Promise<Blob>): Promise<Blob> {
  const keep = keepOf(name);
  const kept = await keep?.get().catch(() => undefined);
  if (kept !== undefined) return kept;
  const built = await build();
  await keep?.put(built).catch(() => {});
  return built;
}

function keepOf(name: string): Keep | undefined {
  const node = nodeModules();
  if (node !== undefined) return fileKeep(node, name);
  const { caches } = globalThis as { caches?: CacheStorage };
  return caches === undefined ? undefined : cacheKeep(caches, name);
}

function fileKeep({ fs, os, path, process }: NonNullable<ReturnType<typeof nodeModules>>, name: string): Keep {
  const folder = path.join(process.env["XDG_CACHE_HOME"] ?? path.join(os.homedir(), ".cache"), "millrace");
  const file = path.join(folder, name);
  return {
    get: async () => new Blob([await fs.readFile(file)]),
    async put(dump) {
      // Written aside and renamed, so that nobody ever reads half of it.
      const aside = `${file}.${process.pid}-${Math.random().toString(36).slice(2)}`;
      await fs.mkdir(folder, { recursive: true });
      try {
        await fs.writeFile(aside, new Uint8Array(await dump.arrayBuffer()));
        await fs.rename(aside, file);
      } finally {
        await fs.rm(aside, { force: true });
      }
    },
  };
}

interface CacheStorage { open(name: string): Promise<{ match(key: string): Promise<Response | undefined>; put(key: string, value: Response): Promise<void> }> }

function cacheKeep(caches: CacheStorage, name: string): Keep {
  const key = `https://millrace.invalid/${name}`;
  return {
    get: async () => (await (await caches.open("millrace")).match(key))?.blob(),
    put: async (dump) => (await caches.open("millrace")).put(key, new Response(dump)),
  };
}

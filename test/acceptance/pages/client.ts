import { isMillraceError } from "millrace";
import { UmaDb } from "millrace/umadb";

/** What the scripts use inside the page; everything comes from the packed tarball. */
const shared = { UmaDb, isMillraceError };

declare global {
  /** Set by this file, in the page. */
  var millrace: typeof shared;
}

globalThis.millrace = shared;

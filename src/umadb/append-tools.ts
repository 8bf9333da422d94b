import { isMillraceError, MillraceError } from "../core/errors.js";
import { ViewReader } from "../wire/view-reader.js";
import { list, optional, position, record, text, texts, wrong } from "./check.js";
import { encodeRead, writeQuery } from "./codec-request.js";
import { toSource, toWireQuery } from "./convert.js";
import { AppendConditionError, TrackingConflictError } from "./errors.js";
import { ProtoWriter } from "./proto-writer.js";
import { utf8Length } from "./utf8-length.js";

/**
 * What appending needs of what a page has loaded anyway. It is handed over: a module that the part loaded on demand
 * imported as well would go, with all that it imports, into a third file, which every page would then load beside the
 * first and which compresses worse.
 */
export const appendTools = {
  isMillraceError, MillraceError, ViewReader, list, optional, position, record, text, texts, wrong,
  encodeRead, writeQuery, toSource, toWireQuery, AppendConditionError, TrackingConflictError, ProtoWriter, utf8Length,
};

/** The type of {@link appendTools}. */
export type AppendTools = typeof appendTools;

import { UmaDb } from "millrace/umadb";
import { takeAll } from "./millrace.mjs";

/** Our client event by event, the way that most programs are written. */
export const open = (url) => async (_fields, sum) => {
  const db = new UmaDb({ url });
  const one = [undefined];
  for await (const event of db.read()) {
    one[0] = event;
    takeAll(one, sum);
  }
  await db.close();
};

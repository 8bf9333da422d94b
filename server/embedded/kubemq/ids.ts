const CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LENGTH = 22;

/** An id as the broker makes them: 22 letters and digits. */
export function newId(): string {
  let id = "";
  for (const byte of crypto.getRandomValues(new Uint8Array(LENGTH))) id += CHARACTERS[byte % CHARACTERS.length];
  return id;
}

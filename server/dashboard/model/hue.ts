/** How many colours the style sheet has for event types. */
const HUES = 8;

/** A colour for a word, the same every time: a number from 0 to 7. */
export function hueOf(word: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < word.length; i++) hash = Math.imul(hash ^ word.charCodeAt(i), 0x01000193);
  return ((hash ^ (hash >>> 15)) >>> 0) % HUES;
}

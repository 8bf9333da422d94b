/** A shuffling of lists that a seed decides, so that a run can be repeated. */
export function shuffler(seed: number): <T>(items: readonly T[]) => T[] {
  let state = seed >>> 0;
  const below = (bound: number): number => {
    // xorshift32, which must not be at 0.
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % bound;
  };
  if (state === 0) state = 1;
  return (items) => {
    const left = [...items];
    const shuffled: (typeof left)[number][] = [];
    while (left.length > 0) shuffled.push(...left.splice(below(left.length), 1));
    return shuffled;
  };
}

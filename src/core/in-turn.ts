/** Makes a function that runs what it is given, one after the other, whatever becomes of the one before. */
export function inTurn(): <T>(act: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return <T>(act: () => Promise<T>) => {
    const turn = last.then(act, act);
    last = turn;
    return turn;
  };
}

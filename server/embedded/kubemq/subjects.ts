/** Whether a pattern takes a channel: `*` stands for one part between dots, `>` at the end for one or more. */
export function matches(pattern: string, channel: string): boolean {
  const wanted = pattern.split(".");
  const given = channel.split(".");
  for (const [index, token] of wanted.entries()) {
    if (token === ">" && index === wanted.length - 1) return given.length > index;
    if (index >= given.length || (token !== "*" && token !== given[index])) return false;
  }
  return wanted.length === given.length;
}

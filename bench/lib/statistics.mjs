export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** How far values lie apart, as a share of their median. */
export function spreadOf(values) {
  return (Math.max(...values) - Math.min(...values)) / median(values);
}

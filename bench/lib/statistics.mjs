export function median(values) {
  return percentile(values, 50);
}

/** Between two values it lies where a straight line between them has it. */
export function percentile(values, percent) {
  const sorted = [...values].sort((a, b) => a - b);
  const place = ((sorted.length - 1) * percent) / 100;
  const below = sorted[Math.floor(place)];
  return below + (sorted[Math.ceil(place)] - below) * (place % 1);
}

/** How far values lie apart, as a share of their median. */
export function spreadOf(values) {
  const width = Math.max(...values) - Math.min(...values);
  return width / (median(values) || 1);
}

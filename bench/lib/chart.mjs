/** Bars of how many times as fast we are as each peer, as an SVG that reads on light and on dark pages. */
export function chartOf(rows) {
  const bars = rows.filter(({ ratio, unit }) => ratio !== null && unit.startsWith("kev"));
  const longest = Math.max(1, ...bars.map(({ ratio }) => ratio));
  const height = TOP + bars.length * STEP + 8;
  const lines = bars.map((row, n) => bar(row, TOP + n * STEP, longest));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="13" role="img" aria-label="${TITLE}">
  <style>text { fill: #1f2328 } .value { font-weight: 600 } .bar { fill: #0b7a75 } .one { stroke: #8b949e; stroke-dasharray: 3 3 } @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .bar { fill: #3fb8af } }</style>
  <text x="0" y="16" class="value">${TITLE}</text>
${lines.join("\n")}
  <line class="one" x1="${LEFT + ROOM / longest}" x2="${LEFT + ROOM / longest}" y1="${TOP - 6}" y2="${height - 8}"/>
</svg>
`;
}

const TITLE = "How many times as many events a second (dashed: as many as the peer)";
const WIDTH = 1_060;
const LEFT = 640;
const ROOM = 350;
const TOP = 34;
const STEP = 24;

function bar({ shape, runtime, ratio }, y, longest) {
  const length = ((ROOM * ratio) / longest).toFixed(1);
  return `  <text x="${LEFT - 8}" y="${y + 13}" text-anchor="end">${escaped(`${shape} (${runtime.split(".")[0]})`)}</text>
  <rect class="bar" x="${LEFT}" y="${y}" width="${length}" height="16" rx="2"/>
  <text class="value" x="${LEFT + Number(length) + 6}" y="${y + 13}">${ratio.toFixed(2)}</text>`;
}

function escaped(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

const WIDTH = 120;
const HEIGHT = 32;
const SVG = "http://www.w3.org/2000/svg";

/** A line of the last values, filled below, scaled to the largest of them. */
export interface Sparkline {
  update(values: readonly number[]): void;
}

/** Draws into an empty `<svg>`. It is an ornament: the figures beside it say the same. */
export function sparkline(svg: SVGSVGElement): Sparkline {
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  const area = svg.appendChild(document.createElementNS(SVG, "path"));
  const line = svg.appendChild(document.createElementNS(SVG, "path"));
  area.setAttribute("class", "sparkline-area");
  line.setAttribute("class", "sparkline-line");
  return {
    update(values) {
      const path = pathOf(values);
      line.setAttribute("d", path);
      area.setAttribute("d", `${path}L${WIDTH},${HEIGHT}L0,${HEIGHT}Z`);
    },
  };
}

function pathOf(values: readonly number[]): string {
  const top = Math.max(1, ...values);
  const step = WIDTH / Math.max(1, values.length - 1);
  return values
    .map((value, index) => `${index === 0 ? "M" : "L"}${round(index * step)},${round(HEIGHT - 1 - (value / top) * (HEIGHT - 3))}`)
    .join("");
}

function round(value: number): string {
  return value.toFixed(1);
}

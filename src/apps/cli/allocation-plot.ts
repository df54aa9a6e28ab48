// SPDX-License-Identifier: Apache-2.0
// Allocation against arrived load (or time) as SVG: the whole run on the left, its end enlarged on the right. Pure.

export interface PlotLine {
  /** Lines of one name share a colour and one row of the legend. */
  readonly name: string;
  /** Shares: 0.5 is 50 %. */
  readonly points: readonly { readonly at: number; readonly allocation: number }[];
}

interface Range {
  readonly from: number;
  readonly to: number;
}

interface Panel {
  readonly left: number;
  readonly x: Range;
  readonly y: Range;
  /** Number on the axis for a value. */
  readonly xText: (value: number) => string;
}

const WIDTH = 480;
const HEIGHT = 360;
const TOP = 30;
const LEFT = 60;
const GAP = 70;
const LEGEND = 24;
const TICKS = 5;
/** Told apart by the colour-blind too (Okabe and Ito). */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];
/** How much of the run is enlarged. */
const END = 0.3;

/** `axis` names what `at` is. */
export function allocationPlot(lines: readonly PlotLine[], axis: string): string {
  const names = [...new Set(lines.map(({ name }) => name))];
  const panels = panelsOf(lines, axis.includes('%'));
  const width = LEFT + 2 * WIDTH + GAP + 20;
  const height = TOP + HEIGHT + 60 + LEGEND * Math.ceil(names.length / 4);
  const body = panels.flatMap((panel) => [
    frameOf(panel, axis),
    ...lines.map((line) => lineOf(panel, line, colourOf(names.indexOf(line.name)))),
  ]);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    ...body,
    ...names.map((name, at) => legendOf(name, at)),
    '</svg>',
    '',
  ].join('\n');
}

function panelsOf(lines: readonly PlotLine[], isShare: boolean): readonly Panel[] {
  const xText = (value: number): string => (isShare ? `${Math.round(100 * value)}` : value.toFixed(1));
  const points = lines.flatMap((line) => line.points);
  const most = Math.max(0.01, ...points.map(({ at }) => at));
  const end = points.filter(({ at }) => at >= (1 - END) * most).map(({ allocation }) => allocation);
  const low = Math.floor(100 * Math.min(1, ...end)) / 100;
  const high = Math.max(low + 0.01, Math.ceil(100 * Math.max(0, ...end)) / 100);
  return [
    { left: LEFT, x: { from: 0, to: most }, y: { from: 0, to: 1 }, xText },
    { left: LEFT + WIDTH + GAP, x: { from: (1 - END) * most, to: most }, y: { from: low, to: high }, xText },
  ];
}

const colourOf = (at: number): string => COLOURS[at % COLOURS.length] ?? 'black';
const ratio = (value: number, { from, to }: Range): number => (value - from) / (to - from);
const xOf = (panel: Panel, value: number): number => panel.left + WIDTH * ratio(value, panel.x);
const yOf = (panel: Panel, value: number): number => TOP + HEIGHT * (1 - ratio(value, panel.y));
const ticksOf = ({ from, to }: Range): readonly number[] =>
  Array.from({ length: TICKS + 1 }, (_, at) => from + ((to - from) * at) / TICKS);

function frameOf(panel: Panel, axis: string): string {
  const { left, x, y, xText } = panel;
  const bottom = TOP + HEIGHT;
  const across = ticksOf(y).map((value) => {
    const at = yOf(panel, value).toFixed(1);
    return `<path d="M${left} ${at}H${left + WIDTH}" stroke="#ddd"/><text x="${left - 6}" y="${at}" text-anchor="end" dominant-baseline="middle">${(100 * value).toFixed(1)}</text>`;
  });
  const along = ticksOf(x).map(
    (value) =>
      `<text x="${xOf(panel, value).toFixed(1)}" y="${bottom + 16}" text-anchor="middle">${xText(value)}</text>`,
  );
  return [
    ...across,
    ...along,
    `<rect x="${left}" y="${TOP}" width="${WIDTH}" height="${HEIGHT}" fill="none" stroke="#888"/>`,
    `<text x="${left}" y="${TOP - 10}">GPU allocated, %</text>`,
    `<text x="${left + WIDTH}" y="${bottom + 34}" text-anchor="end">${escaped(axis)}</text>`,
  ].join('\n');
}

/** As far as it runs inside the panel. */
function lineOf(panel: Panel, line: PlotLine, colour: string): string {
  const seen = line.points.filter(({ at }) => at >= panel.x.from);
  const path = seen.map(
    ({ at, allocation }) => `${xOf(panel, at).toFixed(1)} ${yOf(panel, allocation).toFixed(1)}`,
  );
  return `<polyline points="${path.join(' ')}" fill="none" stroke="${colour}" stroke-width="1.5"/>`;
}

function legendOf(name: string, at: number): string {
  const x = LEFT + (at % 4) * 240;
  const y = TOP + HEIGHT + 56 + LEGEND * Math.floor(at / 4);
  const mark = `<path d="M${x} ${y}h24" stroke="${colourOf(at)}" stroke-width="3"/>`;
  return `${mark}<text x="${x + 30}" y="${y}" dominant-baseline="middle">${escaped(name)}</text>`;
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

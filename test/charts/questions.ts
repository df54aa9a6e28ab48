// SPDX-License-Identifier: Apache-2.0
// What the panels of the boards ask, with Grafana's words filled in.

export interface Question {
  readonly board: string;
  readonly panel: string;
  readonly help: string;
  readonly expr: string;
}

interface Board {
  readonly panels: readonly {
    readonly title: string;
    readonly description: string;
    readonly targets: readonly { readonly expr: string }[];
  }[];
}

/** As Grafana asks where everything is chosen. Scrapes of a test are a second apart, so a minute is a long time. */
const FILLED: readonly (readonly [RegExp, string])[] = [
  [/\$__(rate_interval|range)/g, '1m'],
  [/\$(node|namespace|pod)\b/g, '.*'],
];

export function questionsOf(files: Readonly<Record<string, string>>): readonly Question[] {
  return Object.entries(files).flatMap(([board, text]) =>
    (JSON.parse(text) as Board).panels.flatMap(({ title, description, targets }) =>
      targets.map(({ expr }) => ({ board, panel: title, help: description, expr: filled(expr) })),
    ),
  );
}

const filled = (expr: string): string => FILLED.reduce((text, [word, by]) => text.replaceAll(word, by), expr);

/** What an alert looks at, without the bound (or the absence) that makes it an alert. */
export function watchedBy(expr: string): string {
  const present = /^absent\((.*)\)$/.exec(expr)?.[1] ?? expr;
  return present.replace(/ (==|!=|>|<|>=|<=) [\d.]+$/, '');
}

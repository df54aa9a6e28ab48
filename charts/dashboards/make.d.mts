/** File name → its text. */
export function dashboards(): Record<string, string>;

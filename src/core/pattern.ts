// SPDX-License-Identifier: Apache-2.0

/** Whether the whole text is of the pattern, where `*` stands for any letters, also none. Steps ≤ pattern × text. */
export function matchesPattern(pattern: string, text: string): boolean {
  let [at, read] = [0, 0];
  // Where to go back to: behind the last star, which then stands for one letter more.
  let [star, taken] = [-1, 0];
  while (read < text.length) {
    if (pattern[at] === '*') [star, taken, at] = [at, read, at + 1];
    else if (pattern[at] === text[read]) [at, read] = [at + 1, read + 1];
    else if (star >= 0) [at, read, taken] = [star + 1, taken + 1, taken + 1];
    else return false;
  }
  return /^\**$/.test(pattern.slice(at));
}

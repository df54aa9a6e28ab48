// SPDX-License-Identifier: Apache-2.0

/** Small whole numbers, each given to one owner at a time. */
export class Ordinals {
  private readonly free: number[] = [];
  private next = 0;

  take(): number {
    return this.free.pop() ?? this.next++;
  }

  giveBack(ordinal: number): void {
    this.free.push(ordinal);
  }
}

// SPDX-License-Identifier: Apache-2.0

/**
 * How well each pair of a node's devices of one vendor is linked: more is better, 0 on the diagonal.
 * In the words of wire/links: SYS 10, NODE 20, PHB 30, PXB 40, PIX 50, PSB 60, n NVLinks 100 n.
 * Matrices of equal content are one object, so that what is worked out of one serves all nodes of its kind.
 */
export interface LinkMatrix {
  readonly size: number;
  /** Row by row, in the order of the devices' indexes. */
  readonly weight: readonly number[];
}

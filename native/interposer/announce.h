// SPDX-License-Identifier: Apache-2.0
#ifndef KERF_ANNOUNCE_H
#define KERF_ANNOUNCE_H

/* Tells the node's monitor that this process uses its slice. Waits for nobody; where nobody listens nothing happens. */
void announce_process(void);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * First process of a PID namespace, and the sandbox ("pause") of every pod: it takes away dead children and waits.
 * The kernel kills every other process of the namespace when it ends.
 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

static void take_away_children(void)
{
    while (waitpid(-1, 0, WNOHANG) > 0) {
    }
}

int main(void)
{
    sigset_t awaited;
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGCHLD);
    sigaddset(&awaited, SIGTERM);
    sigaddset(&awaited, SIGINT);
    sigprocmask(SIG_BLOCK, &awaited, 0);
    for (;;) {
        take_away_children();
        int got = sigwaitinfo(&awaited, 0);
        if (got == SIGTERM || got == SIGINT) {
            return 0;
        }
    }
}

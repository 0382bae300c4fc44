/* -stats: the counters of all processors, printed when the program ends. */
#ifndef TOOLS_STATS_H
#define TOOLS_STATS_H

/* Prints them on standard error, and as JSON to the file of -stats json=; no-op without -stats.
 * The machine is quiesced. */
void stats_print(void);

#endif

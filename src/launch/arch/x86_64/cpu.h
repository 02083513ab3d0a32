/* SPDX-License-Identifier: Apache-2.0 */
/* cpu.h - which processor this is. */
#ifndef WY_LAUNCH_ARCH_CPU_H
#define WY_LAUNCH_ARCH_CPU_H

/* The family, as /proc/cpuinfo counts it.  In a virtual machine it takes some microseconds. */
unsigned int wy_cpu_family(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/arch/x86_64/cpu.h"

#include <cpuid.h>

/* AMD64 Architecture Programmer's Manual, volume 3, appendix E.3.2 */
unsigned int wy_cpu_family(void)
{
	unsigned int eax, ebx, ecx, edx, family;

	__cpuid(1, eax, ebx, ecx, edx);
	family = eax >> 8 & 0xf;
	return family == 0xf ? family + (eax >> 20 & 0xff) : family;
}

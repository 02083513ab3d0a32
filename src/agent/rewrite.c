/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/site.h"

void wy_site_rewrite(struct wy_site *site, long nr)
{
	(void)nr;
	site->next_try = 65535;
}

struct wy_site *wy_site_of_outlier(unsigned long pc)
{
	(void)pc;
	return NULL;
}

unsigned long wy_site_outlier_pc(const struct wy_site *site, unsigned long pc)
{
	(void)pc;
	return site->addr;
}
